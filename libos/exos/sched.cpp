// SPDX-License-Identifier: MIT
#include "libos/exos/sched.hpp"

#include <atomic>

#include "abi/container.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/crash.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/pager.hpp"
#include "libos/rt/objects.hpp"

namespace exos {

namespace {

constinit base::List<Task, &Task::in_queue> ready;
constinit base::List<Task, &Task::in_queue> dead;
constinit Task* on_processor = nullptr;
constinit std::uint32_t lock_owner = 0;      // tid; root_owner for the root env
constexpr std::uint32_t root_owner = ~0u;
constinit bool ended = false;                // the container is to stop

std::uint32_t own_name() {
  const Task* task = current_or_null();
  return task == nullptr ? root_owner : task->tid;
}

void free_task(Task* task) {
  if (task->env != abi::no_slot) {
    static_cast<void>(rt::destroy(task->env));
    return_slot(task->env);
  }
  if (task->stack != nullptr) release_task_stack(task->stack);
  if (task->area != nullptr) release_pages(task->area, 1);
  destroy(task);  // and with it the last reference to its memory, perhaps
}

void reap() {
  while (Task* task = dead.pop_front()) free_task(task);
}

void account_time(Task& task) {
  const std::uint64_t time = now().raw();
  task.cpu_ns += time - task.started_ns;
  task.started_ns = time;
}

// Lets the lock go and then says who is next. The slice may end in between, and whom the root env finds here it lets run:
// while that is still the caller, who holds nothing any more, all is well; the other way about, `next` would find the lock held.
void unlock_for(Task* next) {
  sched::unlock();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  on_processor = next;
}

// Gives the processor to the next ready task, or to the root env. The lock is not held on return.
void switch_away(Task& self) {
  account_time(self);
  Task* next = ready.pop_front();
  if (next == &self) {
    self.state = TaskState::running;
    return sched::unlock();
  }
  if (next != nullptr) {
    next->state = TaskState::running;
    next->started_ns = now().raw();
  }
  unlock_for(next);
  // An env that cannot be yielded to is the root env's matter: it stays `running` and is found stuck there.
  if (next == nullptr || !rt::call::env_yield(next->env)) static_cast<void>(rt::call::env_yield(abi::no_slot));
}

void on_sleep_over(Timer& timer) {
  Task& task = *static_cast<Task*>(timer.owner);
  task.timed_out = true;
  sched::wake(task);
}

}  // namespace

namespace sched {

void lock() {
  if (lock_owner != 0) library_crash("the container lock is held by another task");
  lock_owner = own_name();
}
void unlock() { lock_owner = 0; }

Task* running() { return on_processor; }
bool idle() { return ready.empty(); }

void end_container() {
  ended = true;
  on_processor = nullptr;
  if (current_or_null() == nullptr) rt::halt(0);
  for (;;) static_cast<void>(rt::call::env_yield(abi::no_slot));
}

void ask_attention(Task& task, std::uint32_t why) { task_area(*task.area).attention |= why; }

void make_ready(Task& task) {
  task.state = TaskState::ready;
  ready.push_back(task);
}

void yield_current() {
  // By way of the root env, who looks at the console and the timers between two tasks.
  Task& self = current();
  make_ready(self);
  account_time(self);
  unlock_for(nullptr);
  static_cast<void>(rt::call::env_yield(abi::no_slot));
  lock();
  reap();
}

Status block(abi::Nanoseconds deadline, Interruptible interruptible) {
  Task& self = current();
  const bool may_interrupt = interruptible == Interruptible::yes;
  if (self.exiting || (may_interrupt && signal_pending(self))) return Fail{Errno::restart_sys};
  if (deadline <= now()) return Fail{Errno::timedout};
  self.timed_out = false;
  self.interruptible = may_interrupt;
  self.state = TaskState::waiting;
  self.sleep.owner = &self;
  self.sleep.fire = on_sleep_over;
  if (deadline != abi::forever) arm(self.sleep, deadline);
  switch_away(self);
  lock();
  cancel(self.sleep);
  reap();
  if (self.timed_out) return Fail{Errno::timedout};
  if (self.exiting || (may_interrupt && signal_pending(self))) return Fail{Errno::restart_sys};
  return {};
}

void stop_current() {
  current().state = TaskState::stopped;
  switch_away(current());
  lock();
  reap();
}

void wake(Task& task) {
  if (task.state == TaskState::waiting) make_ready(task);
}

void interrupt(Task& task) {
  ask_attention(task, attention_signal);
  if (task.state == TaskState::waiting && (task.interruptible || task.exiting)) make_ready(task);
}

void bury(Task& task) {
  task.state = TaskState::dead;
  dead.push_back(task);
}

void leave() {
  switch_away(current());
  for (;;) static_cast<void>(rt::call::env_yield(abi::no_slot));
}

// What the root env does for ever: everything that is nobody's task, then the next ready task.
void root_loop() {
  for (;;) {
    if (ended) rt::halt(0);
    if (on_processor != nullptr) {
      // It was preempted by force, or has been chosen by a task that left at the end of the slice.
      Task* task = on_processor;
      if (!rt::call::env_yield(task->env)) report_stuck_task(*task);
      continue;
    }
    lock();
    link::service();
    run_timers();
    reap();
    pager::service();
    Task* next = ready.pop_front();
    if (next != nullptr) {
      on_processor = next;
      next->state = TaskState::running;
      next->started_ns = now().raw();
    }
    const abi::Nanoseconds deadline = first_deadline();
    unlock();
    if (next != nullptr) {
      if (!rt::call::env_yield(next->env)) report_stuck_task(*next);
    } else {
      static_cast<void>(rt::call::env_sleep(deadline.raw(), abi::no_slot));
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
void WaitQueue::wake_all() {
  for (Waiter& waiter : waiters_) {
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
