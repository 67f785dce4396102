// SPDX-License-Identifier: MIT
// How much memory a process has: what /proc, rusage and the limit on locked memory count. What is in frames is read from the page
// tables when somebody asks; in between Memory::resident follows it nearly, so that the most is known when some of it goes.
#pragma once

#include "libos/exos/memory.hpp"

namespace exos {

struct Process;

// Pages in frames: the process's own, those of files, those of shared memory without a name.
struct ResidentPages {
  std::uint64_t anonymous = 0, file = 0, shared = 0;
  [[nodiscard]] std::uint64_t sum() const { return anonymous + file + shared; }
};
[[nodiscard]] ResidentPages resident_pages(Memory& memory);   // the caller goes through the space, and back

// Pages of areas, in memory or not, as Linux sorts them. [proc(5), /proc/PID/status]
struct AreaPages {
  std::uint64_t total = 0, locked = 0;
  std::uint64_t data = 0, stack = 0;       // private and writable; the growing stack
  std::uint64_t program = 0, library = 0;  // code: of the executable, and of everything else
};
[[nodiscard]] AreaPages area_pages(const Memory& memory);
[[nodiscard]] std::uint64_t locked_pages(const Memory& memory, std::uint64_t start, std::uint64_t end);   // of areas under mlock

// Whether the calling process may lock so many pages more: RLIMIT_MEMLOCK, which does not bind root. With a limit of 0 not
// even none. [man mlock(2)]
[[nodiscard]] bool may_lock(std::uint64_t pages);
[[nodiscard]] bool may_map(std::uint64_t pages);    // as many more of addresses, by RLIMIT_AS of the current process

// The most until now, now included.
const PeakPages& note_peak(Memory& memory);
// Before pages of the current space go; `first` is the first area that ends behind `start`.
void note_leaving(Memory& memory, std::size_t first, std::uint64_t start, std::uint64_t end);
void note_largest(Process& process);   // for Process::largest_pages: of what the process has now

}  // namespace exos
