// SPDX-License-Identifier: MIT
// refused: invalid reference to function 'yield_to'
#include "libos/rt/kinds.hpp"

rt::Status wrong(rt::EnvWith<abi::EnvRight::wake> env) { return env.yield_to(); }
