// SPDX-License-Identifier: MIT
// --strace: one line per call, signal and end, in the form of strace(1), on the log channel.
#pragma once

#include "libos/exos/calls.hpp"
#include "libos/exos/task.hpp"

namespace exos {

void strace_start(bool wanted);
[[nodiscard]] bool strace_wanted();
// The arguments are printed before the call where it changes them or does not return (execve, exit), else after it.
void strace_enter(std::uint64_t number, const Arguments& arguments);
void strace_call(std::uint64_t number, const Arguments& arguments, const CallResult& result);
void strace_signal(const SignalInfo& info);
void strace_killed(const SignalInfo& info, bool dumped);
void strace_end(const Process& process);

}  // namespace exos
