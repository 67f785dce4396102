// SPDX-License-Identifier: MIT
// Runs a function when the scope ends, unless told not to.
#pragma once

#include "base/std.hpp"

namespace base {

template <typename F>
class [[nodiscard]] Guard {
 public:
  explicit constexpr Guard(F f) : f_{std::move(f)} {}
  Guard(const Guard&) = delete;
  Guard& operator=(const Guard&) = delete;
  constexpr ~Guard() { if (armed_) f_(); }
  constexpr void disarm() { armed_ = false; }

 private:
  F f_;
  bool armed_ = true;
};

}  // namespace base
