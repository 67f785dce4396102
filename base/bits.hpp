// SPDX-License-Identifier: MIT
// Alignment and overflow-checked arithmetic.
#pragma once

#include "base/std.hpp"

namespace base {

inline constexpr std::uint64_t page_bits = 12;
inline constexpr std::uint64_t page_size = std::uint64_t{1} << page_bits;

template <std::unsigned_integral T>
[[nodiscard]] constexpr T align_down(T value, T alignment) { return value & ~(alignment - 1); }
template <std::unsigned_integral T>
[[nodiscard]] constexpr T align_up(T value, T alignment) { return align_down<T>(value + alignment - 1, alignment); }
template <std::unsigned_integral T>
[[nodiscard]] constexpr bool is_aligned(T value, T alignment) { return (value & (alignment - 1)) == 0; }
[[nodiscard]] constexpr std::uint64_t pages_for(std::uint64_t bytes) { return (bytes + page_size - 1) / page_size; }

// True when [start, start + count) does not wrap and ends at or below `limit`.
[[nodiscard]] constexpr bool range_within(std::uint64_t start, std::uint64_t count, std::uint64_t limit) {
  return start <= limit && count <= limit - start;
}

}  // namespace base
