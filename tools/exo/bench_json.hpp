// SPDX-License-Identifier: MIT
// The figures of a run as JSON: `{"unit", "rows": [{"name", "title", "why", "source", "aim", "exos": {...}, ...}]}`, each side with
// `instructions` (least of its batches), `batches`, `share` or `failure` and `log`, and `nanoseconds` of the timed batches.
#pragma once

#include <string>
#include <vector>

#include "exo/bench_exos.hpp"

namespace exo {

[[nodiscard]] std::string json_of(const std::vector<RowResult>& results);

}  // namespace exo
