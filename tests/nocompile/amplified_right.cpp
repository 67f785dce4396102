// SPDX-License-Identifier: MIT
// refused: no matching member function
#include "libos/rt/kinds.hpp"

auto wrong(rt::EnvWith<abi::EnvRight::wake> env) { return env.derive<abi::EnvRight::control>(abi::CapSlot{20}); }
