// SPDX-License-Identifier: MIT
// The person's terminal, if standard input is one: its size, the mode that the guest asks for, and the old mode again.
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

  void apply(const abi::link::Terminal& mode);
  void restore();
  struct Size {
    std::uint16_t rows, columns;
  };
  [[nodiscard]] static std::optional<Size> size();

 private:
  std::optional<termios> before_;
  bool is_changed_ = false;
};

}  // namespace exo
