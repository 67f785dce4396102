// SPDX-License-Identifier: MIT
#include "exo/bench_progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

namespace exo {

Progress::Progress(std::ptrdiff_t steps) : all_{std::max<std::ptrdiff_t>(steps, 1)}, is_shown_{::isatty(STDERR_FILENO) != 0} {
  step(0);
}

Progress::~Progress() {
  if (is_shown_) std::fputs("\r\033[K", stderr);
}

void Progress::step(std::ptrdiff_t steps) {
  done_ = std::min(done_ + steps, all_);
  if (!is_shown_) return;
  constexpr std::ptrdiff_t width = 30;
  std::string bar(static_cast<std::size_t>(width), '.');
  std::fill_n(bar.begin(), done_ * width / all_, '#');
  const double passed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double left = done_ == 0 ? 0 : passed * static_cast<double>(all_ - done_) / static_cast<double>(done_);
  std::fprintf(stderr, "\r[%s] %3td %%", bar.c_str(), done_ * 100 / all_);
  if (done_ != 0) std::fprintf(stderr, ", %.0f s left ", left);
  std::fputs("\033[K", stderr);
}

}  // namespace exo
