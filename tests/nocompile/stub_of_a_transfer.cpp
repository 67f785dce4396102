// SPDX-License-Identifier: MIT
// refused: constraints not satisfied
#include "libos/rt/kinds.hpp"

auto wrong() { return rt::call::pct_call(abi::CapSlot{20}, 0); }
