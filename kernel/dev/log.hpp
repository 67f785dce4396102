// SPDX-License-Identifier: MIT
// Lines for the kernel's log: text, decimal numbers, and Hex for addresses. No buffer, no allocation.
#pragma once

#include "kernel/arch/api.hpp"

namespace aegis::dev {

struct Hex {
  std::uint64_t value;
};
struct ShortHex {  // without leading zeros
  std::uint64_t value;
};

inline void log_one(std::string_view text) { arch::log_write(text); }
inline void log_one(Hex number) {
  std::array<char, 18> text{'0', 'x'};
  for (std::size_t i = 0; i < 16; ++i) text[2 + i] = "0123456789abcdef"[number.value >> (60 - 4 * i) & 15];
  arch::log_write({text.data(), text.size()});
}
inline void log_one(ShortHex number) {
  std::array<char, 18> text{'0', 'x'};
  std::size_t size = 2;
  for (int shift = number.value == 0 ? 0 : (63 - std::countl_zero(number.value)) / 4 * 4; shift >= 0; shift -= 4)
    text[size++] = "0123456789abcdef"[number.value >> shift & 15];
  arch::log_write({text.data(), size});
}
inline void log_one(std::unsigned_integral auto number) {
  std::array<char, 20> text{};
  std::size_t at = text.size();
  std::uint64_t rest = number;
  do {
    text[--at] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  } while (rest != 0);
  arch::log_write({text.data() + at, text.size() - at});
}

template <typename... Parts>
void log(const Parts&... parts) { (log_one(parts), ...); }

}  // namespace aegis::dev
