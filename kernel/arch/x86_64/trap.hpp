// SPDX-License-Identifier: MIT
// What entry.S hands to C++ and takes back.
#pragma once

#include "kernel/arch/x86_64/per_cpu.hpp"

namespace aegis::arch {

// Pushed by entry.S when the kernel itself was interrupted, and for NMI, double fault and machine check always.
struct KernelFrame {
  std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
  std::uint64_t vector, error, rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(KernelFrame) == 22 * 8);

// In rax and rdx: what entry.S loads, and whether sysret can do it.
struct Resume {
  abi::Registers* registers;
  std::uint64_t by_sysret;
};
static_assert(sizeof(Resume) == 16);

// Flags that sysret cannot restore (RF), or after which it traps at once (TF). [intel/vol2 SYSRET]
inline constexpr std::uint64_t flag_trap = 1u << 8, flag_interrupts = 1u << 9, flag_resume = 1u << 16;
inline constexpr std::uint64_t by_iret_flags = flag_trap | flag_resume;

// Leaves the kernel for the first time on this processor.
[[noreturn]] void enter_user(PerCpu& processor);

[[noreturn]] void panic_with(const char* what, const KernelFrame& frame, std::uint64_t address);

}  // namespace aegis::arch
