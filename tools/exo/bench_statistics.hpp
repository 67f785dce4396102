// SPDX-License-Identifier: MIT
// Medians, and how far to trust them: percentile intervals of the bootstrap (Efron 1979), which assumes no distribution.
// Resampling starts from a fixed seed, so the same samples give the same interval.
#pragma once

#include <optional>
#include <span>

namespace exo {

struct Estimate {
  double middle = 0, low = 0, high = 0;  // low to high: 95 %
};

[[nodiscard]] double median(std::span<const double> values);  // of none: 0
[[nodiscard]] Estimate estimate_median(std::span<const double> values);
// median(above) / median(below), each resampled by itself; nothing when the lower median is not above zero.
[[nodiscard]] std::optional<Estimate> estimate_ratio(std::span<const double> above, std::span<const double> below);

}  // namespace exo
