// SPDX-License-Identifier: MIT
#include "libos/exos/futex.hpp"

#include "libos/exos/calls.hpp"
#include "libos/exos/futex_internal.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {

namespace futex {

namespace {

constinit std::array<Bucket, 64> buckets;

}  // namespace

Bucket& bucket_of(const Key& key) {
  const std::uint64_t mixed = (reinterpret_cast<std::uint64_t>(key.object) / 16 + key.offset / 4) * 0x9e37'79b9'7f4a'7c15;
  return buckets[mixed >> 58];
}

Result<Key> key_of(std::uint64_t address, bool is_private) {
  if ((address & 3) != 0) return Fail{Errno::inval};
  Memory& memory = *current_process().memory;
  if (is_private) return Key{&memory, address};
  const Vma* area = memory.find(address);
  if (area == nullptr) return Fail{Errno::fault};
  if ((area->flags & map_shared) == 0) {
    // What nobody may read has no word, and a word that never changes has nobody to be waited for.
    if (area->prot == 0 || (!area->inode && (area->prot & prot_write) == 0)) return Fail{Errno::fault};
    return Key{&memory, address};
  }
  return Key{area->inode.get(), area->file_page * abi::page_size + (address - area->start)};
}

namespace {

std::uint32_t wake_key(const Key& key, std::uint32_t count, std::uint32_t bits) {
  std::uint32_t woken = 0;
  for (FutexWaiter& waiter : bucket_of(key)) {
    if (woken == count) break;
    if (waiter.key != key || (waiter.bits & bits) == 0) continue;
    waiter.link.unlink();
    sched::wake(*waiter.task);
    ++woken;
  }
  return woken;
}

[[gnu::noinline]] Status refuse_lock_waiters(const Key& key) {
  for (const FutexWaiter& waiter : bucket_of(key))
    if (waiter.key == key && waiter.candidate != nullptr) return Fail{Errno::inval};
  return {};
}

// Who waits to be moved to a lock can be woken in no other way: EINVAL.
[[gnu::always_inline]] inline CallResult wake_ordinary(const Key& key, std::uint32_t count, std::uint32_t bits) {
  if (lock_waiters != 0) [[unlikely]] TRY_VOID(refuse_lock_waiters(key));
  return wake_key(key, count, bits);
}

CallResult wait(const Key& key, std::uint64_t address, std::uint32_t expected, std::uint32_t bits, abi::Nanoseconds deadline) {
  if (bits == 0) return Fail{Errno::inval};
  // Fetching the word may map a page, but runs nobody else: nothing happens between the look and the wait.
  if (TRY(read_user<std::uint32_t>(address)) != expected) return Fail{Errno::again};
  FutexWaiter waiter;
  waiter.key = key;
  waiter.task = &current();
  waiter.bits = bits;
  bucket_of(key).push_back(waiter);
  const Status outcome = sched::block(deadline, Interruptible::yes);
  if (!waiter.link.linked()) return 0;  // woken, whatever else happened
  waiter.link.unlink();
  if (outcome) return 0;                // spurious, which every caller must expect
  if (outcome.error() == Errno::restart_sys && deadline != abi::forever) return Fail{Errno::restart_no_handler};
  return Fail{outcome.error()};
}

CallResult requeue(const Key& from, const Key& to, std::uint32_t wake, std::uint32_t move) {
  const std::uint64_t done = TRY(wake_ordinary(from, wake, ~0u));
  std::uint64_t moved = 0;
  for (FutexWaiter& waiter : bucket_of(from)) {
    if (moved == move) break;
    if (waiter.key != from) continue;
    waiter.link.unlink();
    waiter.key = to;
    bucket_of(to).push_back(waiter);
    ++moved;
    if (&bucket_of(from) == &bucket_of(to) && from == to) break;
  }
  return done + moved;
}

std::uint32_t changed(std::uint32_t operation, std::uint32_t old, std::uint32_t operand) {
  switch (operation) {
    case 0: return operand;
    case 1: return old + operand;
    case 2: return old | operand;
    case 3: return old & ~operand;
    default: return old ^ operand;
  }
}

// FUTEX_WAKE_OP: changes the second word, wakes at the first, and at the second if its old value compares as told.
CallResult wake_op(const Key& first, const Key& second, std::uint64_t address, std::uint32_t wake, std::uint32_t wake_second,
                   std::uint32_t encoded) {
  const std::uint32_t operation = encoded >> 28 & 7, compare = encoded >> 24 & 15;
  std::uint32_t operand = static_cast<std::uint32_t>(static_cast<std::int32_t>(encoded << 8) >> 20);
  const auto against = static_cast<std::int32_t>(encoded << 20) >> 20;
  if ((encoded >> 31) != 0) operand = 1u << (operand & 31);
  if (operation > 4) return Fail{Errno::nosys};
  auto old = TRY(read_user<std::uint32_t>(address));
  while (!TRY(exchange_user(address, old, changed(operation, old, operand)))) {}
  const auto value = static_cast<std::int32_t>(old);
  bool holds = false;
  switch (compare) {
    case 0: holds = value == against; break;
    case 1: holds = value != against; break;
    case 2: holds = value < against; break;
    case 3: holds = value <= against; break;
    case 4: holds = value > against; break;
    case 5: holds = value >= against; break;
    default: return Fail{Errno::nosys};
  }
  std::uint64_t woken = TRY(wake_ordinary(first, wake, ~0u));
  if (holds) woken += TRY(wake_ordinary(second, wake_second, ~0u));
  return woken;
}

Result<abi::Nanoseconds> deadline_of(std::uint64_t pointer, bool absolute, bool wall) {
  if (pointer == 0) return abi::forever;
  const std::uint64_t ns = TRY(to_ns(TRY(read_user<Timespec>(pointer))));
  if (!absolute) return deadline_in(ns);
  return wall ? deadline_at_wall(ns) : abi::Nanoseconds{ns};
}

void end_robust_lock(const Task& task, std::uint64_t address) {
  const auto found = read_user<std::uint32_t>(address);
  if (!found || address % sizeof(std::uint32_t) != 0) return;
  std::uint32_t word = *found;
  if ((word & tid_mask) == task.tid && hand_over_dead(address)) return;
  for (;;) {   // others may set the bit for waiters meanwhile
    if ((word & tid_mask) != task.tid) return;
    const auto done = exchange_user(address, word, (word & waiters_bit) | owner_died);
    if (!done) return;
    if (*done) break;
  }
  if ((word & waiters_bit) != 0) static_cast<void>(wake_address(address, 1));
}

CallResult operate(std::uint64_t address, std::uint32_t operation, std::uint32_t value, std::uint64_t fourth,
                          std::uint64_t second_address, std::uint32_t third_value);

}  // namespace

}  // namespace futex

