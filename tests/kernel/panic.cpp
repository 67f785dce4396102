// SPDX-License-Identifier: MIT
// Runs on a kernel that panics when its tables are to be checked (panic.toml, kernel_fault.toml): what is looked at is what
// the kernel prints and `exo` makes of it.
#include "tests/kernel/insight.hpp"

using namespace guest;

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  must(call::trace_set(boot::machine, abi::trace_bit(abi::TraceEvent::call) | abi::trace_bit(abi::TraceEvent::idle)));
  sleep_ns(1'000'000);
  for (std::uint32_t i = 0; i < 20; ++i) static_cast<void>(call::cap_drop(CapSlot{0xd00 + i}));
  const std::string_view options{facts.command_line, facts.command_line_size};
  if (options.find("fault") != std::string_view::npos) must(call::trace_set(boot::machine, 0));
  static_cast<void>(call::machine_check(boot::machine));
  fail(here(), "the kernel went on");
  finish();
}
