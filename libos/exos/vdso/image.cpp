// SPDX-License-Identifier: MIT
// What programs find at AT_SYSINFO_EHDR: the time of day from the information page, without a call. It runs in the program,
// on the program's stack; it has no `syscall`, no data and no relocations. What it cannot tell it asks the library for.
#include "libos/exos/vdso/image.hpp"

#include "libos/exos/area.hpp"
#include "libos/exos/clock_values.hpp"
#include "libos/rt/clock.hpp"

namespace {

using exos::Timespec;
using exos::Timeval;

constexpr std::uint64_t call_clock_gettime = 228, call_clock_getres = 229;

template <std::size_t member>
std::uint64_t area_word() {
  std::uint64_t value;
  asm volatile("mov %%gs:%c1, %0" : "=r"(value) : "i"(exos::area_library + member));
  return value;
}

rt::Clock machine_clock() { return rt::Clock{*reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info)}; }

// A call as patched sites make it. Without TF, which would trap inside the library; a program that steps has it again behind
// the call. The interrupted places have their unwind rows, for a signal may come at each.
[[gnu::naked]] int call_library(std::uint64_t, void*, std::uint64_t) {
  asm volatile(
      "pushfq\n .cfi_adjust_cfa_offset 8\n"
      "pushfq\n .cfi_adjust_cfa_offset 8\n"
      "andq $~0x100, (%%rsp)\n"
      "popfq\n .cfi_adjust_cfa_offset -8\n"
      "mov %%rdx, %%rax\n"
      "lea 1f(%%rip), %%r11\n"
      "jmp *%%gs:%c[entry]\n"
      "1: popfq\n .cfi_adjust_cfa_offset -8\n"
      "ret\n"
      : : [entry] "i"(exos::area_library + offsetof(exos::TaskArea, call_entry)));
}

}  // namespace

#define EXPORTED extern "C" [[gnu::visibility("default"), gnu::used]]
EXPORTED int __vdso_clock_gettime(std::uint32_t which, Timespec* at) {
  if (exos::is_monotonic_clock(which)) *at = exos::to_timespec(machine_clock().now().raw());
  else if (exos::is_wall_clock(which)) *at = exos::to_timespec(machine_clock().wall());
  else return call_library(which, at, call_clock_gettime);
  return 0;
}

EXPORTED int __vdso_clock_getres(std::uint32_t which, Timespec* at) {
  if (!exos::is_monotonic_clock(which) && !exos::is_wall_clock(which)) return call_library(which, at, call_clock_getres);
  if (at != nullptr) *at = exos::clock_resolution(which);
  return 0;
}

EXPORTED int __vdso_gettimeofday(Timeval* at, std::uint64_t* zone) {
  if (at != nullptr) *at = exos::to_timeval(machine_clock().wall());
  if (zone != nullptr) *zone = 0;
  return 0;
}

EXPORTED std::int64_t __vdso_time(std::int64_t* at) {
  const std::int64_t seconds = exos::to_timespec(machine_clock().wall()).seconds;
  if (at != nullptr) *at = seconds;
  return seconds;
}

EXPORTED int __vdso_getcpu(std::uint32_t* processor, std::uint32_t* node, void*) {
  if (processor != nullptr)
    *processor = *reinterpret_cast<const std::uint32_t*>(area_word<offsetof(exos::TaskArea, processor)>() + exos::processor_index_at);
  if (node != nullptr) *node = 0;
  return 0;
}

// Linux has each under two names. (The headers declare the second otherwise.)
#define ALSO_AS(name) ".weak " #name "\n .type " #name ", @function\n .set " #name ", __vdso_" #name "\n"
asm(ALSO_AS(clock_gettime) ALSO_AS(clock_getres) ALSO_AS(gettimeofday) ALSO_AS(time) ALSO_AS(getcpu));
