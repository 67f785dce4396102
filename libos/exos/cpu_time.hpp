// SPDX-License-Identifier: MIT
// Time on processors, and how it is split between a program and the library. The sum is exact. The split is by sampling, as
// Linux' own with ticks: the ends of slices, 100 a second, find one of the two running, and that costs a call nothing.
#pragma once

#include "base/std.hpp"

namespace exos {

// What is told to programs: "user" and "system".
struct CpuSplit {
  std::uint64_t user_ns = 0, system_ns = 0;
  [[nodiscard]] std::uint64_t sum() const { return user_ns + system_ns; }
  CpuSplit& operator+=(const CpuSplit& more) {
    user_ns += more.user_ns;
    system_ns += more.system_ns;
    return *this;
  }
};

struct CpuTime {
  std::uint64_t ns = 0;
  std::uint64_t program_ends = 0, library_ends = 0;   // of slices
  CpuTime& operator+=(const CpuTime& more) {
    ns += more.ns;
    program_ends += more.program_ends;
    library_ends += more.library_ends;
    return *this;
  }
};

// The sum in the proportion of the ends; all of it the program's while there were none in the library. Neither part is less
// than was told before, which is what `told` is for.
[[nodiscard]] CpuSplit split(const CpuTime& time, CpuSplit& told);

// What a process or a task has used (getrusage).
struct Usage {
  CpuSplit cpu;
  std::uint64_t minor_faults = 0, major_faults = 0;
  std::uint64_t waits = 0, preemptions = 0;           // the processor was given up, or taken
  std::uint64_t largest_pages = 0;                    // resident at once; with children: of the largest
  Usage& operator+=(const Usage& more) {
    cpu += more.cpu;
    minor_faults += more.minor_faults;
    major_faults += more.major_faults;
    waits += more.waits;
    preemptions += more.preemptions;
    largest_pages = std::max(largest_pages, more.largest_pages);
    return *this;
  }
};

}  // namespace exos
