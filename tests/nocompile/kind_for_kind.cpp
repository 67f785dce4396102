// SPDX-License-Identifier: MIT
// refused: no matching
#include "libos/rt/kinds.hpp"

rt::Status wrong(rt::Account account, rt::Env env) { return rt::Space{}.map_new(0x1000, 1, abi::map_read, env); }
