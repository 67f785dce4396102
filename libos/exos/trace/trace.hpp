// SPDX-License-Identifier: MIT
// ptrace: who traces whom, and the stops of a traced task. A stop is taken by the task itself, on its library stack; while it
// stands there its registers are in its Frame, its vector state in its area's buffer and its fs base in the Task, where the tracer reads
// and writes them. All under the container lock. A task that nobody traces has no Trace and pays nothing: `Task::watched` is
// the branch that --strace has anyway. [ptrace(2)]
#pragma once

#include "libos/exos/fork.hpp"
#include "libos/exos/task.hpp"

namespace exos::trace {

// PTRACE_O_*: an option for event N is bit N.
inline constexpr std::uint32_t option_system_good = 1, option_kill_on_exit = 1 << 20;
inline constexpr std::uint32_t known_options = 0xff | option_kill_on_exit;
inline constexpr std::uint32_t event_fork = 1, event_vfork = 2, event_clone = 3, event_exec = 4, event_vfork_done = 5, event_exit = 6,
    event_stop = 128;

enum class Stop : std::uint8_t { none, signal, group, call_enter, call_exit, event };
enum class Resume : std::uint8_t { run, to_call, step, skip_call, skip_call_and_step };

struct Trace {
  base::ListLink in_all;
  Task* tracer = nullptr;          // never null: the end of a tracer ends its traces
  Task* task = nullptr;            // null: it has ended, and its tracer has not waited for it yet
  std::uint32_t tid = 0, pid = 0;
  std::uint32_t options = 0;       // PTRACE_O_*
  std::uint32_t group = 0;         // of the process, for waits, when the task has ended
  bool seized = false;
  bool reported = false, listening = false;   // of the stop in which it stands
  bool trap_wanted = false;        // PTRACE_INTERRUPT, or news of a group stop: seized ones only
  bool group_stop_wanted = false;  // its process has stopped, and it has not taken part yet
  Stop stop = Stop::none;
  Resume resume = Resume::run;
  std::uint32_t code = 0;          // of the stop, as a wait status has it above 0x7f
  SignalInfo* info = nullptr;      // of the stop; null: it has none
  std::uint64_t message = 0;       // PTRACE_GETEVENTMSG
  std::uint32_t exit_status = 0;   // when it has ended
};

using Traces = base::List<Trace, &Trace::in_all>;
[[nodiscard]] Traces& all();
[[nodiscard]] Trace* of_id(std::uint32_t tid);                 // ended ones too
[[nodiscard]] bool may_access(const Process& target);          // PTRACE_MODE_ATTACH for the current process: same user, dumpable

// --- trace.cpp ---
[[nodiscard]] Status begin(Task& task, Task& tracer, std::uint32_t options, bool seized);
void end(Trace& trace);                                        // the task goes on by itself, and stays in its stop until let go
void let_go(Task& task, std::uint32_t signal);                 // out of its stop; `signal` comes with it
void wait_is_over(Trace& trace);                               // the tracer has seen the end of it: to its real parent
void tell_tracer(Trace& trace, std::int32_t code, std::uint32_t status);   // SIGCHLD, and its waits look again

// The places where a task's life meets its tracer.
[[nodiscard]] Status follow(Task& parent, Task& child, const CloneRequest& request);   // before the child is ready
void cloned(Task& parent, std::uint32_t child, const CloneRequest& request);
void vfork_done(Task& parent, std::uint32_t child);
void executed(Task& task, std::uint32_t old_tid, Memory& old_memory);
void leaving(Task& task, std::uint32_t status);                // PTRACE_EVENT_EXIT
void ended(Task& task, std::uint32_t status);                  // the task is gone: as tracee and as tracer
[[nodiscard]] bool holds_end(Process& process);                // its tracer, not its parent, is told of the end first
void group_stopped(Process& process);
void group_continued(Process& process);

// --- stops.cpp: of the current task ---
// A call: stops before and after it if the tracer wants that. What the program finds in rax.
[[nodiscard]] std::uint64_t run_call(Task& task, Frame& frame);
[[nodiscard]] bool take_stops(Task& task);                     // those that wait: true if there was one
[[nodiscard]] bool lets_in(Task& task, SignalInfo& info);      // a signal is about to be delivered: true, with what the tracer made of it
[[nodiscard]] bool leave_step(Task& task);                     // before a handler's frame is made: did it step?
void in_handler(Task& task);                                   // the step has led into the handler
void stop_for_event(Task& task, std::uint32_t event, std::uint64_t message);
[[nodiscard]] bool outlived_step(Task& task);                  // a step's trap whose tracer is gone: there was none then
[[nodiscard]] bool wants_stop(const Task& task);               // the task, asleep in a call, is to come and stop

}  // namespace exos::trace
