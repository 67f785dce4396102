// SPDX-License-Identifier: MIT
// `exo bench [SUITE...] [ROW...]`: runs suites and gives what they found out as tables, JSON, a page, or docs/performance.md.
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

// 1 when a row failed on ExOS.
[[nodiscard]] Result<int> bench(const Locations& at, const std::vector<std::string>& words);

}  // namespace exo
