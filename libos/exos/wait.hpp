// SPDX-License-Identifier: MIT
// Blocking inside the library. A task that waits releases the container lock and gives its processor to the next ready task;
// it comes back when woken, at its deadline, or for a signal. Typical use, with the condition re-checked after each wake:
//
//   while (!ready()) TRY_VOID(queue.wait(deadline));      // restart_sys on a signal, timedout at the deadline
#pragma once

#include "abi/types.hpp"
#include "base/list.hpp"
#include "libos/exos/errno.hpp"

namespace exos {

struct Task;

enum class Interruptible { no, yes };   // by signals; SIGKILL and the order to exit end any wait

// One task's place in one queue; lives on the waiting task's library stack.
struct Waiter {
  base::ListLink link;
  Task* task = nullptr;
  bool woken = false;
  std::uint32_t events = ~0u;    // POLL* that it is interested in
};

class WaitQueue {
 public:
  WaitQueue() = default;
  // Puts the current task to sleep until wake, deadline (ns since boot) or an unmasked signal.
  [[nodiscard]] Status wait(abi::Nanoseconds deadline = abi::forever, Interruptible = Interruptible::yes);
  void wake_one();
  void wake_all(std::uint32_t events = ~0u);   // those interested in one of them
  // For poll and select: join several queues, then wait_joined(), then leave them (Waiter's owner must leave).
  void join(Waiter& waiter);
  static void leave(Waiter& waiter);
  [[nodiscard]] bool empty() const { return waiters_.empty(); }

 private:
  base::List<Waiter, &Waiter::link> waiters_;
};

// Sleeps until one of the joined waiters is woken (see WaitQueue::join), the deadline, or a signal.
[[nodiscard]] Status wait_joined(abi::Nanoseconds deadline, Interruptible = Interruptible::yes);

[[nodiscard]] abi::Nanoseconds now();        // since boot (CLOCK_MONOTONIC)
[[nodiscard]] std::uint64_t wall_now_ns();   // UTC since 1970 (CLOCK_REALTIME)

}  // namespace exos
