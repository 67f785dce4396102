// SPDX-License-Identifier: MIT
// The way of a call through the core. See docs/tour/aegis-call.md.
#include "kernel/core/trace.hpp"
#include "kernel/core/traps.hpp"
#include "kernel/sys/decode.hpp"

namespace aegis {

sys::Answer sys::no_such_call(Calls&, RawArguments) { return fail(Error::bad_call); }

// For the entry code, by number: 0 when the caller goes on afterwards, 1 when another env may.
extern "C" constinit const std::array<std::uint8_t, sys::entry_count> call_switches = [] {
  enum Path : std::uint8_t { keeps = 0, switches = 1 };
  std::array<std::uint8_t, sys::entry_count> all{};
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) all[number] = path;
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  return all;
}();

// And whom it calls for those, with what it pushes.
extern "C" constinit const std::array<sys::Entry, sys::entry_count> call_entries = sys::entries;
static_assert(sizeof(sys::Calls) == 24);  // k, cpu, env
static_assert(sizeof(sys::Answer) == 16 && offsetof(sys::Answer, value) == 8 && std::is_trivially_copyable_v<sys::Answer>);

namespace {

[[gnu::noinline, gnu::cold]] traps::CallAnswer traced_call(Kernel& k, Cpu& cpu, std::uint64_t number,
                                                           sys::RawArguments arguments) {
  trace(cpu, TraceEvent::call, number, arguments[0]);
  sys::Calls calls{k, cpu, *cpu.current};
  const sys::Answer answer = sys::entries[number](calls, arguments);
  const auto error = static_cast<std::uint64_t>(answer.error);
  trace(cpu, TraceEvent::call_end, number, error);
  return {error, answer.value};
}

}  // namespace

// A call after which the caller goes on, when the entry code could not do as much itself: its registers stay there.
[[clang::no_stack_protector]] traps::CallAnswer traps::keeping_call(Cpu& cpu, std::uint64_t number, const std::uint64_t* arguments) {
  KernelGuard guard;
  Env& env = *cpu.current;
  ++env.info->calls;
  ++cpu.info->calls[number];
  if (traced(TraceEvent::call, TraceEvent::call_end)) [[unlikely]] return traced_call(*guard, cpu, number, arguments);
  sys::Calls calls{*guard, cpu, env};
  const sys::Answer answer = sys::entries[number](calls, arguments);
  return {static_cast<std::uint64_t>(answer.error), answer.value};
}

void traps::call(Cpu& cpu, std::uint64_t number) {
  KernelGuard guard;
  Env& env = *cpu.current;
  const ObjectRef caller = guard->frames.ref_of(&env);
  const abi::Registers& r = env.context.registers;
  const std::array<std::uint64_t, 6> arguments{r.rdi, r.rsi, r.rdx, r.r10, r.r8, r.r9};

  sys::Answer result = fail(Error::bad_call);
  if (number < abi::call_count) {
    const std::uint64_t index = sys::masked_number(number);
    ++env.info->calls;
    ++cpu.info->calls[index];
    trace(cpu, TraceEvent::call, number, arguments[0]);
    sys::Calls calls{*guard, cpu, env};
    result = sys::entries[index](calls, arguments.data());
  }
  trace(cpu, TraceEvent::call_end, number, static_cast<std::uint64_t>(result.error));
  if (Env* still = guard->frames.live<Env>(caller)) {  // it may have ended itself
    still->context.registers.rax = static_cast<std::uint64_t>(result.error);
    still->context.registers.rdx = result.value;
  }
  settle(*guard, cpu);
}

void traps::look_again(Cpu& cpu) {
  KernelGuard guard;
  settle(*guard, cpu);
}

}  // namespace aegis
