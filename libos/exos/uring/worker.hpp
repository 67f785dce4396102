// SPDX-License-Identifier: MIT
// A process's io_uring worker: a task that runs library code only, in the process's memory and with its descriptors. It is there
// from the first request on that has to wait, as Linux' `iou-wrk` threads are, and goes with the process or its program.
#pragma once

#include "libos/exos/uring/ring.hpp"

namespace exos::uring {

struct Worker {
  Task* task = nullptr;
  base::List<Request, &Request::in_turn> waiting;

  void serve();                      // everything that has been woken
  void end();                        // cancels what waits
};

// The current process's, made if need be; null without memory.
[[nodiscard]] Worker* worker();
// From now on it is the worker's: tried again when its waiter is woken, its timer fires, or it is `due`.
void hand_over(Request& request, Worker& worker);

}  // namespace exos::uring
