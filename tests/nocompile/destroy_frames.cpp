// SPDX-License-Identifier: MIT
// refused: invalid reference to function 'destroy'
#include "libos/rt/kinds.hpp"

rt::Status wrong(rt::Frames frames) { return frames.destroy(); }
