// SPDX-License-Identifier: MIT
// Sending and choosing signals. What a handler sees is made in signal_frame.cpp.
#include "libos/exos/signal.hpp"

#include "libos/exos/core_dump.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/jobs.hpp"
#include "libos/exos/posix_timers.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/signal_frame.hpp"
#include "libos/exos/strace.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {

namespace {

constexpr std::uint64_t bit(std::uint32_t signal) { return std::uint64_t{1} << (signal - 1); }
template <typename... T>
constexpr std::uint64_t bits(T... signals) { return (bit(signals) | ...); }

constexpr std::uint64_t ignored_by_default = bits(sig_chld, 23u, sig_winch, sig_cont);         // 23: SIGURG
constexpr std::uint64_t stop_signals = bits(sig_stop, sig_tstp, sig_ttin, sig_ttou);
constexpr std::uint64_t core_signals = bits(sig_quit, sig_ill, sig_trap, sig_abrt, sig_bus, sig_fpe, sig_segv, 24u, 25u, sig_sys);
constexpr std::uint64_t fault_signals = bits(sig_segv, sig_bus, sig_ill, sig_fpe, sig_trap, sig_sys);
constexpr std::uint64_t unmaskable = bits(sig_kill, sig_stop);
constexpr std::uint32_t queue_limit = 32768;
constinit std::uint32_t queued_signals = 0;
constinit WaitQueue arrivals;

std::uint32_t number(const SignalInfo& info) { return static_cast<std::uint32_t>(info.signo); }

bool is_ignored(const Process& process, std::uint32_t signal) {
  const SignalAction& action = process.actions->action[signal - 1];
  return action.handler == 1 || (action.handler == 0 && (ignored_by_default & bit(signal)) != 0);
}

// A standard signal is pending once; real-time signals queue, in order.
void add(PendingSignals& pending, const SignalInfo& info) {
  const std::uint32_t signal = number(info);
  if (signal >= 32) {
    QueuedSignal* queued = queued_signals < queue_limit ? make<QueuedSignal>(info, nullptr) : nullptr;
    if (queued != nullptr) {
      ++queued_signals;
      QueuedSignal** at = &pending.queued;
      while (*at != nullptr) at = &(*at)->next;
      *at = queued;
    }
  } else if ((pending.set & bit(signal)) == 0) {
    pending.info[signal - 1] = info;
  }
  pending.set |= bit(signal);
}

void remove(PendingSignals& pending, std::uint64_t set) {
  pending.set &= ~set;
  for (QueuedSignal** at = &pending.queued; *at != nullptr;) {
    QueuedSignal* queued = *at;
    if ((set & bit(number(queued->info))) == 0) { at = &queued->next; continue; }
    *at = queued->next;
    --queued_signals;
    destroy(queued);
  }
}

// Takes the lowest signal of `set` that is pending; a fault of the task itself goes first.
bool take(PendingSignals& pending, std::uint64_t set, SignalInfo& out) {
  const std::uint64_t candidates = pending.set & set;
  if (candidates == 0) return false;
  const std::uint64_t first = (candidates & fault_signals) != 0 ? candidates & fault_signals : candidates;
  const auto signal = static_cast<std::uint32_t>(std::countr_zero(first)) + 1;
  if (signal < 32) {
    out = pending.info[signal - 1];
    pending.set &= ~bit(signal);
    if (out.code == si_timer) collect_overrun(out);
    return true;
  }
  out = {.signo = static_cast<std::int32_t>(signal)};
  bool more = false, found = false;
  for (QueuedSignal** at = &pending.queued; *at != nullptr;) {
    QueuedSignal* queued = *at;
    if (number(queued->info) != signal) { at = &queued->next; continue; }
    if (found) { more = true; break; }
    out = queued->info;
    found = true;
    *at = queued->next;
    --queued_signals;
    destroy(queued);
  }
  if (!more) pending.set &= ~bit(signal);
  if (out.code == si_timer) collect_overrun(out);
  return true;
}

// Effects of a signal that come with its sending. False: it is dropped here.
bool prepare(Process& process, std::uint32_t signal) {
  if (process.exited) return false;
  if (signal == sig_cont || signal == sig_kill) {
    remove(process.pending, stop_signals);
    for (Task& task : process.tasks) remove(task.signals.pending, stop_signals);
    if (process.stopped) continue_process(process);
  } else if ((stop_signals & bit(signal)) != 0) {
    remove(process.pending, bit(sig_cont));
    for (Task& task : process.tasks) remove(task.signals.pending, bit(sig_cont));
  }
  return true;
}

bool is_blocked(const Task& task, std::uint32_t signal) { return (task.signals.mask & bit(signal)) != 0; }

// Dropped at once when nobody would see it (a tracer sees all): ignored and not blocked (sigwait may be waiting for a blocked one).
bool is_pointless(const Process& process, const Task& task, std::uint32_t signal) {
  return task.trace == nullptr && is_ignored(process, signal) && !is_blocked(task, signal) && (task.signals.waiting_for & bit(signal)) == 0;
}

[[noreturn]] void end_by_signal(const SignalInfo& info) {
  Process& process = current_process();
  const std::uint32_t signal = number(info);
  const bool dumps = (core_signals & bit(signal)) != 0 && process.dumpable;
  if (dumps) report_program_crash(current(), info);
  strace_killed(info, dumps && dump_core(info));
  exit_process(signal);
}

void stop_here(std::uint32_t signal) {
  Process& process = current_process();
  stop_process(process, signal);
}

}  // namespace

