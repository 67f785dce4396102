// SPDX-License-Identifier: MIT
#include "libos/exos/sched.hpp"

#include "abi/container.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/container_lock.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/load_average.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/process_report.hpp"
#include "libos/exos/processor.hpp"
#include "libos/exos/shares.hpp"

namespace exos {

constinit std::uint32_t sched::idle_count = 0;

namespace {

using sched::idle_count;

constinit base::List<Task, &Task::in_queue> ready;
constinit base::List<Task, &Task::in_queue> dead;
constinit std::atomic<bool> ended{false};    // the container is to stop

Processor& own_processor() { return *current_area().processor; }

bool may_run_on(const Task& task, const Processor& processor) { return (task.affinity >> processor.index & 1) != 0; }

// A task that ended stands on its stack until its processor has been told who is next.
bool has_left(const Task& task) {
  for (const Processor& processor : processors())
    if (processor.running_env.load(std::memory_order_acquire) == task.env.slot().raw()) return false;
  return true;
}

void free_task(Task* task) {
  shares::forget(*task);
  if (task->env.named()) end_object(task->env);
  if (task->stack != nullptr) release_task_stack(task->stack);
  if (task->area != nullptr) guard::release_area(task->area);
  destroy(task);  // and with it the last reference to its memory, perhaps
}

[[gnu::noinline]] void reap_some() {
  for (Task& task : dead) {
    if (!has_left(task)) continue;
    task.in_queue.unlink();
    free_task(&task);
  }
}
void reap() {
  if (!dead.empty()) [[unlikely]] reap_some();
}

// The time that it is now.
std::uint64_t account_time(Task& task) {
  const std::uint64_t time = now().raw(), used = time - task.started_ns;
  CpuTime& busy = own_processor().busy;
  task.cpu.ns += used;
  busy.ns += used;
  task.started_ns = time;
  TaskArea& area = task_area(*task.area);
  if ((area.program_ends | area.library_ends) == 0) [[likely]] return time;
  const CpuTime ends{0, std::exchange(area.program_ends, 0), std::exchange(area.library_ends, 0)};
  task.cpu += ends;
  busy += ends;
  return time;
}

// Of the ready tasks that may run there who has had the least for its weight.
[[gnu::noinline]] Task* take_by_share(const Processor& processor) {
  Task* least = nullptr;
  for (Task& task : ready) {
    if (!may_run_on(task, processor)) continue;
    shares::settle(task);
    if (least == nullptr || task.virtual_ns < least->virtual_ns) least = &task;
  }
  if (least == nullptr) return nullptr;
  shares::chosen(*least);
  least->in_queue.unlink();
  return least;
}

// The next ready task that may run there.
Task* take_ready(const Processor& processor) {
  if (shares::uneven != 0) [[unlikely]] return take_by_share(processor);
  for (Task& task : ready) {
    if (!may_run_on(task, processor)) continue;
    task.in_queue.unlink();
    return &task;
  }
  return nullptr;
}

// The task's turn on the processor; set_running() follows once the lock is let go.
void choose(Processor& processor, Task& next, std::uint64_t time_ns) {
  next.started_ns = time_ns;
  task_area(*next.area).processor = &processor;
  if (next.rseq_area != 0 && next.rseq_processor != processor.index) sched::ask_attention(next, attention_processor);
  std::atomic_ref{next.state}.store(TaskState::running, std::memory_order_release);   // pairs with leave_until_chosen()
}

void set_running(Processor& processor, Task* task, std::uint32_t env) {
  processor.running = task;
  std::atomic_signal_fence(std::memory_order_seq_cst);
  processor.running_env.store(env, std::memory_order_release);   // pairs with has_left(): the task left does nothing more
}

// When the first of those that sleep looks at the timers.
abi::Nanoseconds next_look() {
  abi::Nanoseconds first = abi::forever;
  for (const Processor& processor : processors())
    if (processor.idle) first = std::min(first, processor.looks_at);
  return first;
}

// A processor that sleeps although a ready task may run there, or although a timer is due before it looks.
Processor* whom_to_wake(bool timers_too) {
  const bool timer = timers_too && first_deadline() < next_look();
  for (Processor& processor : processors()) {
    if (!processor.idle) continue;
    bool wanted = timer;
    for (const Task& task : ready) wanted = wanted || may_run_on(task, processor);
    if (!wanted) continue;
    processor.idle = false;
    --idle_count;
    return &processor;
  }
  return nullptr;
}

// What is left to others: this processor goes on with a task; or it will be idle, and looks at the timers; or its root env looks
// at everything in a moment.
enum class Leaves { tasks_and_timers, tasks, nothing };

void unlock(Leaves what) {
  Processor* sleeper = nullptr;
  if (idle_count != 0 && what != Leaves::nothing) [[unlikely]] sleeper = whom_to_wake(what == Leaves::tasks_and_timers);
  container_lock::release();
  if (sleeper != nullptr) [[unlikely]] static_cast<void>(sleeper->env.wake());
}

// Lets the lock go, says who is next on this processor (nobody: the root env decides) and goes there; returns when `self` has
// been chosen again, perhaps on another processor. In this order: the slice may end in between, and whom the root env finds
// `running` it lets run; while that is still `self`, who holds nothing any more, all is well. Somebody may choose `self` before
// it has left: he finds it busy and tries again. And who comes here by a yield that was meant for somebody else goes back.
void leave_until_chosen(Task& self, Task* next) {
  Processor& processor = own_processor();
  const std::uint32_t env = next == nullptr ? 0 : next->env.slot().raw();
  unlock(next == nullptr ? Leaves::nothing : Leaves::tasks_and_timers);
  set_running(processor, next, env);
  if (env == 0 || !OwnEnv{abi::CapSlot{env}}.yield_to()) static_cast<void>(rt::yield());
  sched::wait_until_chosen(self);
}

// Gives the processor to the root env, which looks at timers and console. The lock is held again on return.
[[gnu::noinline]] void leave_to_root(Task& self, std::atomic_ref<std::uint32_t> attention) {
  leave_until_chosen(self, nullptr);
  sched::lock();
  attention.fetch_and(~attention_resched, std::memory_order_relaxed);
}

// Gives the processor to the next ready task, or to the root env: after the end of a slice that one is first, or tasks that wait for one
// another all the time would keep it from looking. An end that comes in leaving is heeded at the next turn.
void switch_away(Task& self) {
  const std::uint64_t time_ns = account_time(self);
  const std::atomic_ref attention{task_area(*self.area).attention};
  if ((attention.load(std::memory_order_relaxed) & attention_resched) != 0) [[unlikely]] return leave_to_root(self, attention);
  Processor& processor = own_processor();
  Task* next = take_ready(processor);
  if (next != nullptr) choose(processor, *next, time_ns);
  if (next == &self) return;
  leave_until_chosen(self, next);
  sched::lock();
}

// Whether a signal, or the end, waits for the task; where nothing is pending at all that is seen here.
bool is_interrupted(const Task& task) {
  const Process& process = *task.process;
  const bool nothing = (task.signals.pending.set | process.pending.set) == 0 && !task.exiting_by_kill && !process.stopped && task.trace == nullptr;
  return !nothing && signal_pending(task);
}

void on_sleep_over(Timer& timer) {
  Task& task = *static_cast<Task*>(timer.owner);
  task.timed_out = true;
  sched::wake(task);
}

}  // namespace

namespace sched {

void lock() { container_lock::acquire(); }
void unlock() { unlock(current_user_area()); }
void unlock_and_wake() { exos::unlock(Leaves::tasks_and_timers); }

bool idle() { return ready.empty(); }

void end_container() {
  ended = true;
  static_cast<void>(own::self.wake());   // the first root env, whose halt is the container's end
  halt_if_ended();
  for (;;) static_cast<void>(rt::yield());
}

void halt_if_ended() {
  if (ended && current_or_null() == nullptr) rt::halt(0);
}

void ask_attention(Task& task, std::uint32_t why) {
  std::atomic_ref{task_area(*task.area).attention}.fetch_or(why, std::memory_order_relaxed);   // its slice may end just now
}

void make_ready(Task& task) {
  task.state = TaskState::ready;
  ready.push_back(task);
}

void wait_until_chosen(Task& self) {
  while (std::atomic_ref{self.state}.load(std::memory_order_acquire) != TaskState::running)
    static_cast<void>(rt::yield());
}

void begin() {
  wait_until_chosen(current());
  lock();
}

void yield_current() {
  Task& self = current();
  make_ready(self);
  switch_away(self);
  reap();
}

void end_turn() {
  // By way of the root env, who looks at the console and the timers between two tasks.
  Task& self = current();
  ++self.preemptions;
  make_ready(self);
  static_cast<void>(account_time(self));
  leave_until_chosen(self, nullptr);
  lock();
  reap();
}

Status block(abi::Nanoseconds deadline, Interruptible interruptible) {
  Task& self = current();
  const bool may_interrupt = interruptible == Interruptible::yes;
  if (self.exiting || self.exiting_by_kill || (may_interrupt && is_interrupted(self))) return Fail{Errno::restart_sys};
  if (deadline != abi::forever && deadline <= now()) return Fail{Errno::timedout};
  ++self.waits;
  self.timed_out = false;
  self.interruptible = may_interrupt;
  self.state = TaskState::waiting;
  if (deadline != abi::forever) {
    self.sleep.owner = &self;
    self.sleep.fire = on_sleep_over;
    arm(self.sleep, deadline);
  }
  switch_away(self);
  if (deadline != abi::forever) cancel(self.sleep);
  reap();
  if (self.timed_out) return Fail{Errno::timedout};
  if (self.exiting || (may_interrupt && is_interrupted(self))) return Fail{Errno::restart_sys};
  return {};
}

void stop_current() {
  current().state = TaskState::stopped;
  switch_away(current());
  reap();
}

void wake(Task& task) {
  if (task.state == TaskState::waiting) make_ready(task);
}

void interrupt(Task& task) {
  ask_attention(task, attention_signal);
  if (task.state == TaskState::waiting && (task.interruptible || task.exiting || task.exiting_by_kill)) make_ready(task);
}

void bury(Task& task) {
  task.state = TaskState::dead;
  dead.push_back(task);
}

void leave() {
  switch_away(current());
  __builtin_trap();   // nobody chooses the dead
}

bool runs_elsewhere(const Memory& memory) {
  if (processors().size() == 1) return false;
  const Task* self = current_or_null();
  for (Process& process : exos::processes()) {
    if (process.memory.get() != &memory) continue;
    for (const Task& task : process.tasks)
      if (&task != self && task.state == TaskState::running) return true;
  }
  return false;
}

void look_at_load() {
  const std::uint64_t time = now().raw();
  if (!load_average::is_due(time)) return;
  std::uint64_t tasks = 0;
  for ([[maybe_unused]] const Task& task : ready) ++tasks;
  for (const Processor& processor : processors()) tasks += processor.running != nullptr && processor.running->state == TaskState::running;
  load_average::look(time, tasks);
}

namespace {

// The env that is to run here cannot: it is about to leave another processor, or has been stopped there for a moment; or the
// kernel has set it aside for overruns, which are the machine's load; or it took an exception that it could not take.
void look_at_stuck(const Processor& self, OwnEnv env) {
  asm volatile("pause");
  const auto state = env.state();
  if (!state && state.error() == abi::Error::wrong_state) return;   // it runs
  if (self.running_env.load(std::memory_order_acquire) != env.slot().raw()) return;
  if (!state) library_crash("a task's env is gone");
  if (state->state == abi::RunState::stuck && state->code == abi::overrun_code) static_cast<void>(env.resume());
  else if (state->state == abi::RunState::stuck && guard::begin_anew(*self.running, *state)) return;
  else if (state->state == abi::RunState::stuck || state->state == abi::RunState::halted) report_stuck_task(*self.running);
}

// Everything that is nobody's task, then the next ready task; none: sleep.
void find_work(Processor& self) {
  sched::lock();
  if (std::exchange(self.idle, false)) --idle_count;
  if (self.index == 0) {
    link::service();
    service_process_report();
  }
  run_timers();
  reap();
  if (self.index == 0) pager::service();
  sched::look_at_load();
  Task* next = take_ready(self);
  if (next != nullptr) {
    choose(self, *next, now().raw());
    const std::uint32_t env = next->env.slot().raw();
    exos::unlock(Leaves::tasks_and_timers);
    return set_running(self, next, env);
  }
  // One of those that sleep looks at the timers.
  const abi::Nanoseconds first = first_deadline(), deadline = first < next_look() ? first : abi::forever;
  self.looks_at = deadline;
  self.idle = true;
  ++idle_count;
  exos::unlock(Leaves::tasks);
  static_cast<void>(rt::sleep(deadline));
}

}  // namespace

// What a root env does for ever.
void root_loop() {
  Processor& self = own_processor();
  for (;;) {
    halt_if_ended();
    if (self.wants_lock.exchange(false, std::memory_order_seq_cst)) {
      ++self.lock_waits;
      container_lock::sleep_until_free();
      continue;
    }
    const OwnEnv env{abi::CapSlot{self.running_env.load(std::memory_order_acquire)}};
    if (!env.named()) {
      find_work(self);
    } else if (env.yield_to()) {
      ++self.turns;
    } else {
      ++self.refusals;
      look_at_stuck(self, env);
    }
  }
}

}  // namespace sched

Task& current() { return *current_area().task; }

// --- wait queues ------------------------------------------------------------------------------------------------------
void WaitQueue::join(Waiter& waiter) {
  waiter.task = &current();
  waiter.woken = false;
  waiters_.push_back(waiter);
}

void WaitQueue::leave(Waiter& waiter) {
  if (waiter.link.linked()) waiter.link.unlink();
}

void WaitQueue::wake_one() {
  if (Waiter* waiter = waiters_.pop_front()) {
    waiter->woken = true;
    sched::wake(*waiter->task);
  }
}

// Those who joined stay joined until they leave: a poll looks at all its queues again.
void WaitQueue::wake_all(std::uint32_t events) {
  for (Waiter& waiter : waiters_) {
    if ((waiter.events & events) == 0) continue;
    waiter.woken = true;
    sched::wake(*waiter.task);
  }
}

Status WaitQueue::wait(abi::Nanoseconds deadline, Interruptible interruptible) {
  Waiter waiter;
  join(waiter);
  const Status outcome = sched::block(deadline, interruptible);
  leave(waiter);
  // Taken out by wake_one although a signal came too: the wake must not be lost on somebody who goes away.
  if (!outcome && waiter.woken && outcome.error() == Errno::restart_sys) wake_one();
  return outcome;
}

Status wait_joined(abi::Nanoseconds deadline, Interruptible interruptible) { return sched::block(deadline, interruptible); }

}  // namespace exos
