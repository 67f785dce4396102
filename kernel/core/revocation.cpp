// SPDX-License-Identifier: MIT
#include "kernel/core/revocation.hpp"

#include "kernel/core/account.hpp"
#include "kernel/core/space.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t table_steps = 8;       // what looking through a page table costs
constexpr std::uint64_t entries_per_step = 64; // of the frame table

// For any of the frames that the entry maps: a large mapping is broken as a whole.
bool stands_for(Kernel& k, const Slot& slot, std::uint64_t entry) {
  const FrameNumber first = pte_frame(entry);
  const std::uint64_t count = is_large(entry) ? table_entries : 1;
  if (slot.kind != Kind::account) return first.raw() < slot.base + slot.count && slot.base < first.raw() + count;
  for (FrameNumber f = first; f < first + count; ++f)
    if (k.frames[f].owner == slot.object.frame) return true;
  return false;
}

// A frames capability that nobody maps under needs no sweep.
bool anything_mapped(Kernel& k, const Slot& slot, std::uint64_t& budget) {
  if (slot.kind == Kind::account) return true;
  spend(budget, slot.count / entries_per_step);
  for (std::uint64_t f = slot.base; f < slot.base + slot.count; ++f)
    if (k.frames[FrameNumber{f}].maps != 0) return true;
  return false;
}

void clean_table(Kernel& k, const Slot& slot, std::uint32_t table) {
  auto& space = object_at<Space>(k.frames[table].aux);
  auto* entries = reinterpret_cast<std::uint64_t*>(arch::frame_memory(FrameNumber{table}));
  PendingFlush pending{k, space};
  const bool maps_all = k.frames[table].level == 1;
  for (std::uint64_t i = 0; i < table_entries; ++i)
    if (is_present(entries[i]) && (maps_all || is_large(entries[i])) && stands_for(k, slot, entries[i]))
      pending.removed(clear_entry(k, entries[i]), 0);
  pending.everything();
}

}  // namespace

Status break_foreign_mappings(Kernel& k, Slot& slot, std::uint64_t& budget) {
  if (!slot.sweeping) {
    if (!anything_mapped(k, slot, budget)) return {};
    slot.sweeping = true;
    slot.position = 0;
  }
  for (std::uint64_t i = 0; slot.position < k.frames.count(); ++slot.position, ++i) {
    if (budget == 0) return fail(Error::again);
    if (i % entries_per_step == 0) --budget;
    const FrameInfo& info = k.frames[slot.position];
    if (info.use != FrameUse::page_table || info.level > 2 || info.maps == 0) continue;
    if (k.frames[info.aux].owner == slot.object.frame) continue;
    clean_table(k, slot, slot.position);
    spend(budget, table_steps);
  }
  slot.sweeping = false;
  return {};
}

}  // namespace aegis
