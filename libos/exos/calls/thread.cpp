// SPDX-License-Identifier: MIT
// Threads: clone and its kin, futexes, the words of a thread's end, scheduling as far as a program sees it.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/fork.hpp"
#include "libos/exos/futex.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/shares.hpp"

namespace exos {

namespace {

struct Clone3Arguments {
  std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
constexpr std::size_t clone3_smallest = 64, clone3_largest = 4096, deepest_namespaces = 32;

Result<Task*> task_of(std::uint64_t tid) {
  if (as_u32(tid) == 0) return &current();
  if (Task* task = find_task(as_u32(tid))) return task;
  return Fail{Errno::srch};
}

std::uint64_t online_mask() { return ~std::uint64_t{0} >> (64 - processors().size()); }

constexpr std::int32_t sched_other = 0, sched_fifo = 1, sched_rr = 2, sched_batch = 3, sched_idle = 5;
bool is_ordinary(std::int32_t policy) { return policy == sched_other || policy == sched_batch || policy == sched_idle; }

}  // namespace

CallResult linux_clone(const Arguments& a) {
  constexpr std::uint64_t signal_mask = 0xff;
  return clone_task({.flags = as_u32(a.a) & ~signal_mask, .exit_signal = a.a & signal_mask, .stack_pointer = a.b, .parent_tid = a.c,
                     .child_tid = a.d, .tls = a.e, .pidfd = a.c});
}

CallResult linux_clone3(const Arguments& a) {
  if (a.b < clone3_smallest) return Fail{Errno::inval};
  if (a.b > clone3_largest) return Fail{Errno::too_big};
  Clone3Arguments c{};
  TRY_VOID(copy_in(&c, a.a, std::min<std::size_t>(a.b, sizeof c)));
  // What lies beyond what we know must be zero.
  for (std::uint64_t at = sizeof c; at < a.b; ++at)
    if (TRY(read_user<char>(a.a + at)) != 0) return Fail{Errno::too_big};
  for (std::uint64_t i = 0; i < c.set_tid_size && i < deepest_namespaces; ++i) static_cast<void>(TRY(read_user<std::uint32_t>(c.set_tid + i * 4)));
  if ((c.stack == 0) != (c.stack_size == 0) || c.set_tid_size != 0 || (c.flags & 0xff) != 0) return Fail{Errno::inval};
  return clone_task({.flags = c.flags, .exit_signal = c.exit_signal, .stack_pointer = c.stack == 0 ? 0 : c.stack + c.stack_size,
                     .parent_tid = c.parent_tid, .child_tid = c.child_tid, .tls = c.tls, .pidfd = c.pidfd});
}

CallResult linux_fork(const Arguments&) { return clone_task({.exit_signal = sig_chld}); }
CallResult linux_vfork(const Arguments&) { return clone_task({.flags = 0x4100, .exit_signal = sig_chld}); }

CallResult linux_exit(const Arguments& a) { exit_task(as_u32(a.a)); }
CallResult linux_exit_group(const Arguments& a) { exit_process((as_u32(a.a) & 0xff) << 8); }
CallResult linux_gettid(const Arguments&) { return current().tid; }
CallResult linux_set_tid_address(const Arguments& a) {
  current().clear_child_tid = a.a;
  return current().tid;
}

CallResult linux_set_robust_list(const Arguments& a) {
  constexpr std::uint64_t head_size = 24;
  if (a.b != head_size) return Fail{Errno::inval};
  current().robust_list = a.a;
  current().robust_size = a.b;
  return 0;
}
CallResult linux_get_robust_list(const Arguments& a) {
  const std::uint64_t list = TRY(task_of(a.a))->robust_list;
  TRY_VOID(write_user(a.c, std::uint64_t{24}));
  return nothing(write_user(a.b, list));
}

CallResult linux_sched_yield(const Arguments&) {
  if (!sched::idle()) sched::yield_current();
  return 0;
}

CallResult linux_sched_setaffinity(const Arguments& a) {
  std::uint64_t mask = 0;
  TRY_VOID(copy_in(&mask, a.c, std::min<std::size_t>(a.b, sizeof mask)));
  Task* task = TRY(task_of(a.a));
  if ((mask & online_mask()) == 0) return Fail{Errno::inval};
  task->affinity = mask;
  // It moves at the end of its slice; the caller at once.
  if (task == &current() && (mask >> task_area(*task->area).processor->index & 1) == 0) sched::yield_current();
  return 0;
}
CallResult linux_sched_getaffinity(const Arguments& a) {
  const Task* task = TRY(task_of(a.a));
  if (a.b < 8 || a.b % 8 != 0) return Fail{Errno::inval};
  TRY_VOID(write_user(a.c, task->affinity & online_mask()));
  return 8;
}
CallResult linux_getcpu(const Arguments& a) {
  if (a.a != 0) TRY_VOID(write_user(a.a, current_area().processor->index));
  if (a.b != 0) TRY_VOID(write_user(a.b, std::uint32_t{0}));
  return 0;
}

namespace {

// Whoever is not root is refused by Linux too.
CallResult refuse_real_time(std::int32_t policy) {
  if (current_process().euid == 0) tell_missing("sched_setscheduler with policy", static_cast<std::uint32_t>(policy), Errno::perm);
  return Fail{Errno::perm};
}

}  // namespace

CallResult linux_sched_setparam(const Arguments& a) {
  static_cast<void>(TRY(task_of(a.a)));
  return TRY(read_user<std::int32_t>(a.b)) == 0 ? CallResult{0} : CallResult{Fail{Errno::inval}};
}
CallResult linux_sched_getparam(const Arguments& a) {
  static_cast<void>(TRY(task_of(a.a)));
  return nothing(write_user(a.b, std::int32_t{0}));
}
CallResult linux_sched_setscheduler(const Arguments& a) {
  Task* task = TRY(task_of(a.a));
  const std::int32_t policy = as_i32(a.b) & ~0x4000'0000;  // SCHED_RESET_ON_FORK
  if (policy == sched_fifo || policy == sched_rr) return refuse_real_time(policy);
  if (!is_ordinary(policy) || TRY(read_user<std::int32_t>(a.c)) != 0) return Fail{Errno::inval};
  task->policy = policy;
  shares::set_weight(*task);
  return 0;
}
CallResult linux_sched_getscheduler(const Arguments& a) {
  return static_cast<std::uint64_t>(TRY(task_of(a.a))->policy);
}
// Ordinary tasks take turns by slices of 10 ms.
CallResult linux_sched_rr_get_interval(const Arguments& a) {
  static_cast<void>(TRY(task_of(a.a)));
  return nothing(write_user(a.b, Timespec{0, 10'000'000}));
}
CallResult linux_sched_get_priority_max(const Arguments& a) {
  const std::int32_t policy = as_i32(a.a);
  if (policy == sched_fifo || policy == sched_rr) return 99;
  return is_ordinary(policy) ? CallResult{0} : CallResult{Fail{Errno::inval}};
}
CallResult linux_sched_get_priority_min(const Arguments& a) {
  const std::int32_t policy = as_i32(a.a);
  if (policy == sched_fifo || policy == sched_rr) return 1;
  return is_ordinary(policy) ? CallResult{0} : CallResult{Fail{Errno::inval}};
}

namespace {
struct SchedAttributes { std::uint32_t size, policy; std::uint64_t flags; std::int32_t nice; std::uint32_t priority; std::uint64_t runtime, deadline, period; };
static_assert(sizeof(SchedAttributes) == 48);
}  // namespace

CallResult linux_sched_setattr(const Arguments& a) {
  if (a.c != 0) return Fail{Errno::inval};
  const auto wanted = TRY(read_user<SchedAttributes>(a.b));
  Task* task = TRY(task_of(a.a));
  const auto policy = static_cast<std::int32_t>(wanted.policy);
  if (policy == sched_fifo || policy == sched_rr) return refuse_real_time(policy);
  if (!is_ordinary(policy)) return Fail{Errno::inval};
  const std::int32_t nice = std::clamp(wanted.nice, -20, 19), had = task->process->nice;
  if (policy != sched_idle && nice < had && current_process().euid != 0) return Fail{Errno::perm};
  task->policy = policy;
  shares::set_weight(*task);
  if (policy != sched_idle && nice != had) shares::set_nice(*task->process, nice);
  return 0;
}
CallResult linux_sched_getattr(const Arguments& a) {
  const Task* task = TRY(task_of(a.a));
  if (as_u32(a.c) < sizeof(SchedAttributes) || a.d != 0) return Fail{Errno::inval};
  return nothing(write_user(a.b, SchedAttributes{.size = sizeof(SchedAttributes), .policy = static_cast<std::uint32_t>(task->policy),
                                               .nice = task->process->nice}));
}

}  // namespace exos
