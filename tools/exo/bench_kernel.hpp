// SPDX-License-Identifier: MIT
// `exo bench kernel`: what the kernel's operations cost. One boot counts instructions (-icount shift=0, which repeats), one
// takes emulated time (which does not).
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exo/failure.hpp"
#include "exo/locations.hpp"
#include "exo/machine.hpp"
#include "exo/plot.hpp"

namespace exo {

// What the guest program bench/kernel.cpp said, by row. Divided by the operations, and without what measuring takes.
struct Measured {
  double instructions = 0;
  std::optional<double> ring0, ring3;  // without QEMU's plugin interface they are not known
  double nanoseconds = 0;
  double operations = 0;               // of a batch; 0: a figure that is no count
  std::uint64_t interval = 0;          // of the batch that counted least, among all marked ones
  bool operator==(const Measured&) const = default;
};
using Measurements = std::map<std::string, Measured>;  // KEY, and KEY@N of a curve

// Parses the guest's log and the plugin's file (empty: there is none).
[[nodiscard]] Result<Measurements> read_measurements(const std::string& log, const std::string& shares);

// The same without what a row leaves apart (zeroing), under -icount, and what the guest asked to be plotted.
struct KernelCount {
  Measurements rows;
  std::map<std::string, Plot> plots;
};
[[nodiscard]] Result<KernelCount> count_kernel(const Locations& at);
[[nodiscard]] std::map<double, double> curve_in(const Measurements& all, const std::string& key);  // instructions over N
// Times, by row.
[[nodiscard]] Result<Measurements> time_kernel(const Locations& at, Accelerator accelerator);
// The row's least batch, counted by address: the file of bench/profile.cpp.
struct KernelProfile {
  double operations = 0;
  std::string counts;
};
[[nodiscard]] Result<KernelProfile> profile_kernel_row(const Locations& at, const std::string& key);

// A row of the table.
struct KernelRow {
  const char* key;
  const char* title;
  double aim;               // 0: none
  const char* comparison;
  double apart = 0;         // instructions that the row leaves out
  struct Part {
    const char* key = nullptr;  // of a row that is in this one once ...
    double operations = 1;      // ... for so many of its operations
  } less{};                 // is taken off, so that what is added by each is left
};
[[nodiscard]] std::span<const KernelRow> kernel_rows();

// `exo bench kernel [--json] [--no-times] [--twice]`; the last counts twice and fails when the two differ.
[[nodiscard]] Result<int> bench_kernel(const Locations& at, const std::vector<std::string>& words);

}  // namespace exo
