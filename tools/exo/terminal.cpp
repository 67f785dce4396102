// SPDX-License-Identifier: MIT
#include "exo/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

namespace exo {

Terminal::Terminal() {
  termios now{};
  if (::isatty(STDIN_FILENO) != 0 && ::tcgetattr(STDIN_FILENO, &now) == 0) before_ = now;
}

void Terminal::take_over() {
  if (!before_ || ::tcgetpgrp(STDIN_FILENO) != ::getpgrp()) return;
  now_ = *before_;
  const tcflag_t output = now_->c_oflag;
  ::cfmakeraw(&*now_);
  now_->c_oflag = output;
  is_changed_ = true;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*now_);
}

void Terminal::apply(const abi::link::Terminal& mode) {
  if (!now_) return;
  now_->c_oflag = mode.oflag;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*now_);
}

void Terminal::restore() {
  if (is_changed_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &*before_);
  is_changed_ = false;
}

std::optional<Terminal::Size> Terminal::size() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_row != 0) return Size{size.ws_row, size.ws_col};
  }
  return std::nullopt;
}

}  // namespace exo
