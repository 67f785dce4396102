// SPDX-License-Identifier: MIT
// `exo test`: all tests in order, two at a time, one line each, and the count at the end.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

[[nodiscard]] Result<int> test(const Locations& at, const std::vector<std::string>& words);

}  // namespace exo
