// SPDX-License-Identifier: MIT
// Processes and tasks (threads). A task is one Aegis env with its own user area and library stack in the state slot; the
// tasks of a process share memory, descriptors and signal actions. One container lock guards all of it.
#pragma once

#include "abi/syscall.hpp"
#include "base/list.hpp"
#include "libos/exos/area.hpp"
#include "libos/exos/cpu_time.hpp"
#include "libos/exos/file.hpp"
#include "libos/exos/memory.hpp"
#include "libos/exos/process_handle.hpp"
#include "libos/exos/signal.hpp"
#include "libos/exos/terminal.hpp"
#include "libos/exos/timer.hpp"
#include "libos/exos/wait.hpp"
#include "libos/rt/kinds.hpp"

namespace exos::uring {
struct Worker;
}
namespace exos::trace {
struct Trace;
}

namespace exos {

struct Process;
class CoreNotes;

// All registers of the program as the entry code saved them on the library stack; what the program continues with.
struct Frame {
  std::uint64_t r15, r14, r13, r12, rbp, rbx, rax;
  std::uint64_t rdi, rsi, rdx, r10, r8, r9;   // a call's arguments in their order (Arguments)
  std::uint64_t rcx, r11;
  std::uint64_t call;             // Linux call number of a foreign call (orig_rax), ~0 for exceptions and upcalls
  std::uint64_t rip, cs, rflags, rsp, ss;   // as iretq wants them
  std::uint64_t vector, error, address;     // of an exception; a call leaves what was there
};

enum class TaskState : std::uint8_t { ready, running, waiting, stopped, dead };

struct Task {
  std::uint32_t tid = 0;
  TaskState state = TaskState::ready;
  Process* process = nullptr;
  base::ListLink in_process, in_queue;      // process->tasks; the run queue
  rt::Env env;
  abi::UserArea* area = nullptr;            // in the state slot
  std::byte* stack = nullptr;               // library stack: base
  Frame* frame = nullptr;                   // the program's registers while it is in the library
  Timer sleep;                              // while waiting with a limit
  abi::Nanoseconds sleep_end = abi::forever;  // of a relative sleep or poll that a signal without a handler cut short
  bool timed_out = false, interruptible = false;
  bool frame_replaced = false;              // by exec or rt_sigreturn: rcx and r11 count on the way back
  bool shut_out = false;                    // by its own PKRU: it has begun anew (guard.hpp)
  bool exiting = false;                     // told to end: by exit_group, exec of another thread, or SIGKILL
  bool exiting_by_kill = false;             // SIGKILL is pending: nothing blocks any more
  bool watched = false;                     // its calls are shown (--strace) or traced: not the short way
  bool standing = false, stepping = false;  // in a stop of its tracer's; TF is set for it
  std::uint32_t let_in = 0;                 // the signal with which the tracer let it go
  trace::Trace* trace = nullptr;            // who traces it, if anybody does
  std::uint64_t awaited = 0;                // page at which a copy stopped, and 2 if for writing (userfault.hpp); 0: none
  Errno pending_restart{};                  // the call ended with restart_*: decided on the way back
  SignalState signals;                      // mask, pending for this task, alternate stack
  std::uint64_t clear_child_tid = 0, robust_list = 0, robust_size = 0;
  std::uint64_t rseq_area = 0;              // of the program; 0: not registered
  std::uint32_t rseq_signature = 0, rseq_processor = 0;
  std::uint64_t fs_base = 0;
  CpuTime cpu;                              // without the current stay on a processor
  CpuSplit told_cpu;
  std::uint64_t started_ns = 0;
  std::uint32_t weight = 1024;              // its share beside others (shares.hpp)
  std::uint64_t settled_ns = 0, virtual_ns = 0;   // of cpu.ns, counted so far; what it had, over its weight
  std::uint64_t waits = 0, preemptions = 0;
  Ref<Descriptors> files;
  Ref<PathContext> paths;
  std::uint64_t set_child_tid = 0;          // written by the new task itself, into its own memory
  bool in_vfork = false;                    // waits for a child's exec or exit
  Task* vfork_waiter = nullptr;             // the parent that waits for this child's exec or exit
  char name[16]{};                          // PR_SET_NAME
  std::int32_t policy = 0;                  // SCHED_OTHER, BATCH or IDLE
  std::uint64_t affinity = ~0ull;           // sched_setaffinity, as data
  void (*library_work)() = nullptr;         // what a task that never enters its program does (uring/worker.cpp)
  Ref<Memory> dead_memory;                  // of a dead task: dropped by the reaper, who does not run in it
};

// A timer on a clock of processor time; looked at when a slice ends. due_ns 0: disarmed.
struct CpuTimer { std::uint64_t due_ns = 0, interval_ns = 0; };

struct Process {
  std::uint32_t pid = 0, group = 0, session = 0;
  std::uint32_t uid = 0, euid = 0, suid = 0, gid = 0, egid = 0, sgid = 0;
  TerminalRef terminal;                     // the controlling one, if any
  Process* parent = nullptr;
  base::ListLink in_table;
  base::List<Task, &Task::in_process> tasks;
  Ref<Memory> memory;
  Ref<SignalActions> actions;
  PendingSignals pending;                   // for any task of the process
  WaitQueue children_changed;               // wait4
  bool exited = false, stopped = false, stop_reported = false, continued = false;
  bool end_held = false;                    // its tracer is told of the end first, its parent then
  std::uint32_t exit_status = 0;            // as wait4 reports it
  std::uint32_t exit_signal = 17;           // SIGCHLD
  std::uint32_t death_signal = 0;           // PR_SET_PDEATHSIG
  std::uint64_t limits[16][2]{};            // rlimits: soft, hard
  std::uint64_t start_ns = 0;
  std::uint32_t creator = 0;                // the task that made it: who traces it by PTRACE_TRACEME
  CpuTime ended_cpu;                        // of tasks that ended
  CpuSplit told_cpu;
  std::uint64_t ended_waits = 0, ended_preemptions = 0;
  Usage children;                           // of those that were waited for, and theirs
  std::uint64_t minor_faults = 0;
  std::uint64_t largest_pages = 0;          // resident at once, as far as it has been looked at: note_largest()
  bool dumpable = true;
  Timer alarm;                              // ITIMER_REAL
  std::uint64_t alarm_interval_ns = 0;
  struct PosixTimer* timers = nullptr;      // timer_create
  std::uint32_t next_timer_id = 0;
  bool group_exit = false;                  // exit_group (or a fatal signal) is under way
  bool vfork_child = false, executed = false;  // executed: since its fork (setpgid: EACCES)
  std::int32_t nice = 0;
  std::uint32_t tasks_alive = 0;
  std::uint64_t system_calls = 0, trapped_calls = 0;   // the others came from patched sites
  std::uint64_t personality = 0;
  std::uint32_t stop_signal = 0;
  Vector<std::uint32_t> groups;             // supplementary
  bool no_new_privileges = false;
  std::uint32_t subreaper = 0;
  std::uint64_t timer_slack_ns = 50000;     // as data
  std::uint32_t io_priority = 0;            // as data
  std::uint32_t barriers = 0;               // kinds of membarrier that it registered for
  CpuTimer virtual_timer, profiling_timer;  // ITIMER_VIRTUAL, ITIMER_PROF
  std::uint64_t next_xcpu_ns = 0;           // RLIMIT_CPU's next signal
  Ref<ProcessHandle> handle;                // with the first pidfd
  CoreNotes* core = nullptr;                // while a core is made of it: threads that end say what they were
  uring::Worker* io_worker = nullptr;       // with the first io_uring request that had to wait
};

[[nodiscard]] Task& current();
[[nodiscard]] inline Process& current_process() { return *current().process; }
[[nodiscard]] Process* find_process(std::uint32_t pid);
[[nodiscard]] char state_letter(const Process& process, const Task* task);   // as /proc tells it; null: no task is left
[[nodiscard]] Task* find_task(std::uint32_t tid);
using ProcessTable = base::List<Process, &Process::in_table>;
[[nodiscard]] ProcessTable& processes();

[[nodiscard]] Result<Process*> create_first_process();
[[noreturn]] void exit_process(std::uint32_t wait_status);   // of the current process: all its tasks
[[noreturn]] void exit_task(std::uint32_t code);
[[noreturn]] void halt_container(std::uint32_t status);      // files_finish(), Control::exited, the end

// fork.cpp, task.cpp: a task with env, user area and library stack; its Frame (zeroed) is at the stack's top.
[[nodiscard]] Result<Task*> create_task(Process& process, const Memory& memory);
void start_task(Task& task, const std::byte* vector_state);  // makes it ready; registers are those in task.frame
void release_task_stack(std::byte* stack);
std::size_t shrink_tasks();                                   // gives back stacks that are kept for later; how many pages
inline constexpr std::size_t task_stack_size = 6 * abi::page_size;
[[nodiscard]] std::uint32_t take_pid();
[[nodiscard]] Process* first_process();
void kill_other_tasks(Process& process);                      // all but the current one: told to exit
void end_of_vfork(Task& child);                               // exec or exit: the parent goes on
[[nodiscard]] inline Task* current_or_null() { return current_area().task; }
void remove_process(Process& process);                        // a zombie that nobody waits for any more
void stop_process(Process& process, std::uint32_t signal);   // job control
void continue_process(Process& process);

}  // namespace exos
