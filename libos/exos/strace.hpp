// SPDX-License-Identifier: MIT
// --strace: one line per call, signal and end, in the form of strace(1), on the log channel. Of calls only those that were chosen.
#pragma once

#include "libos/exos/calls.hpp"
#include "libos/exos/task.hpp"

namespace exos {

// `calls` as --strace= has it, empty: none. What is no call and no class, if anything.
[[nodiscard]] std::string_view strace_start(std::string_view calls);
[[nodiscard]] bool strace_wanted();
// The arguments are printed before the call where it changes them or does not return (execve, exit), else after it.
void strace_enter(std::uint64_t number, const Arguments& arguments);
void strace_call(std::uint64_t number, const Arguments& arguments, const CallResult& result);
void strace_signal(const SignalInfo& info);
void strace_killed(const SignalInfo& info, bool dumped);
void strace_end(const Process& process);

}  // namespace exos
