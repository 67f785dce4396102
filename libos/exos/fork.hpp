// SPDX-License-Identifier: MIT
// New tasks and processes: clone, clone3, fork, vfork.
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

struct CloneRequest {
  std::uint64_t flags = 0;         // CLONE_*, without the exit signal
  std::uint64_t exit_signal = 0;
  std::uint64_t stack_pointer = 0; // 0: the parent's
  std::uint64_t parent_tid = 0, child_tid = 0, tls = 0, pidfd = 0;
};

[[nodiscard]] CallResult clone_task(const CloneRequest& request);

}  // namespace exos
