// SPDX-License-Identifier: MIT
// How a traced task stops, and what it does when its tracer lets it go on.
#include "libos/exos/trace/trace.hpp"

#include "libos/exos/calls.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/trace/registers.hpp"

namespace exos {
[[nodiscard]] std::uint64_t run_any_call(Task& task, Frame& frame);   // calls.cpp
}

namespace exos::trace {

namespace {

constexpr std::int32_t cld_trapped = 4, cld_stopped = 5, trap_brkpt = 1;
constexpr std::uint32_t system_good = 0x80;
constexpr std::uint64_t nosys = static_cast<std::uint64_t>(-static_cast<std::int64_t>(Errno::nosys));
constexpr std::uint64_t message_enter = 1, message_exit = 2;   // PTRACE_EVENTMSG_SYSCALL_*

// Whether the call is to be made again is told by the registers, which the tracer may have changed.
void look_for_restart(Task& task) {
  const Frame& frame = *task.frame;
  const auto error = static_cast<Errno>(-static_cast<std::int64_t>(frame.rax));
  const bool restarts = error == Errno::restart_sys || error == Errno::restart_always || error == Errno::restart_no_handler;
  task.pending_restart = frame.call != ~std::uint64_t{0} && restarts ? error : Errno{};
}

bool is_ending(const Task& task) { return task.exiting || task.exiting_by_kill; }

// Stands until the tracer, or SIGKILL, lets it go. The signal that the tracer sends along.
std::uint32_t stand(Task& task, Stop stop, std::uint32_t code, SignalInfo* info) {
  Trace& trace = *task.trace;
  if (is_ending(task) && code >> 8 != event_exit) return 0;
  clear_step(task);
  trace.stop = stop;
  trace.code = code;
  trace.info = info;
  trace.reported = trace.listening = false;
  task.standing = true;
  task.let_in = 0;
  if (task.frame->call == ~std::uint64_t{0}) task.frame->rip = site_of(*task.process->memory, task.frame->rip);
  save_processor_state(task);
  const bool of_group = stop == Stop::group || code >> 8 == event_stop;
  tell_tracer(trace, of_group ? cld_stopped : cld_trapped, code & 0x7f);
  while (task.standing) sched::stop_current();
  load_processor_state(task);
  sched::ask_attention(task, attention_signal);   // all registers count on the way back
  if (task.trace != nullptr) {
    task.trace->stop = Stop::none;
    task.trace->info = nullptr;
    if (task.trace->resume == Resume::step || task.trace->resume == Resume::skip_call_and_step) set_step(task);
  }
  look_for_restart(task);
  return std::exchange(task.let_in, 0);
}

SignalInfo trap_info(const Task& task, std::uint32_t signal, std::uint32_t code) {
  const std::uint64_t sender = task.process->pid | std::uint64_t{task.process->uid} << 32;   // si_pid and si_uid
  return {.signo = static_cast<std::int32_t>(signal), .code = static_cast<std::int32_t>(code), .pid = static_cast<std::int32_t>(task.process->pid),
          .uid = task.process->uid, .address = sender};
}

void stop_at_call(Task& task, Stop stop, std::uint64_t message) {
  const std::uint32_t code = sig_trap | ((task.trace->options & option_system_good) != 0 ? system_good : 0);
  SignalInfo info = trap_info(task, sig_trap, code);
  task.trace->message = message;
  const std::uint32_t signal = stand(task, stop, code, &info);
  if (signal != 0) send_signal(task, {.signo = static_cast<std::int32_t>(signal), .code = 0x80});
}

// One step over a call ends behind it.
void end_step(Task& task) {
  clear_step(task);
  send_fault({.signo = static_cast<std::int32_t>(sig_trap), .code = trap_brkpt, .address = task.frame->rip});
}

}  // namespace

std::uint64_t run_call(Task& task, Frame& frame) {
  sched::ask_attention(task, attention_signal);
  frame.rcx = frame.rip;   // as the instruction leaves them
  frame.r11 = frame.rflags & ~trap_flag;
  const bool skips = task.trace->resume == Resume::skip_call || task.trace->resume == Resume::skip_call_and_step;
  if (task.trace->resume == Resume::to_call || skips) {
    frame.rax = nosys;
    stop_at_call(task, Stop::call_enter, message_enter);
    if (skips || is_ending(task)) return frame.rax;
  }
  if (frame.call != ~std::uint64_t{0}) {
    const std::uint64_t result = run_any_call(task, frame);
    if (!task.frame_replaced) frame.rax = result;
  }
  if (task.trace == nullptr || is_ending(task)) return frame.rax;
  if (task.trace->resume == Resume::to_call) stop_at_call(task, Stop::call_exit, message_exit);
  else if (steps(task)) end_step(task);
  return frame.rax;
}

bool take_stops(Task& task) {
  Trace& trace = *task.trace;
  if (task.exiting_by_kill || (!trace.group_stop_wanted && !trace.trap_wanted)) return false;
  const bool of_group = std::exchange(trace.group_stop_wanted, false);
  const std::uint32_t signal = task.process->stopped ? task.process->stop_signal : sig_trap;
  if (!trace.seized) {
    if (of_group) stand(task, Stop::group, signal, nullptr);
    return of_group;
  }
  trace.trap_wanted = false;
  const std::uint32_t code = signal | event_stop << 8;
  SignalInfo info = trap_info(task, signal, code);
  trace.message = 0;
  stand(task, Stop::event, code, &info);
  return true;
}

bool lets_in(Task& task, SignalInfo& info) {
  const std::uint32_t tracer = task.trace->tracer->process->pid, user = task.trace->tracer->process->uid;
  const std::uint32_t signal = stand(task, Stop::signal, static_cast<std::uint32_t>(info.signo), &info);
  if (signal == 0) return false;
  if (signal != static_cast<std::uint32_t>(info.signo))
    info = {.signo = static_cast<std::int32_t>(signal), .pid = static_cast<std::int32_t>(tracer), .uid = user};
  if ((task.signals.mask >> (signal - 1) & 1) == 0) return true;
  send_signal(task, info);   // it waits until it is no longer blocked
  return false;
}

bool leave_step(Task& task) {
  const bool stepped = steps(task);
  clear_step(task);
  return stepped;
}

void in_handler(Task& task) {
  SignalInfo info = trap_info(task, sig_trap, sig_trap);
  stand(task, Stop::event, sig_trap, &info);
}

void stop_for_event(Task& task, std::uint32_t event, std::uint64_t message) {
  const std::uint32_t code = sig_trap | event << 8;
  SignalInfo info = trap_info(task, sig_trap, code);
  task.trace->message = message;
  stand(task, Stop::event, code, &info);
}

bool outlived_step(Task& task) {
  if (task.trace != nullptr || !steps(task)) return false;
  clear_step(task);
  return true;
}

bool wants_stop(const Task& task) {
  return task.trace != nullptr ? task.trace->group_stop_wanted || task.trace->trap_wanted : task.process->stopped;
}

}  // namespace exos::trace
