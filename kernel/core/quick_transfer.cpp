// SPDX-License-Identifier: MIT
// The usual transfers in short: a call of an env that accepts and the reply to it, inside a slice, without a capability that
// goes along and with nothing else to do on the way. All that is rarer is refused before anything has changed, and done the
// general way (transfer.cpp and settle), with the same result. docs/decisions/0010 counts what each step costs.
#include "kernel/core/lookup.hpp"
#include "kernel/core/scheduler.hpp"
#include "kernel/core/trace.hpp"
#include "kernel/core/translations.hpp"
#include "kernel/core/traps.hpp"

namespace aegis {
namespace {

// More calls wait above this env than a further one may have.
bool is_deep(const Env& env) {
  std::uint32_t calls = 0;
  for (const Env* at = env.caller; at != nullptr; at = at->caller)
    if (++calls == abi::max_call_depth) return true;
  return false;
}

// A live entry with the right to call, in a slot of one of the table's direct leaves.
[[gnu::always_inline]] inline const Slot* usual_way(Kernel& k, const Env& self, std::uint64_t number) {
  constexpr std::uint64_t slots = std::uint64_t{abi::direct_leaves} * abi::slots_per_leaf;
  if (number >= slots) return nullptr;
  const std::uint64_t index = masked_index(number, slots);
  const Leaf* leaf = object_at<Table>(self.table).direct_leaf(index / abi::slots_per_leaf);
  if (leaf == nullptr) return nullptr;
  const Slot& slot = leaf->data()[index % abi::slots_per_leaf];
  constexpr auto call = static_cast<std::uint16_t>(abi::EntryRight::call);
  if (slot.kind != Kind::entry || (slot.rights & call) == 0 || !k.frames.is_still(slot.object, FrameUse::env)) return nullptr;
  return &slot;
}

// Who goes on: cpu.current, which the compiler must not know, or it would not leave by this function.
[[gnu::noinline]] Env* enter_tagged_space(Kernel& k, Cpu& cpu) {
  use_space(k, cpu);
  return cpu.current;
}

// `to` has the processor now, but for what entry.S exchanges: vector unit, segment bases, general registers.
[[gnu::always_inline]] inline Env* hand_over(Kernel& k, Cpu& cpu, Env& self, RunState self_is, abi::Call call, Env& to) {
  charge_stay(cpu, self);
  self.note_state(self_is);
  ++self.info->calls;
  ++cpu.info->calls[static_cast<std::size_t>(call)];
  ++self.info->transfers;
  self.pending = Pending::nothing;  // as in unload
  to.note_state(RunState::running);
  to.cpu = cpu.id.raw();
  ++to.info->switches;
  ++cpu.info->switches;
  cpu.current = &to;
  if (cpu.space == to.space) return &to;
  if (arch::tag_count() > 1) return enter_tagged_space(k, cpu);
  enter_untagged_space(cpu, to.space);
  return &to;
}

}  // namespace

[[clang::no_stack_protector]] Env* traps::quick_call(std::uint64_t entry, Cpu& cpu) {
  Kernel& k = detail::kernel_state;
  Env& self = *cpu.current;
  if (!cpu.hurries) return nullptr;
  const Slot* way = usual_way(k, self, entry);
  if (way == nullptr) return nullptr;
  Env& callee = object_at<Env>(way->object.frame);
  if (!callee.accepts_at_once() || is_deep(self)) return nullptr;
  // point of no return
  abi::Registers& r = callee.context.registers;
  r.rdi = way->base;
  r.rip = way->count;
  self.callee = &callee;
  callee.caller = &self;
  return hand_over(k, cpu, self, RunState::calling, abi::Call::pct_call, callee);
}

[[clang::no_stack_protector]] Env* traps::quick_reply(std::uint64_t status, Cpu& cpu) {
  Env& self = *cpu.current;
  if (!cpu.hurries) return nullptr;
  Env* caller = self.caller;
  if (caller == nullptr || (self.upcalls_due | caller->upcalls_due) != 0) return nullptr;
  // point of no return
  caller->context.registers.rdi = status;
  self.caller = caller->callee = nullptr;
  return hand_over(detail::kernel_state, cpu, self, RunState::accepting, abi::Call::pct_reply, *caller);
}

}  // namespace aegis
