// SPDX-License-Identifier: MIT
// Counts everything again from nothing and compares with what the kernel believes: ownership, accounts, the derivation
// tree, page tables and what they map, pins, references, leaves, views, sleepers, slices, processors. Only kernels built
// for tests, and the host, link check.cpp; the others link no_check.cpp, which answers `unsupported`. Needs no memory of
// its own but `recount_size` bytes a frame that the boot sets aside, and changes nothing.
#pragma once

#include "kernel/core/kernel.hpp"

namespace aegis {

// Hears of each violation: what is wrong, and the frame (or position, or processor) where.
struct CheckSink {
  void (*report)(void* context, std::string_view what, std::uint64_t where);
  void* context;
};

extern const std::uint64_t recount_size;

// The number of violations. Takes long, with the lock held: it goes through every table of the machine.
[[nodiscard]] Result<std::uint64_t> check_tables(Kernel& k, const CheckSink& sink);

}  // namespace aegis
