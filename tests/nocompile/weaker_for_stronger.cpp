// SPDX-License-Identifier: MIT
// refused: no matching function
#include "libos/rt/kinds.hpp"

rt::Status asks(rt::EnvWith<abi::EnvRight::control> env);
rt::Status wrong(rt::EnvWith<abi::EnvRight::wake> env) { return asks(env); }
