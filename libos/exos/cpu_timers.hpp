// SPDX-License-Identifier: MIT
// Timers on processor time: ITIMER_VIRTUAL, ITIMER_PROF, timer_create on a CPU clock, RLIMIT_CPU. Nothing interrupts a task
// for them: they are looked at when its slice ends, so they fire up to a slice (10 ms) late.
#pragma once

#include "libos/exos/posix_timers.hpp"

namespace exos {

void check_cpu_timers(Task& task);                             // the task's slice is over
[[nodiscard]] std::uint64_t process_time_ns(Process& process);  // all its tasks, the ended ones too
[[nodiscard]] std::uint64_t thread_time_ns(Task& task);
[[nodiscard]] CpuSplit busy_time(Processor& processor);
[[nodiscard]] Usage usage_of(Process& process);
[[nodiscard]] Usage usage_of(Task& task);
[[nodiscard]] Usage usage_with_children(Process& process);
[[nodiscard]] std::uint64_t cpu_time_of(const PosixTimer& timer);
void expire(PosixTimer& timer, std::uint64_t time_ns);         // it is due: signal and next time

}  // namespace exos
