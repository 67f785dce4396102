// SPDX-License-Identifier: MIT
// Deadlines of the library: one sorted list, looked at by the root env before it sleeps and at the end of each slice.
#pragma once

#include "abi/types.hpp"
#include "base/list.hpp"

namespace exos {

// Lives in its owner, who must cancel it before it dies. `fire` is called once, under the container lock, not as a task.
struct Timer {
  base::ListLink link;
  abi::Nanoseconds deadline = abi::forever;
  void (*fire)(Timer& timer) = nullptr;
  void* owner = nullptr;
  [[nodiscard]] bool armed() const { return link.linked(); }
};

void arm(Timer& timer, abi::Nanoseconds deadline);
void cancel(Timer& timer);
void run_timers();                                   // fires what is due
[[nodiscard]] abi::Nanoseconds first_deadline();     // forever when there is none

}  // namespace exos
