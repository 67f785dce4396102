// SPDX-License-Identifier: MIT
// refused: no matching member function
#include "libos/rt/kinds.hpp"

auto wrong(rt::Env env) { return env.derive<abi::SpaceRight::change>(abi::CapSlot{20}); }
