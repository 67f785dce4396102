// SPDX-License-Identifier: MIT
#include "exo/panic.hpp"

#include <gtest/gtest.h>

#include <cstdio>

namespace exo {

// A function of this very program stands for the kernel's: it is not position-independent only in the kernel, so its
// address is made relative to the program's start.
extern "C" {
extern const char __ehdr_start;
[[gnu::noinline]] int named_for_the_panic_test(int value);
constexpr int its_line = __LINE__ + 1;
int named_for_the_panic_test(int value) { return value * 3 + 1; }
}

TEST(PanicReport, IsEmptyWithoutAPanic) { EXPECT_EQ(report_panic("aegis: all is well\n", "/proc/self/exe"), ""); }

TEST(PanicReport, NamesFunctionsAndLines) {
  const std::uint64_t address = reinterpret_cast<std::uint64_t>(&named_for_the_panic_test) -
                                reinterpret_cast<std::uint64_t>(&__ehdr_start);
  char log[300];
  std::snprintf(log, sizeof log, "before\naegis: PANIC: x at y:1, processor 0\r\n  #0 0x%016lx interrupted\n  #1 0x%016lx\nend",
                address, address + 1);
  const std::string report = report_panic(log, "/proc/self/exe");
  EXPECT_EQ(report.find("before"), std::string::npos);
  EXPECT_NE(report.find("end\n"), std::string::npos);
  const std::string want = "named_for_the_panic_test (tests/exo/panic_test.cpp:" + std::to_string(its_line) + ")";
  const std::size_t first = report.find(want);
  EXPECT_NE(first, std::string::npos) << report;
  EXPECT_NE(report.find(want, first + 1), std::string::npos) << report;
}

TEST(PanicReport, StrangeLinesAndKernelsDoNoHarm) {
  const char* log = "aegis: PANIC: x\n  #\n  #1\n  #2 0x\n  #3 0xzz\n  #4 0xffffffffffffffff\n";
  EXPECT_NE(report_panic(log, "/proc/self/exe").find("#4"), std::string::npos);
  EXPECT_NE(report_panic(log, "/nonexistent").find("#4"), std::string::npos);
}

}  // namespace exo
