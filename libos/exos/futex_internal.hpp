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

struct FutexWaiter {
  base::ListLink link;
  Key key;
  Task* task = nullptr;
  std::uint32_t bits = ~0u;
};
using Bucket = base::List<FutexWaiter, &FutexWaiter::link>;
[[nodiscard]] Bucket& bucket_of(const Key& key);

inline constexpr std::uint32_t owner_died = 0x4000'0000, waiters_bit = 0x8000'0000, tid_mask = 0x3fff'ffff;

// futex_pi.cpp: locks that name their owner in the word, and are handed over to who waits longest.
[[nodiscard]] CallResult lock_pi(std::uint64_t address, bool is_private, abi::Nanoseconds deadline);
[[nodiscard]] CallResult try_lock_pi(std::uint64_t address, bool is_private);
[[nodiscard]] CallResult unlock_pi(std::uint64_t address, bool is_private);
// The owner ends: true when somebody waited for that word and owns it now.
[[nodiscard]] bool hand_over_dead(std::uint64_t address);

}  // namespace exos::futex
