// SPDX-License-Identifier: MIT
#include "kernel/core/scheduler.hpp"

#include "kernel/core/space.hpp"
#include "kernel/core/trace.hpp"
#include "kernel/core/translations.hpp"
#include "kernel/core/wait.hpp"

namespace aegis {
namespace {

constexpr std::size_t wakes_per_interrupt = 64;  // more are due at once: the timer goes off again

std::span<ObjectRef> slices_of(Kernel& k, std::uint32_t cpu) {
  return k.slices.subspan(std::size_t{cpu} * abi::slices_per_cpu, abi::slices_per_cpu);
}

bool can_run(const Env& env) { return env.state == RunState::ready && env.pending == Pending::nothing; }

// The end of the chain of calls that begins with `env`.
Env& end_of_chain(Env& env) {
  Env* at = &env;
  while (at->state == RunState::calling) at = at->callee;  // max_call_depth at most
  return *at;
}

void start_next_slice(Kernel& k, Cpu& cpu) {
  end_slice(cpu);
  cpu.slice_owner = {};
  cpu.watching = cpu.deferred = false;
  const auto slices = slices_of(k, cpu.id.raw());
  const Env* refused = nullptr;
  for (std::uint32_t i = 1; i <= abi::slices_per_cpu; ++i) {
    const std::uint32_t position = (cpu.position + i) % abi::slices_per_cpu;
    Env* owner = k.frames.live<Env>(slices[position]);
    if (owner == nullptr || owner == refused) continue;
    Env* env = runnable_behind(k, *owner);
    if (env == nullptr) {
      refused = owner;
      if (end_of_chain(*owner).wait.count != 0) cpu.watching = true;
      continue;
    }
    if (std::exchange(owner->forfeits, false)) continue;
    cpu.position = position;
    cpu.slice_owner = slices[position];
    cpu.phase = Phase::running;
    cpu.slice_end = arch::now() + slice_ns;
    give_processor(cpu, *env);
    ++owner->info->slices;
    env->deliver_due_upcall();  // before the prologue, which would take the frame every time
    (void)env->deliver_upcall(abi::Upcall::prologue, env->entries.prologue);  // without one it goes on where it was
    return;
  }
}

void unload(Cpu& cpu, Env& env) {
  arch::save_user_state(env.context);
  charge_stay(cpu, env);
  env.pending = Pending::nothing;  // it has left: who asked for that asks again and finds it so
}

void load(Cpu& cpu, Env& env) {
  if (cpu.loaded == nullptr) cpu.since = arch::now();
  arch::load_user_state(env.context);
  ++env.info->switches;
  ++cpu.info->switches;
  trace(cpu, TraceEvent::run, frame_index(&env), cpu.position);
}

void note_idle(Kernel& k, Cpu& cpu) {
  if ((k.idle_cpus & cpu_bit(cpu)) == 0) trace(cpu, TraceEvent::idle, 0, 0);
  k.idle_cpus |= cpu_bit(cpu);
}

// Deadlines of sleepers are the first processor's business, and of those that have nothing better to do.
void arm_timer(Kernel& k, Cpu& cpu) {
  Nanoseconds deadline = cpu.phase == Phase::idle ? abi::forever : cpu.slice_end;
  if (cpu.id.raw() == 0 || cpu.phase == Phase::idle) {
    const Nanoseconds sleeper = k.sleepers.first_deadline();
    if (sleeper < deadline) deadline = sleeper;
  }
  if (cpu.phase == Phase::idle && cpu.watching) {
    const Nanoseconds next_look = arch::now() + slice_ns;
    if (next_look < deadline) deadline = next_look;
  }
  if (deadline == cpu.armed) return;
  cpu.armed = deadline;
  arch::set_timer(deadline);
}

void wake_sleepers(Kernel& k, Nanoseconds now) {
  for (std::size_t i = 0; i < wakes_per_interrupt; ++i) {
    Env* env = k.sleepers.first();
    if (env == nullptr || env->deadline > now) return;
    env->end_sleep(k, abi::wait_deadline);
  }
}

// Who gets the time that is given to `target` (nullptr: the slice's owner). The current env may name itself.
Result<Env*> resolve_target(Kernel& k, const Cpu& cpu, Env* target) {
  if (target == nullptr || target == cpu.current) return target;
  if (Env* behind = runnable_behind(k, *target)) return behind;
  return fail(end_of_chain(*target).state == RunState::running ? Error::busy : Error::wrong_state);
}

// The slice's time is used up, and what is left is the env's to put things in order: nobody else has anything of it.
bool is_over(const Cpu& cpu) { return cpu.phase != Phase::running || cpu.deferred; }

// The current env is out of the way; who gets the rest?
void pass_on(Kernel& k, Cpu& cpu, Env* target) {
  if (is_over(cpu) || target == nullptr) return give_rest_to_owner(k, cpu);
  give_processor(cpu, *target);
}

std::optional<std::uint64_t> reason_not_to_wait(Kernel& k, Env& self, Nanoseconds deadline) {
  if (const auto value = look(k, self)) return value;
  if (std::exchange(self.wake_token, false)) return abi::wait_woken;
  if (deadline != abi::forever && deadline <= arch::now()) return abi::wait_deadline;
  return std::nullopt;
}

// A sleeper with the first deadline of all has to be seen by the first processor, whose business they are.
void announce_deadline(Kernel& k, const Cpu& cpu, const Env& sleeper) {
  const Cpu& first = arch::cpu(arch::CpuId{0});
  if (&first != &cpu && k.sleepers.first() == &sleeper && sleeper.deadline < first.armed) arch::poke(first.id);
}

}  // namespace

void settle(Kernel& k, Cpu& cpu) {
  if (!cpu.started) return;
  cpu.look_again = false;
  if (cpu.current == nullptr) start_next_slice(k, cpu);
  if (cpu.current != cpu.loaded) {
    if (cpu.loaded != nullptr) unload(cpu, *cpu.loaded);
    if (cpu.current != nullptr) load(cpu, *cpu.current);
    cpu.loaded = cpu.current;
  }
  use_space(k, cpu);
  if (cpu.current != nullptr) cpu.current->deliver_due_upcall();
  if (cpu.current != nullptr) k.idle_cpus &= ~cpu_bit(cpu);
  else note_idle(k, cpu);
  note_hurry(cpu);
  arm_timer(k, cpu);
}

void note_hurry(Cpu& cpu) {
  cpu.hurries = cpu.phase == Phase::running && !traced(TraceEvent::call, TraceEvent::call_end, TraceEvent::transfer);
}

Env* runnable_behind(Kernel& k, Env& env) {
  Env& end = end_of_chain(env);
  return can_run(end) || wakes_by_look(k, end) ? &end : nullptr;
}

void give_processor(Cpu& cpu, Env& to) {
  to.set_state(RunState::running);
  to.cpu = cpu.id.raw();
  cpu.current = &to;
}

void end_slice(Cpu& cpu) {
  cpu.current = nullptr;
  cpu.phase = Phase::idle;
}

void note_in_time(const Cpu& cpu, Env& left) {
  if (cpu.phase == Phase::idle && left.info->strikes > 0) --left.info->strikes;
}

void give_rest_to_owner(Kernel& k, Cpu& cpu) {
  cpu.current = nullptr;
  Env* owner = k.frames.live<Env>(cpu.slice_owner);
  Env* env = !is_over(cpu) && owner != nullptr ? runnable_behind(k, *owner) : nullptr;
  if (env != nullptr) return give_processor(cpu, *env);
  end_slice(cpu);
}

Status yield_to(Kernel& k, Cpu& cpu, Env* target) {
  Env& self = *cpu.current;
  Env* to = TRY(resolve_target(k, cpu, target));
  if (to == &self && cpu.phase == Phase::running) return {};
  // point of no return
  const bool owner = k.frames.live<Env>(cpu.slice_owner) == &self;
  self.set_state(RunState::ready);
  if (is_over(cpu) || (to == nullptr && owner)) end_slice(cpu);
  else pass_on(k, cpu, to);
  note_in_time(cpu, self);
  notice_ready(k, self);
  return {};
}

Status sleep_until(Kernel& k, Cpu& cpu, Nanoseconds deadline, Env* target) {
  Env& self = *cpu.current;
  Env* to = TRY(resolve_target(k, cpu, target));
  if (to == &self) return fail(Error::wrong_state);
  if (self.wake_token) {
    self.wake_token = false;
    return {};
  }
  if (deadline != abi::forever && deadline <= arch::now()) return {};
  // point of no return
  self.fall_asleep(k, deadline);
  pass_on(k, cpu, to);
  note_in_time(cpu, self);
  announce_deadline(k, cpu, self);
  return {};
}

Result<std::uint64_t> wait_until(Kernel& k, Cpu& cpu, const Wish& wish, Nanoseconds deadline, Env* target) {
  Env& self = *cpu.current;
  Env* to = TRY(resolve_target(k, cpu, target));
  if (to == &self) return fail(Error::wrong_state);
  TRY_VOID(begin_wait(k, self, wish));
  if (const auto value = reason_not_to_wait(k, self, deadline)) {
    forget_wait(k, self);
    return *value;
  }
  // point of no return
  watch_words(k, self);
  self.fall_asleep(k, deadline);
  pass_on(k, cpu, to);
  note_in_time(cpu, self);
  announce_deadline(k, cpu, self);
  if (self.state == RunState::sleeping) return 0;
  // A word came true meanwhile and the rest of the slice is its own: its registers say how it ended.
  return self.context.registers.rdx;
}

void handle_time(Kernel& k, Cpu& cpu) {
  cpu.armed = Nanoseconds{0};
  const Nanoseconds now = arch::now();
  wake_sleepers(k, now);
  Env* env = cpu.current;
  if (env == nullptr || now < cpu.slice_end) return;
  if (cpu.phase == Phase::running && !cpu.deferred && env->defers()) {
    cpu.deferred = true;
    cpu.slice_end = now + abi::defer_ns;
    return;
  }
  if (cpu.phase == Phase::running && env->deliver_upcall(abi::Upcall::epilogue, env->entries.epilogue)) {
    cpu.phase = Phase::grace;
    cpu.slice_end = now + grace_ns;
    return;
  }
  const bool overran = cpu.phase == Phase::grace;
  trace(cpu, TraceEvent::slice_end, cpu.position, overran ? 1 : 0);
  end_slice(cpu);
  if (overran) env->overrun(k);
  else env->become_ready(k);
}

void handle_pending(Kernel& k, Cpu& cpu) {
  Env* env = cpu.current;
  if (env == nullptr || env->pending == Pending::nothing) return;
  env->pending = Pending::nothing;
  env->set_state(RunState::stopped);
  give_rest_to_owner(k, cpu);
}

void notice_ready(Kernel& k, const Env& env) {
  // A position of whoever waits for this env's answer gives it time too.
  const auto serves = [&](ObjectRef owner) {
    for (const Env* at = &env; at != nullptr; at = at->caller)
      if (owner == k.frames.ref_of(at)) return true;
    return false;
  };
  for (std::uint64_t idle = k.idle_cpus; idle != 0; idle &= idle - 1) {
    const auto id = static_cast<std::uint32_t>(std::countr_zero(idle));
    const arch::CpuId target{id};
    if (&arch::this_cpu() == &arch::cpu(target)) continue;  // it settles before it leaves the kernel
    for (const ObjectRef owner : slices_of(k, id)) {
      if (!owner || !serves(owner)) continue;
      arch::poke(target);
      break;
    }
  }
}

}  // namespace aegis
