// SPDX-License-Identifier: MIT
// A line on a terminal that says how far a measurement is and how long it will take yet; nothing when standard error is
// none.
#pragma once

#include <chrono>
#include <cstddef>

namespace exo {

inline constexpr std::ptrdiff_t linux_weight = 20;  // a guest of Linux beside a row on ExOS, roughly

class Progress {
 public:
  explicit Progress(std::ptrdiff_t steps);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // takes the line away
  void step(std::ptrdiff_t steps);

 private:
  using Clock = std::chrono::steady_clock;
  const std::ptrdiff_t all_;
  std::ptrdiff_t done_ = 0;
  const bool is_shown_;
  const Clock::time_point start_ = Clock::now();
};

}  // namespace exo
