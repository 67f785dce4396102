// SPDX-License-Identifier: MIT
// The battery-backed clock: UTC to the second, read once.
#pragma once

#include "base/std.hpp"

namespace aegis::dev {

// Nanoseconds since 1970; nothing when there is no clock or it shows nonsense.
[[nodiscard]] std::optional<std::uint64_t> read_wall_clock();

}  // namespace aegis::dev
