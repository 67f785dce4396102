// SPDX-License-Identifier: MIT
// The first env: the archive's first member, loaded by the kernel, with everything in its hands.
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/core/memory_map.hpp"

namespace aegis {

// Builds it from the archive and gives it the slices of processor 0. A failure's name, or nothing.
[[nodiscard]] Result<Env*> build_first_env(Kernel& k, const traps::BootRecord& record, Account& root);

}  // namespace aegis
