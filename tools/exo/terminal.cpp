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

void Terminal::apply(const abi::link::Terminal& mode) {
  if (!before_) return;
  termios wanted = *before_;  // speeds stay
  wanted.c_iflag = mode.iflag;
  wanted.c_oflag = mode.oflag;
  wanted.c_cflag = (before_->c_cflag & CBAUD) | (mode.cflag & ~static_cast<tcflag_t>(CBAUD));
  wanted.c_lflag = mode.lflag;
  std::copy(std::begin(mode.cc), std::end(mode.cc), std::begin(wanted.c_cc));
  is_changed_ = true;
  ::tcsetattr(STDIN_FILENO, TCSADRAIN, &wanted);
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
