// SPDX-License-Identifier: MIT
// semget, semop, semtimedop, semctl.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/system_v/table.hpp"

namespace exos {

namespace {

using namespace system_v;

constexpr std::int32_t highest_value = 32767;
constexpr std::uint32_t most_in_set = 32000, most_operations = 500;
constexpr std::uint16_t undo = 0x1000;   // SEM_UNDO
constexpr std::uint32_t get_pid = 11, get_value = 12, get_all = 13, count_growth = 14, count_zero = 15, set_value = 16, set_all = 17, stat_index = 18,
                        totals = 19, stat_any = 20;

struct Semaphore {
  std::int32_t value = 0;
  std::uint32_t pid = 0;
  std::uint32_t wait_for_growth = 0, wait_for_zero = 0;
};
struct Undo { std::uint32_t pid; std::uint16_t number; std::int32_t change; };

struct Set : Object {
  static void dispose(Set* set) { destroy(set); }
  Vector<Semaphore> semaphores;
  Vector<Undo> undos;
  WaitQueue changed;
  std::int64_t operated_at = 0, changed_at = 0;
};
constinit Table<Set> sets;

struct UserOperation { std::uint16_t number; std::int16_t change; std::uint16_t flags; };
static_assert(sizeof(UserOperation) == 6);
// struct semid64_ds
struct UserSet {
  Permissions permissions;
  std::int64_t operated_at, unused1, changed_at, unused2;
  std::uint64_t count, unused3, unused4;
};
static_assert(sizeof(UserSet) == 104);
struct Limits { std::int32_t map, sets, semaphores, undos, per_set, per_call, undo_entries, undo_size, highest, adjust; };

UserSet to_user(const Set& set) { return {set.permissions, set.operated_at, 0, set.changed_at, 0, set.semaphores.size(), 0, 0}; }

Result<Ref<Set>> make_set(std::uint64_t count) {
  if (count == 0 || count > most_in_set) return Fail{Errno::inval};
  Ref<Set> set{make<Set>()};
  if (!set) return Fail{Errno::nomem};
  TRY_VOID(set->semaphores.resize(static_cast<std::size_t>(count)));
  for (Semaphore& semaphore : set->semaphores) semaphore = {};
  set->changed_at = seconds_now();
  return set;
}

// All of it, or nothing: then the place in the list that has to wait.
struct Tried { bool done; std::size_t blocked_at; };
Result<Tried> try_all(Set& set, const Vector<UserOperation>& operations) {
  std::size_t i = 0;
  Errno failure{};
  for (; i < operations.size(); ++i) {
    const UserOperation& o = operations[i];
    Semaphore& s = set.semaphores[o.number];
    if (o.change == 0 ? s.value != 0 : s.value + o.change < 0) break;
    if (s.value + o.change > highest_value) failure = Errno::range;
    if (failure != Errno{}) break;
    s.value += o.change;
  }
  if (i == operations.size()) return Tried{true, 0};
  for (std::size_t k = i; k > 0; --k) set.semaphores[operations[k - 1].number].value -= operations[k - 1].change;
  if (failure != Errno{}) return Fail{failure};
  return Tried{false, i};
}

Undo* undo_of(Set& set, std::uint32_t pid, std::uint16_t number) {
  for (Undo& entry : set.undos) if (entry.pid == pid && entry.number == number) return &entry;
  return nullptr;
}

Status reserve_undos(Set& set, const Vector<UserOperation>& operations) {
  const std::uint32_t pid = current_process().pid;
  for (const UserOperation& o : operations)
    if ((o.flags & undo) != 0 && undo_of(set, pid, o.number) == nullptr) TRY_VOID(set.undos.push_back({pid, o.number, 0}));
  return {};
}

void settle(Set& set, const Vector<UserOperation>& operations) {
  const std::uint32_t pid = current_process().pid;
  bool changed = false;
  for (const UserOperation& o : operations) {
    set.semaphores[o.number].pid = pid;
    changed = changed || o.change != 0;
    if ((o.flags & undo) == 0) continue;
    if (Undo* entry = undo_of(set, pid, o.number); entry != nullptr) entry->change -= o.change;
  }
  set.operated_at = seconds_now();
  if (changed) set.changed.wake_all();
}

CallResult operate(std::uint64_t id, std::uint64_t list, std::uint64_t count, abi::Nanoseconds deadline) {
  if (count == 0) return Fail{Errno::inval};
  if (count > most_operations) return Fail{Errno::too_big};
  Vector<UserOperation> operations;
  TRY_VOID(operations.resize(static_cast<std::size_t>(count)));
  TRY_VOID(copy_in(operations.data(), list, count * sizeof(UserOperation)));
  const Ref<Set> set = TRY(sets.find(id));
  bool alters = false;
  for (const UserOperation& o : operations) {
    if (o.number >= set->semaphores.size()) return Fail{Errno::fbig};
    alters = alters || o.change != 0;
  }
  TRY_VOID(check_access(set->permissions, alters ? access_write : access_read));
  TRY_VOID(reserve_undos(*set, operations));
  for (;;) {
    const Tried tried = TRY(try_all(*set, operations));
    if (tried.done) {
      settle(*set, operations);
      return 0;
    }
    const UserOperation& blocked = operations[tried.blocked_at];
    if ((blocked.flags & no_wait) != 0) return Fail{Errno::again};
    std::uint32_t Semaphore::* const counter = blocked.change == 0 ? &Semaphore::wait_for_zero : &Semaphore::wait_for_growth;
    ++(set->semaphores[blocked.number].*counter);
    const Status waited = set->changed.wait(deadline);
    --(set->semaphores[blocked.number].*counter);
    if (set->removed) return Fail{Errno::idrm};
    if (!waited) return Fail{waited.error() == Errno::timedout ? Errno::again : Errno::intr};
  }
}

void forget_undos(Set& set, std::uint16_t number, bool all) {
  for (Undo& entry : set.undos) if (all || entry.number == number) entry.change = 0;
}

CallResult write_all(Set& set, std::uint64_t address) {
  for (std::size_t i = 0; i < set.semaphores.size(); ++i)
    TRY_VOID(write_user(address + i * 2, static_cast<std::uint16_t>(set.semaphores[i].value)));
  return 0;
}

CallResult read_all(Set& set, std::uint64_t address) {
  Vector<std::uint16_t> values;
  TRY_VOID(values.resize(set.semaphores.size()));
  TRY_VOID(copy_in(values.data(), address, values.size() * 2));
  for (const std::uint16_t value : values) if (value > highest_value) return Fail{Errno::range};
  for (std::size_t i = 0; i < values.size(); ++i) set.semaphores[i].value = values[i], set.semaphores[i].pid = current_process().pid;
  forget_undos(set, 0, true);
  set.changed_at = seconds_now();
  set.changed.wake_all();
  return 0;
}

CallResult about_one(Set& set, std::uint32_t number, std::uint32_t command, std::int32_t value) {
  if (number >= set.semaphores.size()) return Fail{Errno::inval};
  Semaphore& s = set.semaphores[number];
  switch (command) {
    case get_pid: return s.pid;
    case get_value: return static_cast<std::uint64_t>(s.value);
    case count_growth: return s.wait_for_growth;
    case count_zero: return s.wait_for_zero;
    default: break;
  }
  if (value < 0 || value > highest_value) return Fail{Errno::range};
  s.value = value;
  s.pid = current_process().pid;
  forget_undos(set, static_cast<std::uint16_t>(number), false);
  set.changed_at = seconds_now();
  set.changed.wake_all();
  return 0;
}

CallResult tell_limits(std::uint64_t address) {
  TRY_VOID(write_user(address, Limits{1024000000, 32000, 1024000000, 1024000000, 32000, 500, 500, 20, highest_value, highest_value}));
  return sets.highest();
}

}  // namespace

void system_v::undo_semaphores(const Process& process) {
  for (const Ref<Set>& set : sets) {
    if (!set) continue;
    bool changed = false;
    for (std::size_t i = set->undos.size(); i > 0; --i) {
      const Undo entry = set->undos[i - 1];
      if (entry.pid != process.pid) continue;
      Semaphore& s = set->semaphores[entry.number];
      s.value = std::clamp(s.value + entry.change, 0, highest_value);
      s.pid = process.pid;
      changed = changed || entry.change != 0;
      set->undos.erase(i - 1);
    }
    if (changed) set->changed.wake_all();
  }
}

CallResult linux_semget(const Arguments& a) {
  if (as_i32(a.b) < 0 || as_u32(a.b) > most_in_set) return Fail{Errno::inval};
  return sets.get(as_i32(a.a), as_u32(a.c), [&] { return make_set(as_u32(a.b)); },
                  [&](const Set& there) { return as_u32(a.b) > there.semaphores.size() ? Status{Fail{Errno::inval}} : Status{}; });
}
CallResult linux_semop(const Arguments& a) { return operate(a.a, a.b, as_u32(a.c), abi::forever); }
CallResult linux_semtimedop(const Arguments& a) { return operate(a.a, a.b, as_u32(a.c), TRY(deadline_from(a.d))); }

CallResult linux_semctl(const Arguments& a) {
  const std::uint32_t command = as_u32(a.c);
  if (command == command_info || command == totals) return tell_limits(a.d);
  if (command == stat_index || command == stat_any) {
    const Ref<Set> set = sets.at_index(as_u32(a.a));
    if (!set) return Fail{Errno::inval};
    if (command == stat_index) TRY_VOID(check_access(set->permissions, access_read));
    TRY_VOID(write_user(a.d, to_user(*set)));
    return static_cast<std::uint64_t>(set->id);
  }
  if (command > command_stat && (command < get_pid || command > set_all)) return Fail{Errno::inval};
  const Ref<Set> set = TRY(sets.find(a.a));
  const bool writes = command == set_value || command == set_all;
  if (command == command_remove || command == command_set) TRY_VOID(check_owner(set->permissions));
  else TRY_VOID(check_access(set->permissions, writes ? access_write : access_read));
  switch (command) {
    case command_stat: return nothing(write_user(a.d, to_user(*set)));
    case command_set:
      apply(set->permissions, TRY(read_user<UserSet>(a.d)).permissions);
      set->changed_at = seconds_now();
      return 0;
    case command_remove:
      sets.remove(*set);
      set->changed.wake_all();
      return 0;
    case get_all: return write_all(*set, a.d);
    case set_all: return read_all(*set, a.d);
    default: return about_one(*set, as_u32(a.b), command, as_i32(a.d));
  }
}

}  // namespace exos
