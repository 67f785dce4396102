// SPDX-License-Identifier: MIT
// Lists of locked ranges per inode. Ranges of one owner never overlap; a change first cuts out what it covers.
#include "libos/exos/fs/locks.hpp"

#include "libos/exos/wait.hpp"

namespace exos {

class PosixLocks {
 public:
  struct Lock { LockOwner owner; std::uint32_t pid; std::int16_t type; LockRange range; };
  Vector<Lock> records;      // fcntl, of tables and of descriptions
  Vector<Lock> whole;        // flock: range unused
  WaitQueue changed;
};

namespace {

// Owners that wait and for whom: to find circles before they are closed.
struct Blocked { LockOwner owner, holder; };
constinit Vector<Blocked> blocked;

Result<PosixLocks*> locks_of(Inode& inode) {
  if (inode.locks == nullptr) inode.locks = make<PosixLocks>();
  if (inode.locks == nullptr) return Fail{Errno::nolck};
  return inode.locks;
}

bool overlap(const LockRange& a, const LockRange& b) { return a.start < b.end && b.start < a.end; }

const PosixLocks::Lock* conflict_in(const Vector<PosixLocks::Lock>& list, LockOwner owner, std::int16_t type, const LockRange& range) {
  for (const PosixLocks::Lock& lock : list) {
    if (lock.owner == owner || !overlap(lock.range, range)) continue;
    if (type == lock_write || lock.type == lock_write) return &lock;
  }
  return nullptr;
}

// True when `holder` waits, through others, for `owner`.
bool closes_circle(LockOwner owner, LockOwner holder) {
  for (std::size_t steps = 0; steps <= blocked.size(); ++steps) {
    if (holder == owner) return true;
    const Blocked* next = nullptr;
    for (const Blocked& b : blocked)
      if (b.owner == holder) next = &b;
    if (next == nullptr) return false;
    holder = next->holder;
  }
  return false;
}

Status wait_for(PosixLocks& locks, LockOwner owner, LockOwner holder) {
  if (closes_circle(owner, holder)) return Fail{Errno::deadlk};
  TRY_VOID(blocked.push_back({owner, holder}));
  const Status waited = locks.changed.wait();
  for (std::size_t i = 0; i < blocked.size(); ++i) {
    if (blocked[i].owner != owner) continue;
    blocked.erase(i);
    break;
  }
  return waited;
}

// Takes `range` away from what the owner holds; may split one lock in two, for which room was reserved.
void cut(Vector<PosixLocks::Lock>& list, LockOwner owner, const LockRange& range) {
  for (std::size_t i = list.size(); i-- > 0;) {
    PosixLocks::Lock& lock = list[i];
    if (lock.owner != owner || !overlap(lock.range, range)) continue;
    const LockRange old = lock.range;
    if (old.start >= range.start && old.end <= range.end) {
      list.erase(i);
    } else if (old.start < range.start && old.end > range.end) {
      lock.range.end = range.start;
      PosixLocks::Lock tail = lock;
      tail.range = {range.end, old.end};
      static_cast<void>(list.push_back(tail));
    } else if (old.start < range.start) {
      lock.range.end = range.start;
    } else {
      lock.range.start = range.end;
    }
  }
}

// Grows a lock of the same kind that touches the new one, so that a list of single bytes does not pile up.
bool merge(Vector<PosixLocks::Lock>& list, const PosixLocks::Lock& fresh) {
  for (PosixLocks::Lock& lock : list) {
    if (lock.owner != fresh.owner || lock.type != fresh.type) continue;
    if (lock.range.end == fresh.range.start) { lock.range.end = fresh.range.end; return true; }
    if (lock.range.start == fresh.range.end) { lock.range.start = fresh.range.start; return true; }
  }
  return false;
}

Status change(Inode& inode, Vector<PosixLocks::Lock> PosixLocks::*list, const PosixLocks::Lock& wanted, bool wait) {
  PosixLocks& locks = *TRY(locks_of(inode));
  if (wanted.type != lock_none) {
    while (const PosixLocks::Lock* other = conflict_in(locks.*list, wanted.owner, wanted.type, wanted.range)) {
      if (!wait) return Fail{Errno::again};
      TRY_VOID(wait_for(locks, wanted.owner, other->owner));
    }
  }
  if (!(locks.*list).reserve((locks.*list).size() + 2).has_value()) return Fail{Errno::nolck};
  // point of no return
  cut(locks.*list, wanted.owner, wanted.range);
  if (wanted.type != lock_none && !merge(locks.*list, wanted)) static_cast<void>((locks.*list).push_back(wanted));
  locks.changed.wake_all();
  return {};
}

constexpr LockRange everything{0, ~std::uint64_t{0}};

void drop(Inode& inode, Vector<PosixLocks::Lock> PosixLocks::*list, LockOwner owner) {
  const std::size_t before = (inode.locks->*list).size();
  cut(inode.locks->*list, owner, everything);
  if ((inode.locks->*list).size() != before) inode.locks->changed.wake_all();
}

}  // namespace

LockConflict find_lock(Inode& inode, LockOwner owner, std::int16_t type, LockRange range) {
  if (inode.locks == nullptr) return {};
  const PosixLocks::Lock* other = conflict_in(inode.locks->records, owner, type, range);
  if (other == nullptr) return {};
  return {other->type, other->range, other->pid};
}

Status set_lock(Inode& inode, LockOwner owner, std::uint32_t pid, std::int16_t type, LockRange range, bool wait) {
  return change(inode, &PosixLocks::records, {owner, pid, type, range}, wait);
}

Status set_flock(Inode& inode, LockOwner owner, std::int16_t type, bool wait) {
  return change(inode, &PosixLocks::whole, {owner, 0, type, everything}, wait);
}

void release_owner_locks(Inode& inode, LockOwner owner) {
  if (inode.locks != nullptr) drop(inode, &PosixLocks::records, owner);
}

void release_file_locks(Inode& inode, LockOwner file) {
  drop(inode, &PosixLocks::records, file);
  drop(inode, &PosixLocks::whole, file);
}

void destroy_locks(Inode& inode) {
  destroy(inode.locks);
  inode.locks = nullptr;
}

}  // namespace exos
