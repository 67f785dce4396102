// SPDX-License-Identifier: MIT
// Time from the TSC, calibrated once against the PIT; one one-shot event per processor by its local APIC.
#pragma once

#include "kernel/arch/api.hpp"

namespace aegis::arch {

struct ClockParameters {  // ns = (rdtsc() - base) * mul >> shift
  std::uint64_t base, mul;
  static constexpr std::uint32_t shift = 32;
};
[[nodiscard]] const ClockParameters& clock_parameters();

void calibrate_clock(std::uint64_t boot_tsc);  // time 0 is the kernel's first instruction
void enable_timer();                           // on each processor
// The timer interrupt: true when the deadline has passed, otherwise the timer is set again (it reaches only so far).
[[nodiscard]] bool timer_expired();
void wait_ns(std::uint64_t ns);                // busy; for starting hardware only

}  // namespace aegis::arch
