// SPDX-License-Identifier: MIT
// What a guest that runs rows has said, and what the plugin beside it has counted, as figures. Knows nothing of guests.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exo/failure.hpp"

namespace exo {

inline constexpr int row_warm_up = 3, row_batches = 15;  // as bench/rows/row.h has them

// One marked interval of the plugin (bench/rings.cpp), in its order; or the mean of an operation.
template <typename T>
struct Interval {
  T ring3{}, ring0{}, library{}, calls{}, returns{}, space_writes{}, page_flushes{};
  bool operator==(const Interval&) const = default;
};
using CountedInterval = Interval<std::uint64_t>;
using Share = Interval<double>;

// The plugin's file: sections (one for each row on Linux, one in all on ExOS) of intervals. Other lines are left out.
[[nodiscard]] std::vector<std::vector<CountedInterval>> read_sections(const std::string& text);

// A row on one system in one boot. All per operation, without what measuring takes.
struct Sample {
  int status = -1;            // of the program; -1: it has not come to its end
  std::string log;            // all it said
  std::string failure;        // why there are no figures; empty: there are
  double operations = 0;      // of a batch
  std::vector<double> counts; // of the time-stamp counter, a batch each
  std::vector<double> nanoseconds;
  std::optional<Share> share; // of the batch that counted least
  std::map<double, double> curve;  // of a row with points: the least count at each; all else is of the first point
  bool operator==(const Sample&) const = default;
  [[nodiscard]] double least() const;  // of `counts`, which must not be empty
};
using Samples = std::map<std::string, Sample>;  // by row; of a part of a row ROW.PART

// Reads `begin ROW`, the row's lines, `end ROW STATUS`, and so on. A row that began and did not end has failed; so has
// one whose status is not 0 or whose lines make no sense.
[[nodiscard]] Samples read_samples(const std::string& log, const std::string& plugin);

}  // namespace exo
