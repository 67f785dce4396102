// SPDX-License-Identifier: MIT
// What the others do wrong, done right.
#include "libos/rt/kinds.hpp"

rt::Status wakes(rt::EnvWith<abi::EnvRight::wake> env) { return env.wake(); }
rt::Status right(rt::Env env, rt::Space space, rt::Account account) {
  TRY_VOID(wakes(env));
  TRY_VOID(space.map_new(0x1000, 1, abi::map_read, account));
  return TRY(env.derive<abi::EnvRight::wake>(abi::CapSlot{20})).wake();
}
