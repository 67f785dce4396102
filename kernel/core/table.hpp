// SPDX-License-Identifier: MIT
// Capability tables: leaves of 64 slots, each a frame that somebody pays for. The table's own frame points to the first
// of them, index frames to the others, so a look-up is at most one load longer. Slot 0 stays empty for ever. In the
// frame table a leaf's `aux` is its table and `maps` its number; of an index frame likewise, the number of its first leaf.
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

using LeafIndex = std::array<Leaf*, abi::leaves_per_index>;
static_assert(sizeof(LeafIndex) == abi::page_size);

struct Table {
  std::uint32_t envs = 0;       // that use it
  bool dying = false;
  std::array<Leaf*, abi::direct_leaves> leaves{};
  std::array<LeafIndex*, abi::indexes_per_table> indexes{};

  [[nodiscard]] static Result<Table*> create(Kernel& k, Account& payer, FrameNumber where);
  [[nodiscard]] Status grow(Kernel& k, std::uint32_t leaf, Account& payer, FrameNumber where);
  // busy while an env uses it; `again` until every slot is empty.
  [[nodiscard]] Status destroy(Kernel& k, std::uint64_t& budget);

  // Empties a leaf, or all leaves below an index frame, and gives the frames back to who paid for them.
  [[nodiscard]] Status remove_leaf(Kernel& k, std::uint32_t leaf, std::uint64_t& budget);
  [[nodiscard]] Status remove_index(Kernel& k, std::uint32_t index, std::uint64_t& budget);

  [[nodiscard]] const Leaf* direct_leaf(std::uint64_t leaf) const { return leaves.data()[leaf]; }  // null where there is none
  // bad_slot for slot 0 and where there is no leaf.
  [[nodiscard]] Result<Slot*> at(abi::CapSlot slot);

 private:
  [[nodiscard]] Leaf** leaf_entry(std::uint32_t leaf);  // null when its index frame is not there
};
static_assert(sizeof(Table) <= abi::page_size);

}  // namespace aegis
