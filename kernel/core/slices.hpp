// SPDX-License-Identifier: MIT
// Slice positions: which env owns each, charged to that env's account. Invariant: a position names a live env or nobody.
#pragma once

#include "kernel/core/env.hpp"

namespace aegis {

// The position is the env's from its next round on; nullptr: nobody's. over_limit: its account may own no more.
[[nodiscard]] Status bind_position(Kernel& k, std::uint32_t position, Env* env);
// At the end of an env. One pass over the vectors, and only if it owns any.
void release_positions(Kernel& k, Env& env);

}  // namespace aegis
