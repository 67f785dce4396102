// SPDX-License-Identifier: MIT
// Who runs on a processor: slices by position, directed yields inside a slice, the end of a slice. The functions below
// decide by setting `current`; settle() then makes it so, before the lock is released. Thus an env that is on no
// processor has its whole state in memory whenever anybody else can look at it.
#pragma once

#include "kernel/core/wait.hpp"

namespace aegis {

// Makes the hardware agree with `current`, chooses the next slice when that is empty, and arms the timer.
void settle(Kernel& k, Cpu& cpu);

// Of a processor whose phase, or what is traced, has changed.
void note_hurry(Cpu& cpu);

// What has passed since `env` was loaded, or was charged last, is its own time and its account's.
[[gnu::always_inline]] inline void charge_stay(Cpu& cpu, const Env& env) {
  const Nanoseconds now = arch::now();
  const std::uint64_t stay = now - cpu.since;
  cpu.since = now;
  env.info->run_ns += stay;
  object_at<Account>(env.info->account).run_ns += stay;
}

// Who runs when `env` is given time: itself, or who answers its call. nullptr: nobody can now. A wait whose word has come
// true ends here.
[[nodiscard]] Env* runnable_behind(Kernel& k, Env& env);
// The pieces of a decision: `to` is ready, or answers or is answered; the slice is over.
void give_processor(Cpu& cpu, Env& to);
void end_slice(Cpu& cpu);

// The current env has left (its state says why): the slice's owner goes on, or the slice is over.
void give_rest_to_owner(Kernel& k, Cpu& cpu);
// The current env stays ready and gives its time away. nullptr: to the slice's owner.
[[nodiscard]] Status yield_to(Kernel& k, Cpu& cpu, Env* target);
[[nodiscard]] Status sleep_until(Kernel& k, Cpu& cpu, Nanoseconds deadline, Env* target);
// The value is that of env_wait or env_watch; 0 when it sleeps now.
[[nodiscard]] Result<std::uint64_t> wait_until(Kernel& k, Cpu& cpu, const Wish& wish, Nanoseconds deadline, Env* target);
// The current env has left of its own will. Was it in time for the end of a slice, that forgives an overrun.
void note_in_time(const Cpu& cpu, Env& left);

// The timer went off, or may have: sleepers, the end of the slice, the end of the grace period.
void handle_time(Kernel& k, Cpu& cpu);
// Somebody asked the current env to leave.
void handle_pending(Kernel& k, Cpu& cpu);
// An env became ready: an idle processor where it owns a slice starts at once.
void notice_ready(Kernel& k, const Env& env);

}  // namespace aegis
