// SPDX-License-Identifier: MIT
// What a comparison tells of its two sides.
#pragma once

#include "kernel/program/range.hpp"

namespace aegis::program {

// On the way where the comparison came out as `taken`: leaves in `a` and `b` what they can still be. False: no way.
[[nodiscard]] bool narrow_down(std::uint8_t operation, Width width, bool taken, Range& a, Range& b);

}  // namespace aegis::program
