// SPDX-License-Identifier: MIT
// Counts everything again from nothing and compares with what the kernel believes: owners, uses, maps, refs, pins,
// accounts, page tables, links between slots, envs and processors.
#pragma once

#include <string>
#include <vector>

#include "kernel/core/kernel.hpp"

namespace fake {

// One line for each thing that is wrong; empty when all is well.
[[nodiscard]] std::vector<std::string> check(aegis::Kernel& k);

}  // namespace fake
