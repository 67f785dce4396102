// SPDX-License-Identifier: MIT
#include "kernel/core/table.hpp"

namespace aegis {

Result<Table*> Table::create(Kernel& k, Account& payer, FrameNumber where) {
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::table));
  return new (arch::frame_memory(frame)) Table{};
}

Status Table::grow(Kernel& k, std::uint32_t leaf, Account& payer, FrameNumber where) {
  if (leaf >= abi::direct_leaves) return fail(Error::bad_argument);
  if (leaves[leaf] != nullptr) return fail(Error::occupied);
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::table_leaf));
  k.frames[frame].aux = frame_index(this);
  leaves[leaf] = new (arch::frame_memory(frame)) Leaf{};
  return {};
}

Result<Slot*> Table::at(abi::CapSlot slot) {
  if (slot == abi::no_slot || slot.raw() >= abi::direct_leaves * abi::slots_per_leaf) [[unlikely]] return fail(Error::bad_slot);
  const std::uint64_t index = masked_index(slot.raw(), abi::direct_leaves * abi::slots_per_leaf);
  Leaf* leaf = leaves[index / abi::slots_per_leaf];
  if (leaf == nullptr) [[unlikely]] return fail(Error::bad_slot);
  return &(*leaf)[index % abi::slots_per_leaf];
}

Status Table::destroy(Kernel& k, std::uint64_t& budget) {
  if (envs != 0) return fail(Error::busy);
  dying = true;
  for (; clean_leaf < abi::direct_leaves; ++clean_leaf) {
    Leaf* leaf = leaves[clean_leaf];
    if (leaf == nullptr) continue;
    for (Slot& slot : *leaf) {
      if (slot.empty()) continue;
      if (budget == 0) return fail(Error::again);
      TRY_VOID(drop(k, slot, budget));
    }
    spend(budget, 1);
    leaves[clean_leaf] = nullptr;
    release_frame(k, arch::frame_of(leaf));
  }
  release_frame(k, arch::frame_of(this));
  return {};
}

}  // namespace aegis
