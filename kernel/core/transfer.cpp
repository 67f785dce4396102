// SPDX-License-Identifier: MIT
#include "kernel/core/transfer.hpp"

#include "kernel/core/lookup.hpp"
#include "kernel/core/scheduler.hpp"
#include "kernel/core/trace.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t all_ones = ~std::uint64_t{0};

// The registers that are the message. [abi/pct.hpp]
void pass_message(const abi::Registers& from, abi::Registers& to) {
  to.rdx = from.rdx;
  to.r10 = from.r10;
  to.r8 = from.r8;
  to.r9 = from.r9;
  to.rbx = from.rbx;
  to.rbp = from.rbp;
  to.r12 = from.r12;
  to.r13 = from.r13;
  to.r14 = from.r14;
  to.r15 = from.r15;
}

// Derives the capability that goes along into the slot that the receiver named, and returns that; no_slot without one.
Result<abi::CapSlot> send_capability(Kernel& k, Env& from, Env& to, abi::Transfer transfer) {
  if (transfer.slot == abi::no_slot) return abi::no_slot;
  Slot& source = *TRY(live_slot(k, object_at<Table>(from.table), transfer.slot));
  if ((source.rights & abi::right_grant) == 0) return fail(Error::missing_right);
  const auto target = object_at<Table>(to.table).at(to.entries.receive);
  if (!target.has_value()) return fail(Error::out_of_range);
  TRY_VOID(derive(k, source, **target, transfer.rights, 0, 0));
  return to.entries.receive;
}

// Calls that wait for this env, and for those that wait for it.
std::uint32_t calls_above(const Env& env) {
  std::uint32_t calls = 0;
  for (const Env* at = env.caller; at != nullptr; at = at->caller) ++calls;
  return calls;
}

// The current env has left for `to`. After the end of the slice there is no time to give: `to` is ready.
void go_on_with(Kernel& k, Cpu& cpu, Env& to) {
  if (cpu.phase == Phase::running) return give_processor(cpu, to);
  end_slice(cpu);
  to.become_ready(k);
}

bool upcall_is_due(const Env& env) { return env.upcalls_due != 0 && env.can_take_upcall(); }

}  // namespace

Status enter_env(Kernel& k, Cpu& cpu, const Slot& entry, abi::Transfer transfer, bool awaits_reply) {
  Env& self = *cpu.current;
  Env& callee = object_at<Env>(entry.object.frame);
  if (callee.state != RunState::accepting) return fail(Error::would_block);
  if (awaits_reply && calls_above(self) >= abi::max_call_depth) return fail(Error::wrong_state);
  const std::uint64_t badge = entry.base, rip = entry.count;
  const abi::CapSlot received = TRY(send_capability(k, self, callee, transfer));
  // point of no return
  abi::Registers& r = callee.context.registers;
  pass_message(self.context.registers, r);
  r.rax = 0;
  r.rdi = badge;
  r.rsi = received.raw();
  r.rip = r.rcx = rip;
  r.rflags = r.r11 = initial_flags;
  ++self.info->transfers;
  trace(cpu, TraceEvent::transfer, frame_index(&callee), badge);
  if (awaits_reply) {
    self.set_state(RunState::calling);
    self.callee = &callee;
    callee.caller = &self;
    go_on_with(k, cpu, callee);
  } else {
    self.set_state(RunState::ready);
    go_on_with(k, cpu, callee);
    notice_ready(k, self);
  }
  note_in_time(cpu, self);
  return {};
}

Status reply_and_accept(Kernel& k, Cpu& cpu, std::uint64_t status, abi::Transfer transfer) {
  Env& self = *cpu.current;
  Env* caller = self.caller;
  abi::CapSlot received = abi::no_slot;
  if (caller != nullptr) received = TRY(send_capability(k, self, *caller, transfer));
  // point of no return
  if (caller != nullptr) {
    abi::Registers& r = caller->context.registers;
    pass_message(self.context.registers, r);
    r.rax = 0;
    r.rdi = status;
    r.rsi = received.raw();
    self.caller = caller->callee = nullptr;
    ++self.info->transfers;
    trace(cpu, TraceEvent::transfer, frame_index(caller), all_ones);
  }
  if (upcall_is_due(self)) {
    if (caller != nullptr) caller->become_ready(k);
    return fail(Error::again);
  }
  self.set_state(RunState::accepting);
  if (caller != nullptr) go_on_with(k, cpu, *caller);
  else give_rest_to_owner(k, cpu);
  note_in_time(cpu, self);
  return {};
}

void leave_transfer(Env& env) {
  if (env.state == RunState::accepting) {
    env.context.registers.rax = static_cast<std::uint64_t>(Error::again);
    env.context.registers.rdx = 0;
  }
  if (env.state != RunState::calling) return;
  env.context.registers.rax = static_cast<std::uint64_t>(Error::stale);
  env.context.registers.rdx = 0;
  env.callee->caller = nullptr;
  env.callee = nullptr;
}

void end_call_of(Kernel& k, Env& callee) {
  Env* caller = callee.caller;
  if (caller == nullptr) return;
  leave_transfer(*caller);
  caller->become_ready(k);
}

}  // namespace aegis
