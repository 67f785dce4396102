// SPDX-License-Identifier: MIT
// Aims beside those of rows: sizes of code, and what a test asserts instead of a figure (bench/aims.toml).
#pragma once

#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

// A figure that shall be under its aim.
struct Figure {
  std::string key, title;
  double figure = 0, aim = 0;  // 0: no aim
  [[nodiscard]] bool is_met() const { return figure <= aim; }
};

// Lines of code, as tools/check/kernel-size counts them; empty: it said something else.
[[nodiscard]] std::vector<Figure> read_sizes(const std::string& line);
[[nodiscard]] std::vector<Figure> measure_sizes(const Locations& at);

struct TestedAim {
  std::string what, wanted, test;  // the test's name, as ./exo test has it
};
[[nodiscard]] Result<std::vector<TestedAim>> read_tested_aims(const std::string& text);

}  // namespace exo
