// SPDX-License-Identifier: MIT
// The processors that the container has slices on. On each a *root env* owns these slices: it runs library code only and
// gives its time to the task that is `running` there.
#pragma once

#include <atomic>

#include "abi/info.hpp"
#include "libos/exos/cpu_time.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/own.hpp"

namespace exos {

struct Task;

struct Processor {
  std::uint32_t index = 0;
  OwnEnv env;
  // Whose turn it is; changed under the container lock. The root env reads `running_env` without it: the task itself may be
  // freed meanwhile, when it ended on another processor.
  Task* running = nullptr;
  std::atomic<std::uint32_t> running_env{0};
  // Set by the running task before it leaves the processor to its root env until the container lock is let go.
  std::atomic<bool> wants_lock{false};
  bool idle = false;                         // the root env sleeps, or is about to; under the container lock, as what follows
  abi::Nanoseconds looks_at = abi::forever;  // while idle: when it wakes by itself, to look at the timers
  CpuTime busy;                              // time that tasks had here
  CpuSplit told_busy;
  // Counted by the root env: turns given to tasks, waits for the lock, yields that were refused.
  std::uint64_t turns = 0, lock_waits = 0, refusals = 0;
};

// The first is there from the start; the others are made here, for the slices that the container was given.
[[nodiscard]] Status start_processors();
[[nodiscard]] std::size_t processors_to_come();   // before that: how many it will start
[[nodiscard]] std::span<Processor> processors();
// Every processor that runs a task has been through a full barrier (an interrupt) when this returns. False: no memory for it.
[[nodiscard]] bool barrier_on_processors();

}  // namespace exos
