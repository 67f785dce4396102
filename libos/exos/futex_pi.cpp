// SPDX-License-Identifier: MIT
// FUTEX_LOCK_PI and its kin. The word holds the owner's thread id; who has to wait sets a bit in it and queues here, and
// the owner hands the lock over. All tasks of a container have one priority, so nobody needs a boost.
#include "libos/exos/futex_internal.hpp"

#include "libos/exos/futex.hpp"
#include "libos/exos/sched.hpp"

namespace exos::futex {
namespace {

constinit base::List<Candidate, &Candidate::link> candidates;   // those who wait, the longest first

Candidate* first_at(const Key& key) {
  for (Candidate& candidate : candidates)
    if (candidate.key == key) return &candidate;
  return nullptr;
}

// Those who still wait there have a new owner.
void name_owner(const Key& key, std::uint32_t tid) {
  for (Candidate& candidate : candidates)
    if (candidate.key == key) candidate.owner = tid;
}

// The word of an owner that has ended becomes the current task's. [linux fixup_pi_state_owner]
Status inherit(const Candidate& self) {
  auto word = TRY(read_user<std::uint32_t>(self.address));
  while (!TRY(exchange_user(self.address, word, self.task->tid | waiters_bit | owner_died))) {}
  return {};
}

// The word goes to the first candidate; nobody waits: `free_word`. `word` is what it holds; others may set bits in it meanwhile.
Status hand_over(const Key& key, std::uint64_t address, std::uint32_t word, std::uint32_t free_word, std::uint32_t more_bits) {
  Candidate* next = first_at(key);
  if (next != nullptr) next->link.unlink();
  const std::uint32_t waiting = first_at(key) != nullptr ? waiters_bit : 0;
  const std::uint32_t fresh = next == nullptr ? free_word : next->task->tid | waiting | more_bits;
  for (;;) {
    const auto done = exchange_user(address, word, fresh);
    if (!done) {
      if (next != nullptr) candidates.push_back(*next);
      return Fail{done.error()};
    }
    if (*done) break;
  }
  if (next == nullptr) return {};
  name_owner(key, next->task->tid);
  next->granted = true;
  sched::wake(*next->task);
  return {};
}

// True: `task` owns it now. False: `word` names another, and, if it is to, says that somebody waits.
enum class Marks { waiting, nothing };
Result<bool> take_if_free(const Task& task, std::uint64_t address, std::uint32_t& word, Marks marks) {
  for (;;) {
    if ((word & tid_mask) == task.tid) return Fail{Errno::deadlk};
    const bool free = (word & tid_mask) == 0;
    if (!free && marks == Marks::nothing) return false;
    const std::uint32_t fresh = free ? task.tid | (word & (owner_died | waiters_bit)) : word | waiters_bit;
    if (TRY(exchange_user(address, word, fresh))) return free;
  }
}

}  // namespace

constinit std::uint32_t lock_waiters = 0;

CallResult try_lock_pi(std::uint64_t address, bool is_private) {
  static_cast<void>(TRY(key_of(address, is_private)));
  auto word = TRY(read_user<std::uint32_t>(address));
  if (TRY(take_if_free(current(), address, word, Marks::nothing))) return 0;
  return Fail{Errno::again};
}

CallResult lock_pi(std::uint64_t address, bool is_private, abi::Nanoseconds deadline) {
  const Key key = TRY(key_of(address, is_private));
  auto word = TRY(read_user<std::uint32_t>(address));
  if (TRY(take_if_free(current(), address, word, Marks::waiting))) return 0;
  if (find_task(word & tid_mask) == nullptr) return Fail{Errno::srch};
  Candidate self;
  self.key = key;
  self.task = &current();
  self.address = address;
  self.owner = word & tid_mask;
  candidates.push_back(self);
  Status waited;
  while (waited && !self.granted && !self.inherits) waited = sched::block(deadline, Interruptible::yes);
  if (self.granted) return 0;   // whatever else happened
  if (self.inherits) return inherit(self) ? CallResult{0} : CallResult{Fail{Errno::fault}};
  self.link.unlink();
  return Fail{waited.error() == Errno::restart_sys ? Errno::restart_always : waited.error()};  // the time limit is absolute
}

CallResult wait_for_lock(const Key& key, std::uint64_t address, std::uint32_t expected, const Key& lock, std::uint64_t lock_address, abi::Nanoseconds deadline) {
  if (key == lock) return Fail{Errno::inval};
  if (TRY(read_user<std::uint32_t>(address)) != expected) return Fail{Errno::again};
  Candidate self;
  self.key = lock;
  self.task = &current();
  self.address = lock_address;
  FutexWaiter waiter;
  waiter.key = key;
  waiter.task = self.task;
  waiter.candidate = &self;
  waiter.bits = 0;
  bucket_of(key).push_back(waiter);
  ++lock_waiters;
  Status waited;
  while (waited && !self.granted && !self.inherits) waited = sched::block(deadline, Interruptible::yes);
  --lock_waiters;
  if (self.granted) return 0;
  if (self.inherits) return inherit(self) ? CallResult{0} : CallResult{Fail{Errno::fault}};
  const bool moved = self.link.linked();
  if (moved) self.link.unlink();
  else waiter.link.unlink();
  if (waited.error() != Errno::restart_sys) return Fail{waited.error()};
  return Fail{moved ? Errno::again : Errno::restart_always};   // the first word has changed by then: no use to begin again
}

namespace {

// The lock for one who waited elsewhere, or a place in its queue.
Status give_or_queue(Candidate& candidate, std::uint64_t address) {
  auto word = TRY(read_user<std::uint32_t>(address));
  if (TRY(take_if_free(*candidate.task, address, word, Marks::waiting))) {
    candidate.granted = true;
    sched::wake(*candidate.task);
    return {};
  }
  if (find_task(word & tid_mask) == nullptr) return Fail{Errno::srch};
  candidate.owner = word & tid_mask;
  candidates.push_back(candidate);
  return {};
}

}  // namespace

CallResult move_to_lock(const Key& from, const Key& lock, std::uint64_t lock_address, std::uint32_t move) {
  std::uint64_t done = 0;
  for (FutexWaiter& waiter : bucket_of(from)) {
    if (done == std::uint64_t{move} + 1) break;
    if (waiter.key != from) continue;
    if (waiter.candidate == nullptr || waiter.candidate->key != lock) return Fail{Errno::inval};
    TRY_VOID(give_or_queue(*waiter.candidate, lock_address));
    waiter.link.unlink();
    ++done;
  }
  return done;
}

CallResult unlock_pi(std::uint64_t address, bool is_private) {
  const Key key = TRY(key_of(address, is_private));
  const auto word = TRY(read_user<std::uint32_t>(address));
  if ((word & tid_mask) != current().tid) return Fail{Errno::perm};
  TRY_VOID(hand_over(key, address, word, 0, 0));
  return 0;
}

void leave_locks(const Task& task) {
  for (auto at = candidates.begin(); at != candidates.end();) {
    Candidate& heir = *at;
    ++at;   // before it goes
    if (heir.owner != task.tid) continue;
    heir.link.unlink();
    heir.inherits = true;
    name_owner(heir.key, heir.task->tid);
    sched::wake(*heir.task);
  }
}

bool hand_over_dead(std::uint64_t address) {
  const auto word = read_user<std::uint32_t>(address);
  if (!word) return false;
  for (const bool is_private : {true, false}) {
    const auto key = key_of(address, is_private);
    if (key && first_at(*key) != nullptr) return static_cast<bool>(hand_over(*key, address, *word, owner_died, owner_died));
  }
  return false;
}

}  // namespace exos::futex
