// SPDX-License-Identifier: MIT
// Who runs. All slices belong to the root env; it and every task that blocks pick the next ready task and yield to it.
// Exactly one task is `running`; a task that was preempted by force keeps that place until it has given it up itself, so
// nobody else runs library code while its changes are half done.
#pragma once

#include "libos/exos/task.hpp"

namespace exos::sched {

// The container lock: taken on entry from the program, released when blocking or returning. With one processor it is
// never contended, because of the rule above; the owner is recorded so that a broken rule is found at once.
void lock();
void unlock();

void make_ready(Task& task);
// The current task gives way; returns when it is scheduled again.
void yield_current();
// Blocks the current task until wake(), the deadline, or (interruptible) a signal or the order to exit.
// restart_sys for the latter, timedout for the deadline.
[[nodiscard]] Status block(abi::Nanoseconds deadline, Interruptible interruptible);
void stop_current();                // job control: until continue_process() makes it ready
void wake(Task& task);              // ends its block(); nothing if it does not wait
void interrupt(Task& task);         // a signal or an order to exit came: wakes it if it may be interrupted
[[noreturn]] void leave();          // a dead task's last step
void bury(Task& task);              // hands a dead task to the reaper

[[noreturn]] void root_loop();
[[nodiscard]] Task* running();
[[nodiscard]] bool idle();           // nobody else is ready
[[noreturn]] void end_container();   // the root env halts; the exit status has gone over the link before
void ask_attention(Task& task, std::uint32_t why);

}  // namespace exos::sched
