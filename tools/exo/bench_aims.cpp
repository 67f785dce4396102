// SPDX-License-Identifier: MIT
#include "exo/bench_aims.hpp"

#include <toml++/toml.h>

#include <sstream>

#include "exo/bench.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

// The number behind a word of the line.
std::optional<double> number_after(const std::string& line, const std::string& word) {
  std::istringstream words{line};
  for (std::string one; words >> one;) {
    double number = 0;
    if (one == word && words >> number) return number;
  }
  return std::nullopt;
}

}  // namespace

std::vector<Figure> read_sizes(const std::string& line) {
  constexpr double ring0_aim = 15'000, independent_aim = 6'000, verifier_aim = 1'500;
  const auto all = number_after(line, "0:"), core = number_after(line, "core"), sys = number_after(line, "sys"), verifier = number_after(line, "verifier");
  if (!all || !core || !sys || !verifier) return {};
  return {{"lines_ring0", "lines of code in ring 0", *all, ring0_aim},
          {"lines_core", "of them, lines that know no machine (core and sys)", *core + *sys, independent_aim},
          {"lines_verifier", "of them, lines that judge downloaded code", *verifier, verifier_aim}};
}

std::vector<Figure> measure_sizes(const Locations& at) {
  constexpr double scheduler_aim = 200;
  std::vector<Figure> sizes = read_sizes(first_line_of("sh '" + (at.source / "tools/check/kernel-size").string() + "' '" + at.source.string() + "'"));
  for (const char* name : {"stride", "deadline"})
    sizes.push_back({.key = "lines_" + std::string{name}, .title = "lines of the " + std::string{name} + " scheduler, a library",
                     .figure = static_cast<double>(count_code_lines_of(at.source / "libos/parts/schedulers" / (std::string{name} + ".hpp"))), .aim = scheduler_aim});
  return sizes;
}

Result<std::vector<TestedAim>> read_tested_aims(const std::string& text) {
  std::vector<TestedAim> aims;
  try {
    const toml::table all = toml::parse(text);
    const toml::array* list = all["aim"].as_array();
    if (list == nullptr) return fail(own_failure, "bench/aims.toml holds no aims");
    for (const toml::node& node : *list) {
      const toml::table* one = node.as_table();
      const auto field = [&](const char* key) { return one == nullptr ? std::string{} : (*one)[key].value_or(std::string{}); };
      aims.push_back({.what = field("what"), .wanted = field("wanted"), .test = field("test")});
      if (aims.back().what.empty() || aims.back().wanted.empty() || aims.back().test.empty()) return fail(own_failure, "bench/aims.toml: an aim wants what, wanted and test");
    }
  } catch (const toml::parse_error& error) {
    return fail(own_failure, "bench/aims.toml: " + std::string{error.description()});
  }
  return aims;
}

}  // namespace exo
