// SPDX-License-Identifier: MIT
// Random numbers from the processor.
#pragma once

#include "base/std.hpp"

namespace rt {

// Empty when the generator gives nothing ten times running: broken, by the manual's word. [intel/vol1 7.3.17.1]
// Only where the information page has cpu_rdrand.
[[nodiscard]] inline std::optional<std::uint64_t> hardware_random() {
  for (int i = 0; i < 10; ++i) {
    std::uint64_t value;
    bool valid;
    asm volatile("rdrand %0" : "=r"(value), "=@ccc"(valid));
    if (valid) return value;
  }
  return std::nullopt;
}

}  // namespace rt
