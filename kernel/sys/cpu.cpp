// SPDX-License-Identifier: MIT
#include "kernel/core/slices.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

using abi::EnvRight;

Answer Calls::env_yield(slot target) {
  Env* to = nullptr;
  if (target != abi::no_slot) to = TRY(find<Env>(target, EnvRight::donate));
  return yield_to(k, cpu, to);
}

Answer Calls::env_sleep(u64 deadline_ns, slot target) {
  Env* to = nullptr;
  if (target != abi::no_slot) to = TRY(find<Env>(target, EnvRight::donate));
  return sleep_until(k, cpu, Nanoseconds{deadline_ns}, to);
}

Answer Calls::env_wake(slot target) {
  TRY(find<Env>(target, EnvRight::wake))->wake(k);
  return {};
}

Answer Calls::slice_bind(slot slices, u32 index, slot owner) {
  const Slot& range = *TRY(find_kind(slices, Kind::slices, abi::SlicesRight::bind));
  Env* to = nullptr;
  if (owner != abi::no_slot) to = TRY(find<Env>(owner, EnvRight::donate));
  if (index >= range.count) return fail(Error::out_of_range);
  const auto position = static_cast<u32>(masked_index(range.base + index, k.slices.size()));
  TRY_VOID(bind_position(k, position, to));
  if (to != nullptr && to->state == RunState::ready) notice_ready(k, *to);
  return {};
}

}  // namespace aegis::sys
