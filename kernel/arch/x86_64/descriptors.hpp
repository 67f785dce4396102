// SPDX-License-Identifier: MIT
// Segments, task state and the interrupt table. User selectors are Linux's, because programs look at them.
#pragma once

#include "base/std.hpp"

namespace aegis::arch {

struct PerCpu;

// sysret takes SS = STAR + 8 and CS = STAR + 16, syscall takes CS and CS + 8 [intel/vol2 SYSCALL, SYSRET]: hence the
// order. The 32-bit user code segment (0x23) is left out: nobody gets into compatibility mode.
namespace selector {
inline constexpr std::uint16_t kernel_code = 0x10, kernel_data = 0x18, user_base = 0x23, user_data = 0x2b,
                               user_code = 0x33, task = 0x38;
}

// Interrupt vectors. Above the exceptions, in rising priority.
namespace vector {
inline constexpr std::uint8_t debug = 1, nmi = 2, breakpoint = 3, double_fault = 8, protection = 13, page_fault = 14,
                              machine_check = 18, first_device = 0x30, console = 0x30, timer = 0x40, poke = 0x41,
                              flush = 0x42, spurious = 0xff;
}

struct [[gnu::packed]] TaskState {  // [intel/vol3 8.7]
  std::uint32_t reserved0 = 0;
  std::uint64_t rsp[3]{};
  std::uint64_t reserved1 = 0;
  std::uint64_t ist[7]{};           // ist[0]: NMI, [1]: double fault, [2]: machine check
  std::uint64_t reserved2 = 0;
  std::uint16_t reserved3 = 0;
  std::uint16_t io_map = sizeof(TaskState);  // beyond the limit: no port for ring 3
};
static_assert(sizeof(TaskState) == 104);

struct Descriptors {
  std::uint64_t gdt[9]{};
  TaskState task{};
};

inline constexpr std::uint64_t interrupt_stack_count = 3;

// Stack ends for the processor's exceptions and for NMI, double fault, machine check. The last word below each of the
// latter is set to the PerCpu address: those may arrive when gs is still the user's.
struct Stacks {
  std::uint64_t kernel_end;
  std::uint64_t interrupt_end[interrupt_stack_count];
};

void build_interrupt_table();  // once, before the image is write-protected; from then on a fault can be told of
void prepare_descriptors(PerCpu& processor, const Stacks& stacks);  // from any processor
void load_descriptors(PerCpu& processor);                       // on the processor itself; gs base survives

}  // namespace aegis::arch
