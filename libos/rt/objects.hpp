// SPDX-License-Identifier: MIT
// The restartable calls on capabilities and objects, repeated until they are done. The typed binding (rt/kinds.hpp) is made of
// these; besides it only tests that forge slots call them.
#pragma once

#include "libos/rt/calls.hpp"

namespace rt {

// Repeats while the kernel answers `again`: it has done a bounded step and keeps its own place.
template <typename F>
Status until_done(F step) {
  for (;;) {
    const Status answer = step();
    if (answer.has_value() || answer.error() != Error::again) return answer;
  }
}

inline Status drop(CapSlot slot) { return until_done([=] { return call::cap_drop(slot); }); }
inline Status revoke(CapSlot slot) { return until_done([=] { return call::cap_revoke(slot); }); }
inline Status destroy(CapSlot slot) { return until_done([=] { return call::object_destroy(slot); }); }

// Destroys and empties the slot, which would otherwise hold a stale capability.
inline Status destroy_and_drop(CapSlot slot) {
  TRY_VOID(destroy(slot));
  return drop(slot);
}

inline Result<abi::CapInfo> read_cap(CapSlot slot) {
  abi::CapInfo info{};
  TRY_VOID(call::cap_read(slot, &info));
  return info;
}
inline Result<abi::AccountInfo> read_account(CapSlot account) {
  abi::AccountInfo info{};
  TRY_VOID(call::account_read(account, &info));
  return info;
}
[[nodiscard]] inline std::uint64_t limit_of(const abi::AccountInfo& info, abi::Resource what) {
  return info.limits.limit[static_cast<std::size_t>(what)];
}
[[nodiscard]] inline std::uint64_t use_of(const abi::AccountInfo& info, abi::Resource what) {
  return info.used[static_cast<std::size_t>(what)];
}
[[nodiscard]] inline std::uint64_t room_in(const abi::AccountInfo& info, abi::Resource what) {
  return limit_of(info, what) - use_of(info, what);
}
// Limits for `frames` frames, all of which may be kernel objects, and no slices.
[[nodiscard]] constexpr abi::AccountLimits frames_only(std::uint64_t frames) {
  return {.limit = {frames, 0, frames}, .minimum = {}};
}
inline Status create_account(CapSlot parent, CapSlot slot, const abi::AccountLimits& limits) {
  return call::account_create(parent, slot, &limits, abi::any_frame);
}
inline Result<abi::EnvState> read_env(CapSlot env) {
  abi::EnvState state{};
  TRY_VOID(call::env_read(env, &state));
  return state;
}

// Rights of one kind as the plain bits that the calls take: `bits(EnvRight::wake, EnvRight::donate)`.
template <typename Right, typename... More>
[[nodiscard]] constexpr std::uint32_t bits(Right right, More... more) {
  static_assert((std::is_same_v<Right, More> && ...));
  return (static_cast<std::uint32_t>(right) | ... | static_cast<std::uint32_t>(more));
}

}  // namespace rt
