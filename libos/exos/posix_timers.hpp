// SPDX-License-Identifier: MIT
// timer_create's timers of a process.
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

struct PosixTimer {
  PosixTimer* next = nullptr;
  std::int32_t id = 0;
  Process* process = nullptr;
  std::uint32_t tid = 0;           // SIGEV_THREAD_ID; 0: the process
  std::uint32_t signal = 0;        // 0: SIGEV_NONE
  std::uint64_t value = 0;
  std::uint32_t clock = 0;
  std::uint64_t interval_ns = 0;
  std::uint64_t overrun = 0;       // ends since the one whose signal is pending
  std::uint64_t last_overrun = 0;  // of the signal that was taken last
  bool on_cpu = false;             // due_ns is processor time (cpu_timers.hpp); 0: disarmed
  std::uint32_t cpu_tid = 0;       // whose; 0: the process's
  std::uint64_t due_ns = 0;
  Timer timer;
};

inline constexpr std::int32_t si_timer = -2;
// A timer's signal is taken: it tells how often the timer has run out meanwhile.
void collect_overrun(SignalInfo& info);
void delete_timers(Process& process);   // exec and exit

}  // namespace exos
