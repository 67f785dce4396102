// SPDX-License-Identifier: MIT
// struct rusage: what of it is counted.
#pragma once

#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {

struct UserUsage {
  Timeval user, system;
  std::int64_t largest_resident_kib, unused1[3], minor_faults, major_faults, unused2[6], waits, preemptions;
};
static_assert(sizeof(UserUsage) == 144);

[[nodiscard]] inline UserUsage to_user(const Usage& used) {
  const auto faults = static_cast<std::int64_t>(used.minor_faults);
  return {.user = to_timeval(used.cpu.user_ns), .system = to_timeval(used.cpu.system_ns),
          .largest_resident_kib = static_cast<std::int64_t>(used.largest_pages * 4),
          .minor_faults = faults, .major_faults = static_cast<std::int64_t>(used.major_faults),
          .waits = static_cast<std::int64_t>(used.waits), .preemptions = static_cast<std::int64_t>(used.preemptions)};
}

}  // namespace exos
