// SPDX-License-Identifier: MIT
// What the process side's calls share.
#pragma once

#include "libos/exos/calls.hpp"
#include "libos/exos/task.hpp"

namespace exos {

// C ints: the upper half of the register means nothing.
[[nodiscard]] constexpr std::uint32_t as_u32(std::uint64_t argument) { return static_cast<std::uint32_t>(argument); }
[[nodiscard]] constexpr std::int32_t as_i32(std::uint64_t argument) { return static_cast<std::int32_t>(argument); }
[[nodiscard]] inline CallResult nothing(const Status& status) {
  if (!status) return Fail{status.error()};
  return 0;
}

}  // namespace exos
