// SPDX-License-Identifier: MIT
#include "kernel/core/scheduler.hpp"

#include "kernel/core/space.hpp"
#include "kernel/core/trace.hpp"

namespace aegis {
namespace {

constexpr std::size_t wakes_per_interrupt = 64;  // more are due at once: the timer goes off again

std::uint64_t cpu_bit(const Cpu& cpu) { return std::uint64_t{1} << cpu.id.raw(); }

std::span<ObjectRef> slices_of(Kernel& k, std::uint32_t cpu) {
  return k.slices.subspan(std::size_t{cpu} * abi::slices_per_cpu, abi::slices_per_cpu);
}

bool can_run(const Env& env) { return env.state == RunState::ready && env.pending == Pending::nothing; }

void run(Cpu& cpu, Env& env) {
  env.set_state(RunState::running);
  env.cpu = cpu.id.raw();
  cpu.current = &env;
}

void start_next_slice(Kernel& k, Cpu& cpu) {
  cpu.phase = Phase::idle;
  cpu.slice_owner = {};
  const auto slices = slices_of(k, cpu.id.raw());
  for (std::uint32_t i = 1; i <= abi::slices_per_cpu; ++i) {
    const std::uint32_t position = (cpu.position + i) % abi::slices_per_cpu;
    Env* env = k.frames.live<Env>(slices[position]);
    if (env == nullptr || !can_run(*env)) continue;
    cpu.position = position;
    cpu.slice_owner = slices[position];
    cpu.phase = Phase::running;
    cpu.slice_end = arch::now() + slice_ns;
    run(cpu, *env);
    ++env->info->slices;
    env->deliver_due_upcall();  // before the prologue, which would take the frame every time
    (void)env->deliver_upcall(abi::Upcall::prologue, env->entries.prologue);  // without one it goes on where it was
    return;
  }
}

void unload(Cpu& cpu) {
  Env* env = cpu.loaded;
  if (env == nullptr) return;
  arch::save_bases(env->context);
  arch::save_vector(env->context);
  env->info->run_ns += arch::now() - env->run_since;
  env->pending = Pending::nothing;  // it has left: who asked for that asks again and finds it so
  cpu.loaded = nullptr;
}

void load(Cpu& cpu, Env& env) {
  if (cpu.vector_of != &env || env.vector_cpu != cpu.id.raw() + 1) arch::load_vector(env.context);
  cpu.vector_of = &env;
  env.vector_cpu = cpu.id.raw() + 1;
  env.run_since = arch::now();
  ++env.info->switches;
  ++cpu.info->switches;
  trace(cpu, TraceEvent::run, frame_index(&env), cpu.position);
  cpu.loaded = &env;
  arch::bind_env(cpu, &env);
}

void use_space(Cpu& cpu) {
  if (cpu.current != nullptr) {
    if (cpu.space == cpu.current->space) return;
    cpu.space = cpu.current->space;
    ++cpu.info->space_loads;
    return arch::load_space(FrameNumber{object_at<Space>(cpu.space).top});
  }
  // Idle: the last tables stay, unless they are to go.
  if (cpu.space == 0 || !object_at<Space>(cpu.space).dying) return;
  cpu.space = 0;
  ++cpu.info->space_loads;
  arch::load_space(FrameNumber{0});
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
  if (deadline == cpu.armed) return;
  cpu.armed = deadline;
  arch::set_timer(deadline);
}

void wake_sleepers(Kernel& k, Nanoseconds now) {
  for (std::size_t i = 0; i < wakes_per_interrupt; ++i) {
    Env* env = k.sleepers.first();
    if (env == nullptr || env->deadline > now) return;
    k.sleepers.remove(*env);
    env->become_ready(k);
  }
}

Status check_target(const Cpu& cpu, const Env* target) {
  if (target == nullptr || target == cpu.current || can_run(*target)) return {};
  return fail(target->state == RunState::running ? Error::busy : Error::wrong_state);
}

// The current env is out of the way; who gets the rest?
void pass_on(Kernel& k, Cpu& cpu, Env* target) {
  if (cpu.phase != Phase::running || target == nullptr) return give_rest_to_owner(k, cpu);
  run(cpu, *target);
}

}  // namespace

void settle(Kernel& k, Cpu& cpu) {
  if (!cpu.started) return;
  cpu.look_again = false;
  if (cpu.current == nullptr) start_next_slice(k, cpu);
  if (cpu.current != cpu.loaded) {
    unload(cpu);
    if (cpu.current != nullptr) load(cpu, *cpu.current);
    else arch::bind_env(cpu, nullptr);
  }
  use_space(cpu);
  if (cpu.current != nullptr) cpu.current->deliver_due_upcall();
  if (cpu.current != nullptr) k.idle_cpus &= ~cpu_bit(cpu);
  else note_idle(k, cpu);
  arm_timer(k, cpu);
}

void give_rest_to_owner(Kernel& k, Cpu& cpu) {
  cpu.current = nullptr;
  Env* owner = k.frames.live<Env>(cpu.slice_owner);
  if (cpu.phase == Phase::running && owner != nullptr && can_run(*owner)) return run(cpu, *owner);
  cpu.phase = Phase::idle;  // the slice is over
}

Status yield_to(Kernel& k, Cpu& cpu, Env* target) {
  TRY_VOID(check_target(cpu, target));
  Env& self = *cpu.current;
  if (target == &self && cpu.phase == Phase::running) return {};
  // point of no return
  const bool owner = k.frames.live<Env>(cpu.slice_owner) == &self;
  self.set_state(RunState::ready);
  if (cpu.phase == Phase::grace || (target == nullptr && owner)) {
    cpu.current = nullptr;
    cpu.phase = Phase::idle;
  } else {
    pass_on(k, cpu, target);
  }
  notice_ready(k, self);
  return {};
}

Status sleep_until(Kernel& k, Cpu& cpu, Nanoseconds deadline, Env* target) {
  TRY_VOID(check_target(cpu, target));
  Env& self = *cpu.current;
  if (target == &self) return fail(Error::wrong_state);
  if (self.wake_token) {
    self.wake_token = false;
    return {};
  }
  if (deadline != abi::forever && deadline <= arch::now()) return {};
  // point of no return
  self.fall_asleep(k, deadline);
  pass_on(k, cpu, target);
  Cpu& first = arch::cpu(arch::CpuId{0});
  if (&first != &cpu && k.sleepers.first() == &self && deadline < first.armed) arch::poke(first.id);
  return {};
}

void handle_time(Kernel& k, Cpu& cpu) {
  cpu.armed = Nanoseconds{0};
  const Nanoseconds now = arch::now();
  wake_sleepers(k, now);
  Env* env = cpu.current;
  if (env == nullptr || now < cpu.slice_end) return;
  if (cpu.phase == Phase::running && env->deliver_upcall(abi::Upcall::epilogue, env->entries.epilogue)) {
    cpu.phase = Phase::grace;
    cpu.slice_end = now + grace_ns;
    return;
  }
  const bool overran = cpu.phase == Phase::grace;
  if (overran) ++env->info->overruns;
  trace(cpu, TraceEvent::slice_end, cpu.position, overran ? 1 : 0);
  cpu.current = nullptr;
  cpu.phase = Phase::idle;
  env->become_ready(k);
}

void handle_pending(Kernel& k, Cpu& cpu) {
  Env* env = cpu.current;
  if (env == nullptr || env->pending == Pending::nothing) return;
  env->pending = Pending::nothing;
  env->set_state(RunState::stopped);
  give_rest_to_owner(k, cpu);
}

void notice_ready(Kernel& k, const Env& env) {
  const ObjectRef name = k.frames.ref_of(&env);
  for (std::uint64_t idle = k.idle_cpus; idle != 0; idle &= idle - 1) {
    const auto id = static_cast<std::uint32_t>(std::countr_zero(idle));
    const arch::CpuId target{id};
    if (&arch::this_cpu() == &arch::cpu(target)) continue;  // it settles before it leaves the kernel
    for (const ObjectRef owner : slices_of(k, id)) {
      if (owner != name) continue;
      arch::poke(target);
      break;
    }
  }
}

}  // namespace aegis
