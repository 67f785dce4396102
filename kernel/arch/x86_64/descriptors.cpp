// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/descriptors.hpp"

#include "kernel/arch/x86_64/per_cpu.hpp"

// entry.S: one stub of 16 bytes per vector.
extern "C" const std::byte vector_stubs[];

namespace aegis::arch {
namespace {

struct Gate {  // [intel/vol3 6.14.1]
  std::uint16_t offset_low, selector;
  std::uint8_t ist, type;
  std::uint16_t offset_middle;
  std::uint32_t offset_high, reserved;
};
static_assert(sizeof(Gate) == 16);

struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

[[gnu::section(".fixed")]] alignas(4096) constinit std::array<Gate, 256> interrupt_table{};

constexpr std::uint8_t interrupt_gate = 0x8e, user_gate = 0xee;  // present, 64-bit interrupt gate, DPL 0 or 3
constexpr std::uint64_t stub_size = 16;

constexpr std::uint8_t stack_of(std::size_t vector) {
  switch (vector) {
    case vector::nmi: return 1;
    case vector::double_fault: return 2;
    case vector::machine_check: return 3;
    default: return 0;
  }
}

void load_interrupt_table() {
  const TablePointer idt{sizeof interrupt_table - 1, reinterpret_cast<std::uint64_t>(&interrupt_table)};
  asm volatile("lidt %0" : : "m"(idt) : "memory");
}

}  // namespace

void build_interrupt_table() {
  for (std::size_t v = 0; v < interrupt_table.size(); ++v) {
    const auto entry = reinterpret_cast<std::uint64_t>(vector_stubs) + v * stub_size;
    // int3 is the one software interrupt that ring 3 may raise; `int n` with any other n is a protection fault.
    interrupt_table[v] = Gate{.offset_low = static_cast<std::uint16_t>(entry),
                              .selector = selector::kernel_code,
                              .ist = stack_of(v),
                              .type = v == vector::breakpoint ? user_gate : interrupt_gate,
                              .offset_middle = static_cast<std::uint16_t>(entry >> 16),
                              .offset_high = static_cast<std::uint32_t>(entry >> 32),
                              .reserved = 0};
  }
  load_interrupt_table();
}

void prepare_descriptors(PerCpu& p, const Stacks& stacks) {
  TaskState& task = p.descriptors.task;
  p.core = &p.cpu;
  task.rsp[0] = p.kernel_stack = stacks.kernel_end;
  for (std::size_t i = 0; i < interrupt_stack_count; ++i) {
    task.ist[i] = stacks.interrupt_end[i] - 16;  // keeps the processor's 16-byte alignment
    *reinterpret_cast<PerCpu**>(task.ist[i]) = &p;
  }
  const auto base = reinterpret_cast<std::uint64_t>(&task);
  auto& gdt = p.descriptors.gdt;
  gdt[2] = 0x00af'9b00'0000'ffff;  // kernel code, 64-bit
  gdt[3] = 0x00cf'9300'0000'ffff;  // kernel data
  gdt[5] = 0x00cf'f300'0000'ffff;  // user data
  gdt[6] = 0x00af'fb00'0000'ffff;  // user code, 64-bit
  gdt[7] = (sizeof(TaskState) - 1) | (base & 0xff'ffff) << 16 | std::uint64_t{0x89} << 40 | (base >> 24 & 0xff) << 56;
  gdt[8] = base >> 32;
}

void load_descriptors(PerCpu& p) {
  const TablePointer gdt{sizeof p.descriptors.gdt - 1, reinterpret_cast<std::uint64_t>(&p.descriptors.gdt)};
  load_interrupt_table();
  asm volatile("lgdt %0\n ltr %w1" : : "m"(gdt), "r"(selector::task) : "memory");
  // cs is 0x10 already and means the same in the new table; ss, ds, es, fs are null since the start and stay so.
}

}  // namespace aegis::arch
