// SPDX-License-Identifier: MIT
#include "exo/bench_statistics.hpp"

#include <algorithm>
#include <random>
#include <vector>

namespace exo {
namespace {

constexpr int resamples = 1000;
constexpr std::uint64_t seed = 1995;

double median_of(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::ranges::nth_element(values, middle);
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

std::vector<double> resample(std::span<const double> values, std::mt19937_64& random) {
  std::vector<double> drawn(values.size());
  // Not std::uniform_int_distribution, whose results differ between libraries.
  for (double& value : drawn) value = values[random() % values.size()];
  return drawn;
}

Estimate interval_of(double middle, std::vector<double> medians) {
  std::ranges::sort(medians);
  const auto at = [&](double part) { return medians[static_cast<std::size_t>(part * static_cast<double>(medians.size() - 1))]; };
  return {.middle = middle, .low = at(0.025), .high = at(0.975)};
}

}  // namespace

double median(std::span<const double> values) { return median_of({values.begin(), values.end()}); }

Estimate estimate_median(std::span<const double> values) {
  if (values.empty()) return {};
  std::mt19937_64 random{seed};
  std::vector<double> medians;
  for (int i = 0; i < resamples; ++i) medians.push_back(median_of(resample(values, random)));
  return interval_of(median(values), std::move(medians));
}

std::optional<Estimate> estimate_ratio(std::span<const double> above, std::span<const double> below) {
  if (above.empty() || below.empty() || median(below) <= 0) return std::nullopt;
  std::mt19937_64 random{seed};
  std::vector<double> ratios;
  for (int i = 0; i < resamples; ++i) {
    const double upper = median_of(resample(above, random)), lower = median_of(resample(below, random));
    if (lower > 0) ratios.push_back(upper / lower);
  }
  if (ratios.empty()) return std::nullopt;
  return interval_of(median(above) / median(below), std::move(ratios));
}

}  // namespace exo
