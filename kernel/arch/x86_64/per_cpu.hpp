// SPDX-License-Identifier: MIT
// What a processor finds through gs in the kernel. The entry code uses the first fields by offset (offsets.cpp); the
// block of the first processor is static, the others' are taken from early memory and live for ever.
#pragma once

#include "kernel/arch/x86_64/descriptors.hpp"
#include "kernel/core/cpu.hpp"
#include "kernel/core/traps.hpp"

namespace aegis::arch {

struct alignas(64) PerCpu {
  PerCpu* self = nullptr;
  std::uint64_t kernel_stack = 0;               // its end
  std::uint64_t scratch = 0;                    // the user's rsp while entry code needs a register
  Cpu* core = nullptr;                          // `cpu` below
  std::atomic<bool> flush_wanted{false};        // set by flush_translations, cleared here when done
  std::atomic<bool> online{false};
  std::uint32_t apic_id = 0;
  std::uint64_t timer_deadline_ns = ~std::uint64_t{0};
  std::uint64_t cr3 = 0;                        // page tables in use, and their tag
  Descriptors descriptors;
  Cpu cpu{};
};
static_assert(offsetof(PerCpu, self) == 0);

extern "C" PerCpu boot_processor;
[[nodiscard]] PerCpu& per_cpu(CpuId id);
void add_processor(PerCpu& processor);  // makes it known to cpu() and cpu_count()

[[nodiscard]] inline PerCpu& this_per_cpu() {
  PerCpu* self;
  asm("movq %%gs:0, %0" : "=r"(self));
  return *self;
}

}  // namespace aegis::arch
