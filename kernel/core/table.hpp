// SPDX-License-Identifier: MIT
// Capability tables: an index of leaves, each a frame of 64 slots that somebody pays for. Slot 0 stays empty for ever.
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/core/capability.hpp"

namespace aegis {

using Leaf = std::array<Slot, abi::slots_per_leaf>;
static_assert(sizeof(Leaf) == abi::page_size);

// An index below `limit` stays what it is, any other becomes 0, also while the processor runs ahead of the bounds
// check.
[[nodiscard]] inline std::uint64_t masked_index(std::uint64_t index, std::uint64_t limit) {
  asm("" : "+r"(index));  // else the compiler would know from the check before that there is nothing to mask
  const auto outside = static_cast<std::int64_t>(limit - 1 - index) >> 63;
  return index & ~static_cast<std::uint64_t>(outside);
}

struct Table {
  std::uint32_t envs = 0;       // that use it
  bool dying = false;
  std::uint32_t clean_leaf = 0; // destroy: leaves before this one are gone
  std::array<Leaf*, abi::direct_leaves> leaves{};

  [[nodiscard]] static Result<Table*> create(Kernel& k, Account& payer, FrameNumber where);
  [[nodiscard]] Status grow(Kernel& k, std::uint32_t leaf, Account& payer, FrameNumber where);
  // busy while an env uses it; `again` until every slot is empty.
  [[nodiscard]] Status destroy(Kernel& k, std::uint64_t& budget);

  // bad_slot for slot 0 and where there is no leaf.
  [[nodiscard]] Result<Slot*> at(abi::CapSlot slot);
};
static_assert(sizeof(Table) <= abi::page_size);

}  // namespace aegis
