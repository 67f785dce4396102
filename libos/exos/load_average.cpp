// SPDX-License-Identifier: MIT
#include "libos/exos/load_average.hpp"

namespace exos::load_average {

namespace {

constexpr std::uint64_t interval_ns = 5'000'000'000;
constexpr std::uint64_t one = std::uint64_t{1} << point_bits;
constexpr std::uint64_t kept[] = {1884, 2014, 2037};   // one * exp(-5 s / 1, 5, 15 min)
constexpr std::uint64_t forgotten = 2160;              // intervals, 3 hours, after which nothing is left of the longest

constinit std::array<std::uint64_t, 3> average{};
constinit std::uint64_t next_ns = interval_ns;

void add(std::uint64_t tasks) {
  for (std::size_t i = 0; i < average.size(); ++i) {
    const std::uint64_t wanted = tasks * one;
    // Upwards rounds up, so that a steady number is reached.
    average[i] = (average[i] * kept[i] + wanted * (one - kept[i]) + (wanted >= average[i] ? one - 1 : 0)) / one;
  }
}

}  // namespace

const std::array<std::uint64_t, 3>& averages() { return average; }

bool is_due(std::uint64_t now_ns) { return now_ns >= next_ns; }

void look(std::uint64_t now_ns, std::uint64_t tasks) {
  const std::uint64_t missed = (now_ns - next_ns) / interval_ns;
  for (std::uint64_t i = 0; i < std::min(missed, forgotten); ++i) add(0);
  add(tasks);
  next_ns += (missed + 1) * interval_ns;
}

}  // namespace exos::load_average
