// SPDX-License-Identifier: MIT
// Who runs. The slices of each processor belong to its root env (processor.hpp); that and every task that blocks pick the next
// ready task and yield to it. On each processor one task is `running`; a task that was preempted by force keeps that place until
// it has given it up itself, so that one that holds the container lock is the first to go on. See docs/decisions/0012.
#pragma once

#include "libos/exos/container_lock.hpp"
#include "libos/exos/task.hpp"

namespace exos::sched {

// The container lock: taken on entry from the program, released when blocking or returning. unlock() wakes a processor that
// is idle although somebody is ready.
void lock();
void unlock();
void unlock_and_wake();
extern constinit std::uint32_t idle_count;   // processors whose root env sleeps
// The same for the way of a call, `area` the current one.
[[gnu::always_inline]] inline void lock(abi::UserArea& area) { container_lock::acquire(area); }
[[gnu::always_inline]] inline void unlock(abi::UserArea& area) {
  if (idle_count != 0) [[unlikely]] return unlock_and_wake();
  container_lock::release(area);
}
void begin();                        // a new task: waits until it has been chosen, and takes the lock

void make_ready(Task& task);
// The current task gives way to another ready one, if there is one for this processor; returns when it is chosen again. end_turn: by
// way of the root env and without the lock meanwhile, so that others come on.
void yield_current();
void end_turn();
void wait_until_chosen(Task& self);
// Blocks the current task until wake(), the deadline, or (interruptible) a signal or the order to exit.
// restart_sys for the latter, timedout for the deadline.
[[nodiscard]] Status block(abi::Nanoseconds deadline, Interruptible interruptible);
void stop_current();                // job control: until continue_process() makes it ready
void wake(Task& task);              // ends its block(); nothing if it does not wait
void interrupt(Task& task);         // a signal or an order to exit came: wakes it if it may be interrupted
[[noreturn]] void leave();          // a dead task's last step
void bury(Task& task);              // hands a dead task to the reaper

[[noreturn]] void root_loop();
void look_at_load();                 // for load_average.hpp, when a look is due
[[nodiscard]] bool idle();           // nobody else is ready
// A program's thread may be at work in that memory on another processor while the caller holds the lock.
[[nodiscard]] bool runs_elsewhere(const Memory& memory);
void halt_if_ended();                // a root env, when the container is to stop
[[noreturn]] void end_container();   // the root env halts; the exit status has gone over the link before
void ask_attention(Task& task, std::uint32_t why);

}  // namespace exos::sched
