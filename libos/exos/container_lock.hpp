// SPDX-License-Identifier: MIT
// The container lock: guards all that the library keeps. Whoever finds it held spins for a moment and then gives the
// processor to its root env, which sleeps until the lock is let go. The owner is recorded, so that who waits can see that it
// is dead, and the kernel lets a slice's end wait a little for who holds it (UserArea::defer).
#pragma once

#include <atomic>

#include "libos/exos/area.hpp"

namespace exos::container_lock {

extern constinit std::atomic<std::uint32_t> owner;      // capability slot of the env that holds it; 0: nobody
// A bit per processor whose root env is to be woken. Set before the last look at `owner`, read after `owner` is cleared: so
// one of the two sides sees the other.
extern constinit std::atomic<std::uint64_t> waiting;

void acquire_contended();
void wake_waiting();
void take_deferred_end();

// `area`: the current one.
[[gnu::always_inline]] inline void acquire(abi::UserArea& area) {
  area.defer = 1;
  std::uint32_t nobody = 0;
  if (!owner.compare_exchange_strong(nobody, task_area(area).env, std::memory_order_seq_cst)) [[unlikely]] acquire_contended();
}
[[gnu::always_inline]] inline void release(abi::UserArea& area) {
  owner.store(0, std::memory_order_seq_cst);
  if (waiting.load(std::memory_order_seq_cst) != 0) [[unlikely]] wake_waiting();
  area.defer = 0;
  if (area.deferred != 0) [[unlikely]] take_deferred_end();
}
[[gnu::always_inline]] inline void acquire() { acquire(current_user_area()); }
[[gnu::always_inline]] inline void release() { release(current_user_area()); }
// Of a root env whose task has left the processor because the lock is held.
void sleep_until_free();

}  // namespace exos::container_lock
