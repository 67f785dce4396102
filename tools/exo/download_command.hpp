// SPDX-License-Identifier: MIT
// `exo program check|dump|profile`: what the kernel would say of a downloaded program, and what it would do with it.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

[[nodiscard]] Result<int> download_command(const std::vector<std::string>& words);

}  // namespace exo
