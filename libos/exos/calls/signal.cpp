// SPDX-License-Identifier: MIT
// The signal calls.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {

namespace {

constexpr std::uint32_t last_signal = 64;
constexpr std::uint64_t mask_size = 8;
constexpr std::uint64_t unmaskable = std::uint64_t{1} << (sig_kill - 1) | std::uint64_t{1} << (sig_stop - 1);
constexpr std::int32_t si_user = 0, si_queue = -1, si_tkill = -6;

struct UserAction { std::uint64_t handler, flags, restorer, mask; };

SignalInfo info_from_self(std::uint32_t signal, std::int32_t code) {
  return {.signo = static_cast<std::int32_t>(signal), .code = code, .pid = static_cast<std::int32_t>(current_process().pid),
          .uid = current_process().uid};
}

bool may_signal(const Process& target, std::uint32_t signal) {
  const Process& self = current_process();
  if (self.euid == 0 || self.uid == target.uid || self.euid == target.uid || self.uid == target.suid || self.euid == target.suid) return true;
  return signal == sig_cont && self.session == target.session;
}

Status signal_process(Process& target, const SignalInfo& info) {
  const auto signal = static_cast<std::uint32_t>(info.signo);
  if (!may_signal(target, signal)) return Fail{Errno::perm};
  // The container's first process is its init: what it has no handler for does not reach it from inside.
  const bool from_inside = &target == first_process() && &target != &current_process();
  if (from_inside && target.actions->action[signal == 0 ? 0 : signal - 1].handler == 0 && signal == sig_kill) return {};
  if (signal != 0) send_signal(target, info);
  return {};
}

// kill() to a group or to all: succeeds when it succeeded for one.
template <typename F>
Status signal_all(const SignalInfo& info, F wanted) {
  Status outcome = Fail{Errno::srch};
  for (Process& process : processes()) {
    if (process.exited || !wanted(process)) continue;
    const Status sent = signal_process(process, info);
    if (sent || !outcome) outcome = outcome ? outcome : sent;
  }
  return outcome;
}

Result<Task*> thread_of(std::uint64_t group, std::uint64_t tid, bool any_group) {
  if (as_i32(tid) <= 0 || (!any_group && as_i32(group) <= 0)) return Fail{Errno::inval};
  Task* task = find_task(as_u32(tid));
  if (task == nullptr || (!any_group && task->process->pid != as_u32(group))) return Fail{Errno::srch};
  return task;
}

CallResult signal_thread(Task& task, const SignalInfo& info) {
  const auto signal = static_cast<std::uint32_t>(info.signo);
  if (!may_signal(*task.process, signal)) return Fail{Errno::perm};
  if (signal != 0) send_signal(task, info);
  return 0;
}

Result<SignalInfo> queued_info(std::uint64_t at, std::uint32_t signal, bool to_self) {
  SignalInfo info = from_user(TRY(read_user<UserSignalInfo>(at)));
  if ((info.code >= 0 || info.code == si_tkill) && !to_self) return Fail{Errno::perm};  // only the kernel's word
  info.signo = static_cast<std::int32_t>(signal);
  return info;
}

}  // namespace

CallResult signal_by_call(Process& target, const SignalInfo& info) {
  if (target.exited) return may_signal(target, static_cast<std::uint32_t>(info.signo)) ? CallResult{0} : CallResult{Fail{Errno::perm}};
  return nothing(signal_process(target, info));
}

