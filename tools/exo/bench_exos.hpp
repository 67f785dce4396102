// SPDX-License-Identifier: MIT
// `exo bench exos`: Linux programs' calls on ExOS and on Linux in the same QEMU, the same binaries, in one run.
#pragma once

#include <string>
#include <vector>

#include "exo/bench_guest.hpp"

namespace exo {

struct ExosBench {
  std::string folder = "bench/rows";   // of the source tree: where the rows lie
  std::vector<std::string> names;      // none: all
  bool with_linux = true;
  int rounds = 3;                      // of alternating runs that take time; 0: only instructions
  bool twice = false;                  // count twice and fail when ExOS differs, or Linux by more than a hundredth
  std::string json;                    // a file to write, or "-"
  int limit_s = 120;
};

// What one row gave on all sides. A side that was not asked is empty.
struct RowResult {
  BenchRow row;
  Sample exos, stock, fairest;         // instructions
  std::vector<double> exos_ns, stock_ns, fairest_ns;
  [[nodiscard]] std::optional<double> ratio() const;  // fairest Linux over ExOS, instructions
};

[[nodiscard]] Result<std::vector<RowResult>> measure_rows(const Locations& at, const ExosBench& bench);
[[nodiscard]] std::string table_of(const std::vector<RowResult>& results);
// 1 when a row failed on ExOS.
[[nodiscard]] Result<int> bench_exos(const Locations& at, const std::vector<std::string>& words);

}  // namespace exo
