// SPDX-License-Identifier: MIT
// Processes: the first one, the end of each, and stopping and continuing for job control.
#include "abi/container.hpp"
#include "libos/exos/call_summary.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/exec.hpp"
#include "libos/exos/jobs.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/posix_timers.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/strace.hpp"
#include "libos/exos/system_v/table.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {

void end_process(Process& process, Task& last);
void announce_end(Process& process);

namespace {

constexpr std::uint64_t infinity = ~std::uint64_t{0};
constexpr std::int32_t cld_exited = 1, cld_killed = 2, cld_dumped = 3, cld_stopped = 5, cld_continued = 6;
constexpr std::uint64_t sa_nocldstop = 1, sa_nocldwait = 2;

void set_default_limits(Process& process) {
  for (auto& limit : process.limits) limit[0] = limit[1] = infinity;
  process.limits[3][0] = 8 << 20;                            // RLIMIT_STACK
  process.limits[4][0] = 0;                                  // RLIMIT_CORE
  process.limits[6][0] = process.limits[6][1] = 32768;       // RLIMIT_NPROC
  process.limits[7][0] = 1024, process.limits[7][1] = 1048576;  // RLIMIT_NOFILE
  process.limits[8][0] = process.limits[8][1] = 8 << 20;     // RLIMIT_MEMLOCK
  process.limits[11][0] = process.limits[11][1] = 32768;     // RLIMIT_SIGPENDING
  process.limits[12][0] = process.limits[12][1] = 819200;    // RLIMIT_MSGQUEUE
  process.limits[13][0] = process.limits[13][1] = 0;         // RLIMIT_NICE
  process.limits[14][0] = process.limits[14][1] = 0;         // RLIMIT_RTPRIO
}

SignalInfo child_info(const Process& child, std::int32_t code, std::int32_t status) {
  return {.signo = static_cast<std::int32_t>(sig_chld), .code = code, .pid = static_cast<std::int32_t>(child.pid),
          .uid = child.uid, .status = status};
}

void tell_parent(Process& child, std::int32_t code, std::int32_t status) {
  if (child.parent == nullptr || child.parent->exited) return;
  const SignalAction& action = child.parent->actions->action[sig_chld - 1];
  if ((action.flags & sa_nocldstop) == 0 || code == cld_exited || code == cld_killed || code == cld_dumped)
    send_signal(*child.parent, child_info(child, code, status));
  child.parent->children_changed.wake_all();
}

// The nearest ancestor that asked for it, or the first process.
Process* heir_of(const Process& dying) {
  for (Process* at = dying.parent; at != nullptr; at = at->parent)
    if (at->subreaper != 0 && !at->exited) return at;
  return first_process();
}

void adopt_children(Process& dying) {
  Process* heir = heir_of(dying);
  for (Process& child : processes()) {
    if (child.parent != &dying) continue;
    child.parent = heir;
    jobs::after_adoption(child, dying);
    if (child.death_signal != 0) send_signal(child, {.signo = static_cast<std::int32_t>(child.death_signal)});
    if (child.exited) heir->children_changed.wake_all();
  }
}

}  // namespace

Result<Process*> create_first_process() {
  Process* process = make<Process>();
  if (process == nullptr) return Fail{Errno::nomem};
  const RunDescription& run = run_description();
  process->memory = TRY(Memory::create());
  process->actions = Ref<SignalActions>{make<SignalActions>()};
  if (!process->actions) return Fail{Errno::nomem};
  set_default_limits(*process);
  process->uid = process->euid = process->suid = run.uid;
  process->gid = process->egid = process->sgid = run.gid;
  process->start_ns = now().raw();
  Task* task = TRY(create_task(*process, *process->memory));
  process->pid = process->group = process->session = task->tid;
  processes().push_back(*process);
  if (Terminal* console = console_terminal(); console != nullptr) {
    console->session = process->session;
    console->group = process->group;
    process->terminal = TerminalRef{console};
    console_input();   // from now on, read or not: a Ctrl-C is for whoever runs
  }
  task->files = TRY(first_descriptors());
  task->paths = TRY(first_path_context(run.cwd.empty() ? "/" : run.cwd.view()));
  task->paths->umask = run.umask;
  start_task(*task, nullptr);
  return process;
}

// The last task of a process is on its way out, still in the process's space.
void end_process(Process& process, Task& last) {
  strace_end(process);
  cancel(process.alarm);
  delete_timers(process);
  system_v::undo_semaphores(process);
  if (process.memory->refs == 1) note_largest(process);   // not those of whom a vfork child borrowed it
  last.dead_memory = std::move(process.memory);
  process.memory = {};
  discard_pending(process.pending);
  process.exited = true;
  if (process.handle) process.handle->changed.wake_all();
  const std::uint32_t status = process.exit_status;
  if (&process == first_process())
    halt_container((status & 0x7f) != 0 ? 128 + (status & 0x7f) : (status >> 8) & 0xff);
  jobs::before_adoption(process);
  adopt_children(process);
  jobs::after_end(process);

  if (!trace::all().empty() && trace::holds_end(process)) {
    process.end_held = true;
    return;
  }
  announce_end(process);
}

// To its parent; the process may be gone afterwards.
void announce_end(Process& process) {
  process.end_held = false;
  const std::uint32_t status = process.exit_status;
  Process* parent = process.parent;
  const SignalAction& action = parent->actions->action[sig_chld - 1];
  const bool unwanted = process.exit_signal == sig_chld && (action.handler == 1 || (action.flags & sa_nocldwait) != 0);
  if (process.exit_signal == sig_chld) {
    const bool killed = (status & 0x7f) != 0;
    const std::int32_t code = !killed ? cld_exited : (status & 0x80) != 0 ? cld_dumped : cld_killed;
    tell_parent(process, code, static_cast<std::int32_t>(killed ? status & 0x7f : (status >> 8) & 0xff));
  } else {
    if (process.exit_signal != 0) {
      SignalInfo info = child_info(process, cld_exited, static_cast<std::int32_t>(status));
      info.signo = static_cast<std::int32_t>(process.exit_signal);
      send_signal(*parent, info);
    }
    parent->children_changed.wake_all();
  }
  process.actions = {};
  if (unwanted) remove_process(process);
}

void remove_process(Process& process) {
  if (process.parent != nullptr) process.parent->children += usage_with_children(process);
  if (process.handle) {
    process.handle->process = nullptr;
    process.handle->changed.wake_all();
  }
  process.in_table.unlink();
  destroy(&process);
}

void stop_process(Process& process, std::uint32_t signal) {
  if (process.stopped) return;
  process.stopped = true;
  process.stop_reported = process.continued = false;
  process.stop_signal = signal;
  if (!trace::all().empty()) [[unlikely]] trace::group_stopped(process);
  for (Task& task : process.tasks) {
    sched::ask_attention(task, attention_signal);
    sched::interrupt(task);
  }
  tell_parent(process, cld_stopped, static_cast<std::int32_t>(signal));
}

void continue_process(Process& process) {
  if (!process.stopped) return;
  process.stopped = false;
  process.continued = true;
  if (!trace::all().empty()) [[unlikely]] trace::group_continued(process);
  for (Task& task : process.tasks)
    if (task.state == TaskState::stopped) sched::make_ready(task);
  tell_parent(process, cld_continued, static_cast<std::int32_t>(sig_cont));
}

void halt_container(std::uint32_t status) {
  summary_print();
  files_finish();
  link::send_now(abi::link::Channel::control, static_cast<std::uint8_t>(abi::link::Control::exited), &status, sizeof status);
  sched::end_container();
}

}  // namespace exos
