// SPDX-License-Identifier: MIT
#include "kernel/core/table.hpp"

namespace aegis {

Result<Table*> Table::create(Kernel& k, Account& payer, FrameNumber where) {
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::table));
  return new (arch::frame_memory(frame)) Table{};
}

Leaf** Table::leaf_entry(std::uint32_t leaf) {
  if (leaf < abi::direct_leaves) return &leaves[masked_index(leaf, abi::direct_leaves)];
  const std::uint64_t below = leaf - abi::direct_leaves;
  LeafIndex* index = indexes[masked_index(below / abi::leaves_per_index, abi::indexes_per_table)];
  return index != nullptr ? &(*index)[below % abi::leaves_per_index] : nullptr;
}

Status Table::grow(Kernel& k, std::uint32_t leaf, Account& payer, FrameNumber where) {
  if (leaf >= abi::leaves_per_table) return fail(Error::bad_argument);
  Leaf** entry = leaf_entry(leaf);
  if (entry != nullptr && *entry != nullptr) return fail(Error::occupied);
  const std::uint64_t frames_needed = entry != nullptr ? 1 : 2;
  if (payer.room_for_objects() < frames_needed) return fail(Error::over_limit);
  if (k.frames.free_count() < frames_needed) return fail(Error::no_frame);
  const FrameNumber frame = TRY(payer.allocate(k, where, FrameUse::table_leaf));
  // point of no return: the index frame may be any, and there is one
  k.frames[frame].aux = frame_index(this);
  k.frames[frame].maps = leaf;
  if (entry == nullptr) {
    const std::uint32_t index = (leaf - abi::direct_leaves) / abi::leaves_per_index;
    const auto made = payer.allocate(k, abi::any_frame, FrameUse::table_index);
    AEGIS_ASSERT(made.has_value());
    k.frames[*made].aux = frame_index(this);
    k.frames[*made].maps = abi::direct_leaves + index * abi::leaves_per_index;
    indexes[index] = new (arch::frame_memory(*made)) LeafIndex{};
    entry = leaf_entry(leaf);
  }
  *entry = new (arch::frame_memory(frame)) Leaf{};
  return {};
}

Result<Slot*> Table::at(abi::CapSlot slot) {
  if (slot == abi::no_slot || slot.raw() >= abi::slots_per_table) [[unlikely]] return fail(Error::bad_slot);
  const std::uint64_t number = masked_index(slot.raw(), abi::slots_per_table);
  Leaf** entry = leaf_entry(static_cast<std::uint32_t>(number / abi::slots_per_leaf));
  if (entry == nullptr || *entry == nullptr) [[unlikely]] return fail(Error::bad_slot);
  return &(**entry)[number % abi::slots_per_leaf];
}

Status Table::remove_leaf(Kernel& k, std::uint32_t leaf, std::uint64_t& budget) {
  Leaf** entry = leaf_entry(leaf);
  if (entry == nullptr || *entry == nullptr) return {};
  for (Slot& slot : **entry) {
    if (slot.empty()) continue;
    if (budget == 0) return fail(Error::again);
    TRY_VOID(drop(k, slot, budget));
  }
  spend(budget, 2);
  const FrameNumber frame = arch::frame_of(*entry);
  *entry = nullptr;
  k.frames[frame].maps = 0;
  release_frame(k, frame);
  return {};
}

Status Table::remove_index(Kernel& k, std::uint32_t index, std::uint64_t& budget) {
  LeafIndex* gone = indexes[index];
  if (gone == nullptr) return {};
  const std::uint32_t first = abi::direct_leaves + index * abi::leaves_per_index;
  for (std::uint32_t i = 0; i < abi::leaves_per_index; ++i)
    if ((*gone)[i] != nullptr) TRY_VOID(remove_leaf(k, first + i, budget));
  spend(budget, 16);
  indexes[index] = nullptr;
  const FrameNumber frame = arch::frame_of(gone);
  k.frames[frame].maps = 0;
  release_frame(k, frame);
  return {};
}

Status Table::destroy(Kernel& k, std::uint64_t& budget) {
  if (envs != 0) return fail(Error::busy);
  dying = true;
  for (std::uint32_t leaf = 0; leaf < abi::direct_leaves; ++leaf) TRY_VOID(remove_leaf(k, leaf, budget));
  for (std::uint32_t index = 0; index < abi::indexes_per_table; ++index) TRY_VOID(remove_index(k, index, budget));
  release_frame(k, arch::frame_of(this));
  return {};
}

}  // namespace aegis
