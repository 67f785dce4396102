// SPDX-License-Identifier: MIT
// Pieces of the page that `exo bench --html` writes: bars, intervals and distributions as boxes of per cent, which any
// screen can show, and curves as SVG. What comes from outside goes through `escaped`.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace exo::html {

[[nodiscard]] std::string escaped(std::string_view text);

struct Bar {
  const char* kind;        // class: "exos", "stock", "fairest", "kernel", "library"
  std::string name;        // of the series
  std::optional<double> value;
  std::string failure;     // instead of a value
  std::string note = {};   // behind it
};
// Bars from zero on, the longest of them as wide as the place.
[[nodiscard]] std::string bars(std::span<const Bar> group, const std::string& classes = {});

// A range on a logarithmic axis from `least` to `most`, with a mark in its middle and a line at 1.
struct Range {
  double low, middle, high;
};
[[nodiscard]] std::string interval(const Range& range, double least, double most);

// Each value a tick, on a linear axis between the least and the greatest of all.
struct Strip {
  const char* kind;
  std::string name;
  std::vector<double> values;
};
[[nodiscard]] std::string strips(std::span<const Strip> group);

// Curves with the figures at their last points.
enum class Scale { logarithmic, linear };
struct Curve {
  const char* kind;
  std::string name;
  std::map<double, double> points;
};
[[nodiscard]] std::string curves(const std::string& title, std::span<const Curve> group, Scale scale = Scale::logarithmic);

// Style sheet of the page: light and dark, wide and narrow.
extern const char* const style;

}  // namespace exo::html
