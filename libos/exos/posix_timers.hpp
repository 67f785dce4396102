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
  std::int32_t overrun = 0;
  std::uint64_t due_ns = 0;
  Timer timer;
};

void delete_timers(Process& process);   // exec and exit

}  // namespace exos
