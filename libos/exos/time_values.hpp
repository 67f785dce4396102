// SPDX-License-Identifier: MIT
// timespec and timeval of programs, and nanoseconds.
#pragma once

#include "libos/exos/file.hpp"
#include "libos/exos/user_memory.hpp"
#include "libos/exos/wait.hpp"

namespace exos {

// EINVAL for what Linux calls invalid; saturates.
[[nodiscard]] constexpr Result<std::uint64_t> to_ns(const Timespec& t) {
  if (t.seconds < 0 || t.nanoseconds < 0 || t.nanoseconds >= static_cast<std::int64_t>(ns_per_second)) return Fail{Errno::inval};
  if (t.seconds > 9'000'000'000) return ~std::uint64_t{0} >> 1;
  return static_cast<std::uint64_t>(t.seconds) * ns_per_second + static_cast<std::uint64_t>(t.nanoseconds);
}
[[nodiscard]] constexpr Result<std::uint64_t> to_ns(const Timeval& t) {
  if (t.microseconds < 0 || t.microseconds >= 1'000'000) return Fail{Errno::inval};
  return to_ns(Timespec{t.seconds, t.microseconds * 1000});
}
// A deadline `ns` from now; forever when that is beyond the clock's end.
[[nodiscard]] inline abi::Nanoseconds deadline_in(std::uint64_t ns) {
  const std::uint64_t time = now().raw();
  return ns >= ~std::uint64_t{0} - time ? abi::forever : abi::Nanoseconds{time + ns};
}
// A deadline at a time of day.
[[nodiscard]] inline abi::Nanoseconds deadline_at_wall(std::uint64_t wall_ns) {
  const std::uint64_t wall = wall_now_ns();
  return wall_ns <= wall ? now() : deadline_in(wall_ns - wall);
}

}  // namespace exos
