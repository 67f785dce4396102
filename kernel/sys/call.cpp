// SPDX-License-Identifier: MIT
// The way of a call through the core. See docs/tour/aegis-call.md.
#include "kernel/core/trace.hpp"
#include "kernel/core/traps.hpp"
#include "kernel/sys/decode.hpp"

namespace aegis {

void traps::call(Cpu& cpu, std::uint64_t number) {
  KernelGuard guard;
  Env& env = *cpu.current;
  const ObjectRef caller = guard->frames.ref_of(&env);
  const abi::Registers& r = env.context.registers;
  const sys::RawArguments raw{r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};

  sys::Answer result = fail(Error::bad_call);
  if (number < abi::call_count) {
    ++env.info->calls;
    ++cpu.info->calls[masked_index(number, abi::call_count)];
    trace(cpu, TraceEvent::call, number, raw[0]);
    sys::Calls calls{*guard, cpu, env};
    result = sys::entries[masked_index(number, abi::call_count)](calls, raw);
  }
  trace(cpu, TraceEvent::call_end, number, static_cast<std::uint64_t>(result.error));
  if (Env* still = guard->frames.live<Env>(caller)) {  // it may have ended itself
    still->context.registers.rax = static_cast<std::uint64_t>(result.error);
    still->context.registers.rdx = result.value;
  }
  settle(*guard, cpu);
}

}  // namespace aegis
