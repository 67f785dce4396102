// SPDX-License-Identifier: MIT
// Last words: the record of a program that a fault ended, and of the library itself when it is broken.
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

// Sends a crash record of the task's program (docs/archive.md).
void report_program_crash(const Task& task, const SignalInfo& info);

// The library's own failures: a record marked `library=1`, then the end of the container with status 70.
[[noreturn]] void library_crash(std::string_view reason);
[[noreturn]] void library_fault(const Frame& frame);
[[noreturn]] void report_stuck_task(const Task& task);

inline constexpr std::uint32_t library_crash_status = 70;

}  // namespace exos