CallResult linux_futex(const Arguments& a) {
  constexpr std::uint64_t wait = 0, wake = 1, private_flag = 128;
  const bool is_private = (a.b & private_flag) != 0;
  const auto value = static_cast<std::uint32_t>(a.c);
  // What programs ask for most.
  const std::uint64_t operation = a.b & 0xffff'ffff & ~private_flag;
  if (operation == wake) return futex::wake_ordinary(TRY(futex::key_of(a.a, is_private)), value, ~0u);
  if (operation == wait && a.d == 0) return futex::wait(TRY(futex::key_of(a.a, is_private)), a.a, value, ~0u, abi::forever);
  return futex::operate(a.a, static_cast<std::uint32_t>(a.b), value, a.d, a.e, static_cast<std::uint32_t>(a.f));
}

namespace futex {

namespace {

// Who takes a lock changes words while it holds on to others who wait: their pages are to be there before.
[[gnu::noinline]] Status fetch_words(std::uint64_t address, std::uint64_t second_address, bool has_second) {
  for (const std::uint64_t at : {address, has_second ? second_address : address}) {
    if ((at & 3) != 0) continue;   // EINVAL, later
    auto word = TRY(read_user<std::uint32_t>(at));
    static_cast<void>(TRY(exchange_user(at, word, word)));
  }
  return {};
}

CallResult operate(std::uint64_t address, std::uint32_t operation, std::uint32_t value, std::uint64_t fourth,
                          std::uint64_t second_address, std::uint32_t third_value) {
  const std::uint32_t command = operation & 127;
  const bool is_private = (operation & 128) != 0, wall = (operation & 256) != 0;
  if (wall && command != 0 && command != 9 && command != 11 && command != 13) return Fail{Errno::nosys};
  const bool changes_words = command >= 5 && command != 9 && command != 10;   // WAKE_OP and the locks
  if (changes_words && !current_process().memory->references.empty()) [[unlikely]]
    TRY_VOID(fetch_words(address, second_address, command == 5 || command == 11 || command == 12));
  switch (command) {
    case 6: return lock_pi(address, is_private, TRY(deadline_of(fourth, true, true)));
    case 7: return unlock_pi(address, is_private);
    case 8: return try_lock_pi(address, is_private);
    case 13: return lock_pi(address, is_private, TRY(deadline_of(fourth, true, wall)));
    default: break;
  }
  if (command > 12 || command == 2) return Fail{Errno::nosys};
  const Key key = TRY(key_of(address, is_private));
  const auto count = static_cast<std::uint32_t>(fourth);
  switch (command) {
    case 0: return wait(key, address, value, ~0u, TRY(deadline_of(fourth, false, wall)));
    case 1: return wake_ordinary(key, value, ~0u);
    case 3: return requeue(key, TRY(key_of(second_address, is_private)), value, count);
    case 4:
      if (TRY(read_user<std::uint32_t>(address)) != third_value) return Fail{Errno::again};
      return requeue(key, TRY(key_of(second_address, is_private)), value, count);
    case 5: return wake_op(key, TRY(key_of(second_address, is_private)), second_address, value, count, third_value);
    case 9: return wait(key, address, value, third_value, TRY(deadline_of(fourth, true, wall)));
    case 10:
      if (third_value == 0) return Fail{Errno::inval};
      return wake_ordinary(key, value, third_value);
    case 11:
      return wait_for_lock(key, address, value, TRY(key_of(second_address, is_private)), second_address, TRY(deadline_of(fourth, true, wall)));
    case 12: {
      const Key lock = TRY(key_of(second_address, is_private));
      if (key == lock || value != 1) return Fail{Errno::inval};
      if (TRY(read_user<std::uint32_t>(address)) != third_value) return Fail{Errno::again};
      return move_to_lock(key, lock, second_address, count);
    }
    default: return Fail{Errno::nosys};
  }
}

}  // namespace

CallResult wake_address(std::uint64_t address, std::uint32_t count) {
  const Key one = TRY(key_of(address, true));
  std::uint64_t woken = TRY(wake_ordinary(one, count, ~0u));
  if (const auto other = key_of(address, false); other && *other != one) woken += TRY(wake_ordinary(*other, count, ~0u));
  return woken;
}

void end_robust_list(Task& task) {
  struct Head { std::uint64_t next; std::int64_t offset; std::uint64_t pending; };
  if (task.robust_list == 0) return;
  const auto head = read_user<Head>(task.robust_list);
  if (!head) return;
  const auto word_of = [&](std::uint64_t entry) { return (entry & ~std::uint64_t{1}) + static_cast<std::uint64_t>(head->offset); };
  std::uint64_t entry = head->next;
  for (int i = 0; i < 2048 && (entry & ~std::uint64_t{1}) != task.robust_list; ++i) {
    const auto next = read_user<std::uint64_t>(entry & ~std::uint64_t{1});
    if (entry != head->pending) end_robust_lock(task, word_of(entry));
    if (!next) break;
    entry = *next;
  }
  if (head->pending != 0) end_robust_lock(task, word_of(head->pending));
}

}  // namespace futex

}  // namespace exos
