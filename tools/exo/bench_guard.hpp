// SPDX-License-Identifier: MIT
// `exo bench guard`: chosen rows may not get dearer unnoticed. Their instruction counts are compared with those of
// bench/guard.json, which is committed; `--accept` writes the new ones there, a line of the diff for each.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

// Instructions of an operation by "kernel/ROW" (`exo bench kernel`) and "exos/ROW" (`exo bench exos`).
using GuardFigures = std::map<std::string, double>;

inline constexpr double guard_tolerance = 0.03;

struct GuardVerdict {
  std::vector<std::string> risen, fallen, missing;  // a line each: row, figures, change. Missing: not measured
};
[[nodiscard]] GuardVerdict judge(const GuardFigures& committed, const GuardFigures& measured);

[[nodiscard]] Result<GuardFigures> read_guard(const std::string& text);
[[nodiscard]] std::string guard_text(const GuardFigures& figures);

// 1 when a row has risen or is missing. `--folder DIR`: rows of the same names there are taken instead.
[[nodiscard]] Result<int> bench_guard(const Locations& at, const std::vector<std::string>& words);

}  // namespace exo
