// SPDX-License-Identifier: MIT
// The rows of the suites: small C programs, each of which says in its first comment what it measures, why, and which table
// it stands for (bench/rows/row.h).
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"

namespace exo {

struct BenchRow {
  std::string name;                // of the file, without its ending
  std::string title, why, source;  // source: the tables of issue and papers
  double aim = 0;                  // so many times fewer instructions than Linux; 0: no aim
  bool guard = false;              // on ExOS by `exo run --guard`
  std::filesystem::path program;   // the built binary
};

// The comment's fields. `name` is told when something is wrong with it.
[[nodiscard]] Result<BenchRow> read_row(const std::string& name, const std::string& text);
// All rows of a folder of the source tree, by name; the binaries lie at the same place of the build.
[[nodiscard]] Result<std::vector<BenchRow>> load_rows(const Locations& at, const std::string& folder);

}  // namespace exo
