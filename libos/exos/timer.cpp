// SPDX-License-Identifier: MIT
#include "libos/exos/timer.hpp"

#include "abi/address_map.hpp"
#include "libos/exos/wait.hpp"
#include "libos/rt/clock.hpp"

namespace exos {

namespace {

constinit base::List<Timer, &Timer::link> timers;

const abi::SystemInfo& system_info() { return *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info); }

}  // namespace

void arm(Timer& timer, abi::Nanoseconds deadline) {
  cancel(timer);
  timer.deadline = deadline;
  if (deadline == abi::forever) return;
  // Behind all that are due earlier or at the same time.
  base::ListLink* before = nullptr;
  for (Timer& other : timers) {
    if (other.deadline > deadline) { before = &other.link; break; }
  }
  if (before == nullptr) return timers.push_back(timer);
  timer.link.prev = before->prev;
  timer.link.next = before;
  before->prev->next = &timer.link;
  before->prev = &timer.link;
}

void cancel(Timer& timer) {
  if (timer.link.linked()) timer.link.unlink();
  timer.deadline = abi::forever;
}

void run_timers() {
  const abi::Nanoseconds time = now();
  while (Timer* first = timers.front()) {
    if (first->deadline > time) return;
    cancel(*first);
    first->fire(*first);
  }
}

abi::Nanoseconds first_deadline() {
  const Timer* first = timers.front();
  return first == nullptr ? abi::forever : first->deadline;
}

abi::Nanoseconds now() { return rt::Clock{system_info()}.now(); }
std::uint64_t wall_now_ns() { return rt::Clock{system_info()}.wall(); }

}  // namespace exos
