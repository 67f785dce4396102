// SPDX-License-Identifier: MIT
// What the kinds of futex share: which word is meant, and the queues of those who wait at one.
#pragma once

#include "libos/exos/task.hpp"

namespace exos::futex {

// `object`: the Memory of a private futex, the inode of one in a shared mapping; `offset` within it.
struct Key {
  const void* object = nullptr;
  std::uint64_t offset = 0;
  friend bool operator==(const Key&, const Key&) = default;
};
[[nodiscard]] Result<Key> key_of(std::uint64_t address, bool is_private);

// Who waits for a PI lock, or will: on the stack of that task.
struct Candidate {
  base::ListLink link;
  Key key;
  Task* task = nullptr;
  std::uint64_t address = 0;      // of the word, in the task's memory
  std::uint32_t owner = 0;        // tid of who has the lock
  bool granted = false, inherits = false;   // inherits: the owner has ended, the word is the task's to take
};

struct FutexWaiter {
  base::ListLink link;
  Key key;
  Task* task = nullptr;
  std::uint32_t bits = ~0u;
  Candidate* candidate = nullptr;   // who is to be moved to a PI lock, and is woken as its owner only
};
using Bucket = base::List<FutexWaiter, &FutexWaiter::link>;
[[nodiscard]] Bucket& bucket_of(const Key& key);

inline constexpr std::uint32_t owner_died = 0x4000'0000, waiters_bit = 0x8000'0000, tid_mask = 0x3fff'ffff;

// futex_pi.cpp: locks that name their owner in the word, and are handed over to who waits longest.
[[nodiscard]] CallResult lock_pi(std::uint64_t address, bool is_private, abi::Nanoseconds deadline);
[[nodiscard]] CallResult try_lock_pi(std::uint64_t address, bool is_private);
[[nodiscard]] CallResult unlock_pi(std::uint64_t address, bool is_private);
// How many wait at a first word; their `bits` are 0, so that nobody wakes them there.
extern std::uint32_t lock_waiters;
// FUTEX_WAIT_REQUEUE_PI: waits at the first word until somebody moves the task to the lock at `lock`, and then for that lock.
[[nodiscard]] CallResult wait_for_lock(const Key& key, std::uint64_t address, std::uint32_t expected, const Key& lock, std::uint64_t lock_address,
                                       abi::Nanoseconds deadline);
// FUTEX_CMP_REQUEUE_PI, after the comparison: the longest waiter gets the lock if it is free, it and at most `move` others queue
// for it otherwise. How many they were; EINVAL when one at `from` waits for something else.
[[nodiscard]] CallResult move_to_lock(const Key& from, const Key& lock, std::uint64_t lock_address, std::uint32_t move);
// The owner ends: true when somebody waited for that word and owns it now.
[[nodiscard]] bool hand_over_dead(std::uint64_t address);

}  // namespace exos::futex
