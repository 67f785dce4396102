// SPDX-License-Identifier: MIT
// Time without a call: the processor's counter and the figures of the information page.
#pragma once

#include "abi/info.hpp"

namespace rt {

[[nodiscard]] inline std::uint64_t read_tsc() {
  std::uint32_t low, high;
  asm volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
}

// `info` is the mapped information page.
class Clock {
 public:
  explicit constexpr Clock(const abi::SystemInfo& info) : info_{&info} {}

  // Nanoseconds at a counter value, on the scale that env_sleep's deadlines have.
  [[nodiscard]] abi::Nanoseconds at(std::uint64_t tsc) const {
    if (tsc < info_->tsc_base) return abi::Nanoseconds{0};
    const auto product = static_cast<unsigned __int128>(tsc - info_->tsc_base) * info_->tsc_mul;
    return abi::Nanoseconds{static_cast<std::uint64_t>(product >> info_->tsc_shift)};
  }
  [[nodiscard]] abi::Nanoseconds now() const { return at(read_tsc()); }
  // UTC nanoseconds since 1970.
  [[nodiscard]] std::uint64_t wall() const { return info_->wall_base_ns + now().raw(); }

 private:
  const abi::SystemInfo* info_;
};

}  // namespace rt