CallResult linux_rt_sigaction(const Arguments& a) {
  const std::uint32_t signal = as_u32(a.a);
  if (a.d != mask_size || signal == 0 || signal > last_signal) return Fail{Errno::inval};
  if (a.b != 0 && (signal == sig_kill || signal == sig_stop)) return Fail{Errno::inval};
  SignalAction& action = current_process().actions->action[signal - 1];
  const UserAction old{action.handler, action.flags, action.restorer, action.mask};
  if (a.b != 0) {
    const auto fresh = TRY(read_user<UserAction>(a.b));
    action = {fresh.handler, fresh.flags & 0xffff'ffff, fresh.restorer, fresh.mask & ~unmaskable};
  }
  if (a.c != 0) TRY_VOID(write_user(a.c, old));
  return 0;
}

CallResult linux_rt_sigprocmask(const Arguments& a) {
  if (a.d != mask_size) return Fail{Errno::inval};
  SignalState& state = current().signals;
  const std::uint64_t old = state.mask;
  if (a.b != 0) {
    const auto set = TRY(read_user<std::uint64_t>(a.b)) & ~unmaskable;
    switch (as_u32(a.a)) {
      case 0: state.mask |= set; break;
      case 1: state.mask &= ~set; break;
      case 2: state.mask = set; break;
      default: return Fail{Errno::inval};
    }
    if ((state.pending.set | current_process().pending.set) != 0) sched::ask_attention(current(), attention_signal);
  }
  if (a.c != 0) TRY_VOID(write_user(a.c, old));
  return 0;
}

CallResult linux_rt_sigpending(const Arguments& a) {
  if (a.b > mask_size) return Fail{Errno::inval};
  const std::uint64_t set = (current().signals.pending.set | current_process().pending.set) & current().signals.mask;
  return nothing(write_user(a.a, set));
}

CallResult linux_rt_sigtimedwait(const Arguments& a) {
  if (a.d != mask_size) return Fail{Errno::inval};
  const auto set = TRY(read_user<std::uint64_t>(a.a)) & ~unmaskable;
  const abi::Nanoseconds deadline = a.c == 0 ? abi::forever : deadline_in(TRY(to_ns(TRY(read_user<Timespec>(a.c)))));
  SignalState& state = current().signals;
  SignalInfo info;
  while (!take_pending(set, info)) {
    state.waiting_for = set;
    const Status slept = sched::block(deadline, Interruptible::yes);
    state.waiting_for = 0;
    if (take_pending(set, info)) break;
    if (!slept) return Fail{slept.error() == Errno::timedout ? Errno::again : Errno::intr};
  }
  if (a.b != 0) TRY_VOID(write_user(a.b, to_user(info)));
  return static_cast<std::uint64_t>(info.signo);
}

CallResult linux_rt_sigsuspend(const Arguments& a) {
  if (a.b != mask_size) return Fail{Errno::inval};
  const auto mask = TRY(read_user<std::uint64_t>(a.a)) & ~unmaskable;
  SignalState& state = current().signals;
  state.saved_mask = std::exchange(state.mask, mask);
  state.restore_mask = true;
  while (sched::block(abi::forever, Interruptible::yes)) {}
  return Fail{Errno::restart_no_handler};
}

CallResult linux_pause(const Arguments&) {
  while (sched::block(abi::forever, Interruptible::yes)) {}
  return Fail{Errno::restart_no_handler};
}

CallResult linux_sigaltstack(const Arguments& a) {
  constexpr std::uint32_t on_stack = 1, disabled = 2, auto_disarm = 1u << 31;
  constexpr std::uint64_t smallest = 2048;
  SignalState& state = current().signals;
  const bool on_it = on_signal_stack(state, current().frame->rsp);
  const UserStack old{state.stack_base, static_cast<std::int32_t>(state.stack_flags | (on_it ? on_stack : 0)), 0, state.stack_size};
  if (a.a != 0) {
    const auto fresh = TRY(read_user<UserStack>(a.a));
    const auto flags = static_cast<std::uint32_t>(fresh.flags);
    if (on_it) return Fail{Errno::perm};
    if ((flags & ~(on_stack | disabled | auto_disarm)) != 0) return Fail{Errno::inval};
    if ((flags & disabled) == 0 && fresh.size < smallest) return Fail{Errno::nomem};
    const bool off = (flags & disabled) != 0;
    state.stack_base = off ? 0 : fresh.base;
    state.stack_size = off ? 0 : fresh.size;
    state.stack_flags = off ? disabled : 0;
  }
  if (a.b != 0) TRY_VOID(write_user(a.b, old));
  return 0;
}

CallResult linux_kill(const Arguments& a) {
  const std::int32_t pid = as_i32(a.a);
  const std::uint32_t signal = as_u32(a.b);
  if (signal > last_signal) return Fail{Errno::inval};
  const SignalInfo info = info_from_self(signal, si_user);
  if (pid > 0) {
    Process* process = find_process(as_u32(a.a));
    if (process == nullptr) return Fail{Errno::srch};
    return nothing(signal_process(*process, info));
  }
  if (pid == -1) return nothing(signal_all(info, [](const Process& p) { return &p != &current_process() && &p != first_process(); }));
  const std::uint32_t group = pid == 0 ? current_process().group : static_cast<std::uint32_t>(-pid);
  return nothing(signal_all(info, [&](const Process& p) { return p.group == group; }));
}

CallResult linux_tkill(const Arguments& a) {
  if (as_u32(a.b) > last_signal) return Fail{Errno::inval};
  return signal_thread(*TRY(thread_of(0, a.a, true)), info_from_self(as_u32(a.b), si_tkill));
}
CallResult linux_tgkill(const Arguments& a) {
  if (as_u32(a.c) > last_signal) return Fail{Errno::inval};
  return signal_thread(*TRY(thread_of(a.a, a.b, false)), info_from_self(as_u32(a.c), si_tkill));
}

CallResult linux_rt_sigqueueinfo(const Arguments& a) {
  if (as_u32(a.b) > last_signal) return Fail{Errno::inval};
  static_assert(si_queue == -1);
  Process* process = find_process(as_u32(a.a));
  const SignalInfo info = TRY(queued_info(a.c, as_u32(a.b), process == &current_process()));
  if (process == nullptr) return Fail{Errno::srch};
  return nothing(signal_process(*process, info));
}
CallResult linux_rt_tgsigqueueinfo(const Arguments& a) {
  if (as_u32(a.c) > last_signal) return Fail{Errno::inval};
  Task* task = TRY(thread_of(a.a, a.b, false));
  return signal_thread(*task, TRY(queued_info(a.d, as_u32(a.c), task->process == &current_process())));
}

}  // namespace exos
