// SPDX-License-Identifier: MIT
// `exo ps` and `exo top`: what runs in the guests of this person, once or again and again.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

[[nodiscard]] Result<int> list_processes(const std::vector<std::string>& words);    // ps [--json]
[[nodiscard]] Result<int> watch_processes(const std::vector<std::string>& words);   // top [-d SECONDS] [-n TIMES]

}  // namespace exo
