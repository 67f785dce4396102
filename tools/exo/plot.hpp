// SPDX-License-Identifier: MIT
// Plots of what a guest test prints: log lines `plot NAME SERIES X Y` become NAME.csv and NAME.svg, for people to look at. What
// the test asserts it asserts itself.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

struct Point {
  double x, y;
};
using Plot = std::map<std::string, std::vector<Point>>;  // by series

[[nodiscard]] std::map<std::string, Plot> read_plots(const std::string& log);  // by name
[[nodiscard]] std::string plot_csv(const Plot& plot);
[[nodiscard]] std::string plot_svg(const std::string& title, const Plot& plot);

// Writes those of a log below `folder`, which is made when there are any.
[[nodiscard]] Status write_plots(const std::string& log, const std::filesystem::path& folder);

}  // namespace exo
