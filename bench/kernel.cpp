// SPDX-License-Identifier: MIT
// What the kernel's operations cost, as a first env. `exo bench kernel` boots this and prints the table.
#include "bench/measure.hpp"

namespace bench {

constinit std::uint64_t intervals = 0;

void report(std::string_view key, std::uint64_t operations, const Batch& best) {
  const rt::Clock clock{system_info()};
  const std::uint64_t base = system_info().tsc_base;
  const std::uint64_t ns = clock.at(base + best.counter).raw() - clock.at(base).raw();
  rt::log("row {} {} {} {} {}", key, operations, best.counter, ns, best.interval);
}

void report_unsupported(std::string_view key) { rt::log("unsupported {}", key); }

Handling::Handling(rt::FaultHandler handler)
    : Entered{{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_fault_entry),
               .gs_base = reinterpret_cast<std::uint64_t>(&own_area())}} {
  rt::handle_faults(own_area(), handler);
}

Entered::Entered(const abi::EnvEntries& entries) { must(call::env_configure(abi::no_slot, &entries)); }
Entered::~Entered() {
  const abi::EnvEntries usual{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                              .gs_base = reinterpret_cast<std::uint64_t>(&own_area())};
  must(call::env_configure(abi::no_slot, &usual));
}

}  // namespace bench

std::uint64_t program(const guest::boot::Facts& facts) {
  guest::begin(facts);
  bench::measure("empty", 1, [] {}, [] {});  // what the measuring itself takes: the host subtracts it
  bench::calls();
  bench::memory();
  bench::control();
  bench::messages();
  bench::programs();
  bench::scaling();
  bench::schedulers();
  guest::finish();
}
