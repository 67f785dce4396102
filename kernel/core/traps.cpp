// SPDX-License-Identifier: MIT
// What the machine-dependent half calls, but for Aegis calls (sys/call.cpp) and the start (start.cpp). Each function
// takes the lock, decides, settles. See docs/tour/exception.md.
#include "kernel/core/traps.hpp"

#include "kernel/core/scheduler.hpp"
#include "kernel/core/trace.hpp"

namespace aegis::traps {
namespace {

// Time in the idle instruction alone: what it takes to find nothing to do is not idle.
void enter_idle(const Cpu& cpu) {
  if (cpu.info->idle_since_ns == 0) cpu.info->idle_since_ns = arch::now().raw();
}
void leave_idle(const Cpu& cpu) {
  if (cpu.info->idle_since_ns == 0) return;
  cpu.info->idle_ns += arch::now().raw() - cpu.info->idle_since_ns;
  cpu.info->idle_since_ns = 0;
}

}  // namespace

void exception(Cpu& cpu, std::uint64_t vector, std::uint64_t error, std::uint64_t address) {
  KernelGuard guard;
  Env& env = *cpu.current;
  ++cpu.info->exceptions;
  trace(cpu, TraceEvent::exception, vector, address != 0 ? address : env.context.registers.rip);
  if (env.deliver_exception(vector, error, address)) return;
  env.get_stuck(*guard, vector, error, address);
  give_rest_to_owner(*guard, cpu);
  settle(*guard, cpu);
}

void timer(Cpu& cpu) {
  leave_idle(cpu);
  KernelGuard guard;
  handle_time(*guard, cpu);
  settle(*guard, cpu);
}

void poked(Cpu& cpu) {
  leave_idle(cpu);
  KernelGuard guard;
  handle_pending(*guard, cpu);
  settle(*guard, cpu);
}

void console_event() {
  leave_idle(arch::this_cpu());
  KernelGuard guard;
  if (Env* env = guard->frames.live<Env>(guard->console.bound)) env->wake(*guard);
  settle(*guard, arch::this_cpu());
}

void start_cpu(Cpu& cpu) {
  KernelGuard guard;
  cpu.started = true;
  settle(*guard, cpu);
}

// `current` is changed by its own processor only, so no lock is needed to look at it.
Env& next(Cpu& cpu) {
  while (cpu.current == nullptr) {
    enter_idle(cpu);
    arch::idle();
  }
  return *cpu.current;
}

}  // namespace aegis::traps
