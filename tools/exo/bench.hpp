// SPDX-License-Identifier: MIT
// `exo bench boot`: what a start costs, counted in instructions so that it repeats.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

[[nodiscard]] Result<int> bench_boot(const Locations& at, const std::vector<std::string>& words);

// Lines of code (neither blank nor comment) of C++ and assembly below a folder.
[[nodiscard]] std::size_t count_code_lines(const std::filesystem::path& folder);

}  // namespace exo
