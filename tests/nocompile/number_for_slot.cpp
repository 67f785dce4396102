// SPDX-License-Identifier: MIT
// refused: no viable conversion
#include "libos/rt/kinds.hpp"

rt::Status wrong() { return rt::drop(20); }