void send_signal(Process& process, const SignalInfo& info) {
  const std::uint32_t signal = number(info);
  if (signal == 0 || !prepare(process, signal)) return;
  // A task that does not block it, preferably the main one.
  Task* chosen = nullptr;
  for (Task& task : process.tasks) {
    if (task.exiting || (is_blocked(task, signal) && (task.signals.waiting_for & bit(signal)) == 0)) continue;
    chosen = &task;
    break;
  }
  Task* any = chosen != nullptr ? chosen : process.tasks.front();
  if (any == nullptr || is_pointless(process, *any, signal)) return;
  add(process.pending, info);
  arrivals.wake_all();
  if (chosen != nullptr || signal == sig_kill) sched::interrupt(*any);
  if (signal == sig_kill)
    for (Task& task : process.tasks) {
      task.exiting_by_kill = true;
      task.standing = false;
      if (task.state == TaskState::stopped) sched::make_ready(task);
      sched::interrupt(task);
    }
}

void send_signal(Task& task, const SignalInfo& info) {
  const std::uint32_t signal = number(info);
  if (task.process == nullptr) return;
  if (signal == sig_kill) return send_signal(*task.process, info);
  if (signal == 0 || !prepare(*task.process, signal) || is_pointless(*task.process, task, signal)) return;
  add(task.signals.pending, info);
  arrivals.wake_all();
  if (!is_blocked(task, signal) || (task.signals.waiting_for & bit(signal)) != 0) sched::interrupt(task);
}

void send_fault(const SignalInfo& info) {
  Task& task = current();
  const std::uint32_t signal = number(info);
  SignalAction& action = task.process->actions->action[signal - 1];
  if (is_blocked(task, signal) || action.handler == 1) {
    action.handler = 0;
    task.signals.mask &= ~bit(signal);
  }
  add(task.signals.pending, info);
  sched::ask_attention(task, attention_signal);
}

bool signal_pending(const Task& task) {
  const std::uint64_t candidates = (task.signals.pending.set | task.process->pending.set);
  const std::uint64_t open = candidates & (~task.signals.mask | task.signals.waiting_for | unmaskable);
  if (open == 0) [[likely]] return task.exiting_by_kill || trace::wants_stop(task);
  if (task.trace != nullptr) [[unlikely]] return true;
  // Those that would be thrown away do not count.
  for (std::uint64_t left = open; left != 0; left &= left - 1) {
    const auto signal = static_cast<std::uint32_t>(std::countr_zero(left)) + 1;
    if (!is_ignored(*task.process, signal) || (task.signals.waiting_for & bit(signal)) != 0) return true;
  }
  return false;
}

WaitQueue& signal_arrivals() { return arrivals; }

void discard_pending(PendingSignals& pending) { remove(pending, ~std::uint64_t{0}); }

void reset_actions_for_exec(SignalActions& actions) {
  for (SignalAction& action : actions.action) {
    if (action.handler != 1) action.handler = 0;
    action.flags = action.restorer = action.mask = 0;
  }
}

Status take_pending(std::uint64_t set, SignalInfo& out) {
  Task& task = current();
  if (take(task.signals.pending, set, out) || take(task.process->pending, set, out)) return {};
  return Fail{Errno::again};
}

void handle_signals() {
  Task& task = current();
  Process& process = *task.process;
  SignalState& state = task.signals;
  for (;;) {
    if (task.exiting) exit_task(process.exit_status >> 8);
    if (task.trace != nullptr) [[unlikely]] {
      if (trace::take_stops(task)) continue;
    } else if (process.stopped && (process.pending.set & bit(sig_kill)) == 0) {
      sched::stop_current();
      continue;
    }
    SignalInfo info;
    const std::uint64_t open = ~state.mask | unmaskable;
    if (((state.pending.set | process.pending.set) & open) == 0) [[likely]] break;
    if (!take(state.pending, open, info) && !take(process.pending, open, info)) break;
    if (task.trace != nullptr && number(info) != sig_kill) [[unlikely]]
      if (!trace::lets_in(task, info)) continue;
    const std::uint32_t signal = number(info);
    const SignalAction action = process.actions->action[signal - 1];
    if (signal != sig_kill && signal != sig_stop) {
      if (is_ignored(process, signal)) { strace_signal(info); continue; }
      if (action.handler > 1) {
        strace_signal(info);
        const bool stepped = task.trace != nullptr && trace::leave_step(task);
        deliver(task, info, action);
        if (stepped && task.trace != nullptr) trace::in_handler(task);
        continue;  // further ones stack their frames above, as on Linux
      }
    }
    strace_signal(info);
    if ((stop_signals & bit(signal)) != 0) {
      if (signal != sig_stop && jobs::is_orphaned(process.group)) continue;   // nobody would continue it
      stop_here(signal);
      continue;
    }
    end_by_signal(info);
  }
  if (task.pending_restart != Errno{}) restart_call(*task.frame);
  // No handler ran: the mask of before rt_sigsuspend and its kind comes back here.
  if (std::exchange(state.restore_mask, false)) state.mask = state.saved_mask;
}

}  // namespace exos
