// SPDX-License-Identifier: MIT
// Linux' clocks and times, for the library and for its vDSO (vdso/), which is another program.
#pragma once

#include "base/std.hpp"

namespace exos {

inline constexpr std::uint64_t ns_per_second = 1'000'000'000;
struct Timespec { std::int64_t seconds, nanoseconds; };
struct Timeval { std::int64_t seconds, microseconds; };

[[nodiscard]] constexpr Timespec to_timespec(std::uint64_t ns) {
  return {static_cast<std::int64_t>(ns / ns_per_second), static_cast<std::int64_t>(ns % ns_per_second)};
}
[[nodiscard]] constexpr Timeval to_timeval(std::uint64_t ns) {
  return {static_cast<std::int64_t>(ns / ns_per_second), static_cast<std::int64_t>(ns % ns_per_second / 1000)};
}

// CLOCK_*
namespace clock_id {
inline constexpr std::uint32_t realtime = 0, monotonic = 1, process_time = 2, thread_time = 3, monotonic_raw = 4, realtime_coarse = 5,
                               monotonic_coarse = 6, boottime = 7, realtime_alarm = 8, boottime_alarm = 9, tai = 11;
}
namespace detail {
[[nodiscard]] constexpr bool is_among(std::uint32_t clock, std::uint32_t set) { return clock < 32 && (set >> clock & 1) != 0; }
}
// Those that the information page alone tells, without the alarm clocks.
[[nodiscard]] constexpr bool is_wall_clock(std::uint32_t clock) {
  return detail::is_among(clock, 1u << clock_id::realtime | 1u << clock_id::realtime_coarse | 1u << clock_id::tai);
}
[[nodiscard]] constexpr bool is_monotonic_clock(std::uint32_t clock) {
  return detail::is_among(clock, 1u << clock_id::monotonic | 1u << clock_id::monotonic_raw | 1u << clock_id::monotonic_coarse |
                                     1u << clock_id::boottime);
}
// As Linux says; here the coarse ones are as fine as the others.
[[nodiscard]] constexpr Timespec clock_resolution(std::uint32_t clock) {
  return {0, clock == clock_id::realtime_coarse || clock == clock_id::monotonic_coarse ? 4'000'000 : 1};
}

}  // namespace exos
