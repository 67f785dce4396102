// SPDX-License-Identifier: MIT
// `exo bench processors`: how a program with threads shares out its work. Counted, not timed: the work of the busiest processor,
// kernel and library included, against all of it on one processor. What else the host does counts only as far
// as it keeps processors from one another: so the best of several runs.
#pragma once

#include "exo/locations.hpp"

namespace exo {

[[nodiscard]] Result<int> bench_processors(const Locations& at);

}  // namespace exo
