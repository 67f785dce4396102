// SPDX-License-Identifier: MIT
// How many tasks want a processor, averaged over 1, 5 and 15 minutes as Linux does it: a look every five seconds.
#pragma once

#include "base/std.hpp"

namespace exos::load_average {

// Fixed point with `point_bits` bits behind the point.
inline constexpr std::uint32_t point_bits = 11;
[[nodiscard]] const std::array<std::uint64_t, 3>& averages();

[[nodiscard]] bool is_due(std::uint64_t now_ns);
// With the tasks that are ready or running now. For looks that were missed nobody was: processors that sleep do not look.
void look(std::uint64_t now_ns, std::uint64_t tasks);

}  // namespace exos::load_average
