// SPDX-License-Identifier: MIT
// How a row is measured: batches of equal work between two marks, warm; the batch that took least counts, so that a
// timer interrupt in one of them does not. Under -icount the counter counts instructions, and all of it repeats
// exactly. A line of the log for each: `row KEY OPERATIONS COUNTER NANOSECONDS INTERVAL`; the interval is the batch's
// number among all marked ones, by which the host finds the shares of the rings (bench/rings.cpp). A row KEY@N is KEY at one place of its
// curve.
#pragma once

#include "tests/kernel/domain.hpp"

namespace bench {

using namespace guest;

inline constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

[[gnu::always_inline]] inline void mark_begin() {
  asm volatile(".byte 0x0f, 0x1f, 0x80, 0x01, 0x0b, 0xe6, 0x4a" ::: "memory");
}
[[gnu::always_inline]] inline void mark_end() {
  asm volatile(".byte 0x0f, 0x1f, 0x80, 0x02, 0x0b, 0xe6, 0x4a" ::: "memory");
}

struct Batch {
  std::uint64_t counter = ~std::uint64_t{0};
  std::uint64_t interval = 0;
};
extern std::uint64_t intervals;  // marked so far

void report(std::string_view key, std::uint64_t operations, const Batch& best);
void report_unsupported(std::string_view key);

inline constexpr int warm_up = 2, batches = 5;

// `prepare` runs before each batch and is not measured; `work` does `operations` operations.
template <typename Prepare, typename Work>
void measure(std::string_view key, std::uint64_t operations, Prepare prepare, Work work) {
  Batch best;
  for (int i = 0; i < warm_up + batches; ++i) {
    prepare();
    mark_begin();
    const std::uint64_t start = rt::read_tsc();
    work();
    const std::uint64_t end = rt::read_tsc();
    mark_end();
    if (i >= warm_up && end - start < best.counter) best = {end - start, intervals};
    ++intervals;
  }
  report(key, operations, best);
}

// The same operation so often; the loop itself is two instructions.
template <typename Operation>
[[gnu::always_inline]] inline void repeat(std::uint64_t times, Operation operation) {
  for (std::uint64_t i = times; i != 0; --i) {
    asm volatile("" : "+r"(i));
    operation();
  }
}
template <typename Operation>
void measure_each(std::string_view key, std::uint64_t operations, Operation operation) {
  measure(key, operations, [] {}, [&] { repeat(operations, operation); });
}

// While it lives the own env has these entries.
class Entered {
 public:
  explicit Entered(const abi::EnvEntries& entries);
  ~Entered();
  Entered(const Entered&) = delete;
  Entered& operator=(const Entered&) = delete;
};

// While it lives the own env's page faults go to `handler`, entered by libos/rt.
class Handling : Entered {
 public:
  explicit Handling(rt::FaultHandler handler);
};

// The rows of each file.
void calls();
void memory();
void control();
void messages();
void programs();
void scaling();
void schedulers();

}  // namespace bench
