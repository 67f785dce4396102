// SPDX-License-Identifier: MIT
// The suite exos: Linux programs' calls on ExOS and on Linux in the same QEMU, the same binaries, in one run.
#pragma once

#include <string>
#include <vector>

#include "exo/bench_guest.hpp"

namespace exo {

inline constexpr const char* app_prefix = "app_";

struct ExosBench {
  std::string folder = "bench/rows";   // of the source tree: where the rows lie
  std::vector<std::string> names;      // none: all
  std::vector<std::string> apps;       // of bench/apps, "app_" and the name; none: all
  bool with_linux = true;
  int rounds = 3;                      // of alternating runs that take time; 0: only instructions
  bool twice = false;                  // count twice and fail when ExOS differs, or Linux by more than a hundredth
  int limit_s = 120;
  Accelerator timed_with = Accelerator::tcg;
};

// A row that is a curve over N, at one N; a side that was not measured there is empty.
struct CurvePoint {
  double n;
  std::optional<double> exos, stock, fairest;
  [[nodiscard]] std::optional<double> ratio() const;
};

// What one row gave on all sides. A side that was not asked is empty.
struct RowResult {
  BenchRow row;
  Sample exos, stock, fairest;         // instructions
  std::vector<double> exos_ns, stock_ns, fairest_ns;
  [[nodiscard]] std::optional<double> ratio() const;  // fairest Linux over ExOS, instructions
  [[nodiscard]] std::vector<CurvePoint> points() const;  // of all sides; empty: no curve
  [[nodiscard]] const char* verdict() const;         // "met", "missed", or "" without an aim or a ratio
};

[[nodiscard]] Result<std::vector<RowResult>> measure_rows(const Locations& at, const ExosBench& bench);
// The same for whole programs; their rows are called "app_" and the name.
[[nodiscard]] Result<std::vector<RowResult>> measure_apps(const Locations& at, const ExosBench& bench);
[[nodiscard]] std::string exos_table_of(const std::vector<RowResult>& results);

}  // namespace exo
