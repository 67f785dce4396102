// SPDX-License-Identifier: MIT
// The registers of a task as debuggers know them: struct user_regs_struct, the xsave area. [linux sys/user.h]
#pragma once

#include "libos/exos/task.hpp"

namespace exos::trace {

struct UserRegisters {
  std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8, rax, rcx, rdx, rsi, rdi, call;
  std::uint64_t rip, cs, rflags, rsp, ss, fs_base, gs_base, ds, es, fs, gs;
};
static_assert(sizeof(UserRegisters) == 216);

inline constexpr std::uint64_t trap_flag = 1 << 8;

[[nodiscard]] UserRegisters registers_of(const Frame& frame, std::uint64_t fs_base);
// Of a task that stands in a stop. EIO: a value that no program can have; then nothing has changed.
[[nodiscard]] Status set_registers(Task& task, const UserRegisters& values);

[[nodiscard]] std::size_t vector_size();
// The xsave area of a task that stands in a stop, with the word by which debuggers find its layout.
[[nodiscard]] std::span<std::byte> vector_state(Task& task);
// After the tracer has written into it: what the processor would refuse is made acceptable, or EINVAL.
[[nodiscard]] Status check_vector_state(Task& task);
void legacy_state_written(Task& task);      // its first 512 bytes were: they count

// Of the current task, around a stop.
void save_processor_state(Task& task);
void load_processor_state(Task& task);

void set_step(Task& task);
void clear_step(Task& task);
[[nodiscard]] bool steps(const Task& task);

}  // namespace exos::trace
