// SPDX-License-Identifier: MIT
// The person's terminal, if standard input is one. While the guest runs it passes on each byte as it is typed, for the guest
// edits lines, echoes and makes signals; what is done to output follows the guest's mode. At the end it is as it was.
#pragma once

#include <termios.h>

#include <optional>
#include <utility>

#include "abi/link.hpp"

namespace exo {

class Terminal {
 public:
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal() { restore(); }

  void take_over();   // unless we are in the background
  void apply(const abi::link::Terminal& mode);
  void restore();
  [[nodiscard]] bool is_taken() const { return now_.has_value(); }
  struct Size {
    std::uint16_t rows, columns;
  };
  [[nodiscard]] static std::optional<Size> size();

 private:
  std::optional<termios> before_, now_;
  bool is_changed_ = false;
};

}  // namespace exo
