// SPDX-License-Identifier: MIT
// refused: ignoring return value
#include "libos/rt/kinds.hpp"

void wrong(rt::Env env) { env.wake(); }
