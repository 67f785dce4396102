// SPDX-License-Identifier: MIT
// The kernel's checker (kernel/core/check.hpp), and what only the fake machine can tell: which tables and translations
// the processors have.
#pragma once

#include <string>
#include <vector>

#include "kernel/core/kernel.hpp"

namespace fake {

// One line for each thing that is wrong; empty when all is well.
[[nodiscard]] std::vector<std::string> check(aegis::Kernel& k);

}  // namespace fake
