// SPDX-License-Identifier: MIT
#include "libos/exos/trace/trace.hpp"

#include "libos/exos/calls.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/quick_calls.hpp"
#include "libos/exos/sched.hpp"

namespace exos {
void announce_end(Process& process);   // process.cpp
}

namespace exos::trace {

namespace {

constinit Traces traces;
constexpr std::int32_t cld_exited = 1, cld_killed = 2, cld_dumped = 3;
constexpr std::uint64_t sa_nocldstop = 1, sa_nocldwait = 2;
constexpr std::uint64_t clone_ptrace = 0x2000, clone_vfork = 0x4000, clone_thread = 0x10000, clone_untraced = 0x80'0000;

bool traces_memory(const Memory& memory) {
  for (const Trace& trace : traces)
    if (trace.task != nullptr && trace.task->process->memory.get() == &memory) return true;
  return false;
}

void remove(Trace& trace) {
  trace.in_all.unlink();
  destroy(&trace);
}

// The event of such a clone if its tracer asked for it, or 0.
std::uint32_t event_of(const Trace& trace, const CloneRequest& request) {
  if ((request.flags & clone_untraced) != 0) return 0;
  const std::uint32_t event = (request.flags & clone_vfork) != 0 ? event_vfork
                            : request.exit_signal != sig_chld    ? event_clone : event_fork;
  return (trace.options >> event & 1) != 0 ? event : 0;
}

// The wait status of an end, as SIGCHLD tells it.
void tell_end(Trace& trace, std::uint32_t status) {
  const bool killed = (status & 0x7f) != 0;
  tell_tracer(trace, !killed ? cld_exited : (status & 0x80) != 0 ? cld_dumped : cld_killed, killed ? status & 0x7f : status >> 8 & 0xff);
}

bool wants_no_ends(const Task& tracer) {
  const SignalAction& action = tracer.process->actions->action[sig_chld - 1];
  return action.handler == 1 || (action.flags & sa_nocldwait) != 0;
}

// The tracer ends: what it traced goes on, or ends too.
void abandon(Trace& trace) {
  Task* task = trace.task;
  if (task == nullptr) {
    if (trace.tid == trace.pid) return wait_is_over(trace);
    return remove(trace);
  }
  const bool kills = (trace.options & option_kill_on_exit) != 0;
  const std::uint32_t signal = trace.stop == Stop::signal && !trace.reported ? trace.code : 0;
  end(trace);
  let_go(*task, signal);
  if (kills) send_signal(*task->process, {.signo = static_cast<std::int32_t>(sig_kill), .code = 0x80});
}

}  // namespace

Traces& all() { return traces; }

Trace* of_id(std::uint32_t tid) {
  for (Trace& trace : traces) if (trace.tid == tid) return &trace;
  return nullptr;
}

bool may_access(const Process& target) {
  const Process& self = current_process();
  if (&target == &self || self.euid == 0) return true;
  const auto owns = [&](std::uint32_t user, std::uint32_t group) { return user == self.uid && group == self.gid; };
  return target.dumpable && owns(target.uid, target.gid) && owns(target.euid, target.egid) && owns(target.suid, target.sgid);
}

void tell_tracer(Trace& trace, std::int32_t code, std::uint32_t status) {
  Process& tracer = *trace.tracer->process;
  const SignalAction& action = tracer.actions->action[sig_chld - 1];
  const bool of_stop = code != cld_exited && code != cld_killed && code != cld_dumped;
  if (action.handler != 1 && !(of_stop && (action.flags & sa_nocldstop) != 0)) {
    const Process* process = trace.task != nullptr ? trace.task->process : find_process(trace.pid);
    send_signal(tracer, {.signo = static_cast<std::int32_t>(sig_chld), .code = code, .pid = static_cast<std::int32_t>(trace.tid),
                         .uid = process != nullptr ? process->uid : 0, .status = static_cast<std::int32_t>(status)});
  }
  tracer.children_changed.wake_all();
}

Status begin(Task& task, Task& tracer, std::uint32_t options, bool seized) {
  Trace* trace = make<Trace>();
  if (trace == nullptr) return Fail{Errno::nomem};
  trace->tracer = &tracer;
  trace->task = &task;
  trace->tid = task.tid;
  trace->pid = task.process->pid;
  trace->options = options;
  trace->seized = seized;
  traces.push_back(*trace);
  task.trace = trace;
  task.watched = true;
  refresh_quick_answers(task);
  // Its calls come through the kernel from now on, and its text is as its file has it: for registers, steps and breakpoints.
  show_own_text(*task.process->memory);
  return {};
}

void end(Trace& trace) {
  Task& task = *trace.task;
  task.trace = nullptr;
  task.watched = calls_watched();
  refresh_quick_answers(task);
  remove(trace);
  if (Memory* memory = task.process->memory.get(); memory != nullptr && !traces_memory(*memory)) memory->unpatched = false;
}

void let_go(Task& task, std::uint32_t signal) {
  if (!std::exchange(task.standing, false)) return;
  task.let_in = signal;
  if (task.state == TaskState::stopped) sched::make_ready(task);
}

void wait_is_over(Trace& trace) {
  Process* process = trace.tid == trace.pid ? find_process(trace.pid) : nullptr;
  remove(trace);
  if (process != nullptr && process->exited) announce_end(*process);
}

Status follow(Task& parent, Task& child, const CloneRequest& request) {
  const Trace& trace = *parent.trace;
  if (event_of(trace, request) == 0 && (request.flags & clone_ptrace) == 0) return {};
  TRY_VOID(begin(child, *trace.tracer, trace.options, trace.seized));
  if ((request.flags & clone_thread) == 0) child.trace->pid = child.tid;   // its process has no number yet
  if (trace.seized) child.trace->trap_wanted = true;
  else child.signals.pending.set |= std::uint64_t{1} << (sig_stop - 1), child.signals.pending.info[sig_stop - 1] = {.signo = static_cast<std::int32_t>(sig_stop)};
  sched::ask_attention(child, attention_signal);
  return {};
}

void cloned(Task& parent, std::uint32_t child, const CloneRequest& request) {
  if (const std::uint32_t event = event_of(*parent.trace, request); event != 0) stop_for_event(parent, event, child);
}

void vfork_done(Task& parent, std::uint32_t child) {
  if ((parent.trace->options >> event_vfork_done & 1) != 0) stop_for_event(parent, event_vfork_done, child);
}

void executed(Task& task, std::uint32_t old_tid, Memory& old_memory) {
  // The leader's trace is that of this task now; who traced the leader alone learns no more of it.
  if (old_tid != task.tid)
    for (Trace& other : traces)
      if (other.task == nullptr && other.tid == task.tid) remove(other);
  if (task.trace == nullptr) return;
  task.trace->tid = task.tid;
  task.process->memory->unpatched = true;   // nothing of it is patched yet
  if (!traces_memory(old_memory)) old_memory.unpatched = false;
  if ((task.trace->options >> event_exec & 1) != 0) return stop_for_event(task, event_exec, old_tid);
  if (!task.trace->seized)
    send_signal(task, {.signo = static_cast<std::int32_t>(sig_trap), .pid = static_cast<std::int32_t>(task.tid), .uid = task.process->uid});
}

void leaving(Task& task, std::uint32_t status) {
  if ((task.trace->options >> event_exit & 1) != 0) stop_for_event(task, event_exit, status);
}

void ended(Task& task, std::uint32_t status) {
  if (Trace* trace = std::exchange(task.trace, nullptr); trace != nullptr) {
    const bool leader = task.tid == task.process->pid;
    trace->task = nullptr;
    trace->stop = Stop::none;
    trace->exit_status = status;
    trace->group = task.process->group;
    if (!leader && wants_no_ends(*trace->tracer)) remove(*trace);
    else if (!leader) tell_end(*trace, status);   // a leader's end is its process's: holds_end()
  }
  for (Trace& trace : traces)
    if (trace.tracer == &task) abandon(trace);
}

bool holds_end(Process& process) {
  Trace* trace = of_id(process.pid);
  if (trace == nullptr || trace->task != nullptr) return false;
  if (trace->tracer->process == process.parent || wants_no_ends(*trace->tracer)) {
    remove(*trace);
    return false;
  }
  trace->exit_status = process.exit_status;
  tell_end(*trace, process.exit_status);
  return true;
}

void group_stopped(Process& process) {
  for (Task& task : process.tasks)
    if (task.trace != nullptr) task.trace->group_stop_wanted = true;
}

void group_continued(Process& process) {
  for (Task& task : process.tasks) {
    if (task.trace == nullptr) continue;
    task.trace->group_stop_wanted = false;
    if (!task.trace->seized) continue;
    task.trace->trap_wanted = true;
    sched::ask_attention(task, attention_signal);
    if (task.trace->listening) let_go(task, 0);
  }
}

}  // namespace exos::trace
