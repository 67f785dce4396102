// SPDX-License-Identifier: MIT
#include "kernel/core/sweep.hpp"

#include "kernel/core/account.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/table.hpp"
#include "kernel/core/wait.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t frames_per_look = 1024;  // of a range, in a bitmap
constexpr std::uint64_t table_steps = 32;      // what looking through a page table costs

// Of an account capability: what the account and those below it own, for their capabilities lie below its own.
// Of a large mapping any frame counts: it is broken as a whole.
bool stands_for(Kernel& k, const Slot& slot, FrameNumber frame) {
  if (slot.kind != Kind::account) return frame.raw() >= slot.base && frame.raw() - slot.base < slot.count;
  const std::uint32_t owner = k.frames[frame].owner;
  return owner != 0 && object_at<Account>(owner).is_within(object_at<Account>(slot.object.frame));
}

// A frames capability needs no sweep when its frames are mapped by spaces of their owner alone, or not at all, and nobody
// waits for them.
bool anything_abroad(Kernel& k, const Slot& slot, std::uint64_t& budget) {
  if (slot.kind == Kind::account) return true;
  spend(budget, slot.count / entries_per_step);
  for (std::uint64_t f = slot.base; f < slot.base + slot.count; ++f) {
    const FrameInfo& info = k.frames[FrameNumber{f}];
    if ((info.flags & abi::frame_abroad) != 0 || is_watched(info)) return true;
  }
  return false;
}

// Takes the entries out that lead to frames of which goes(frame, the payer of the space) is true. The frames stay,
// though nothing maps them, for whoever cleans has plans for them.
template <typename F>
void clean_table(Kernel& k, std::uint32_t table, F goes) {
  auto& space = object_at<Space>(k.frames[table].aux);
  const std::uint32_t payer = k.frames[k.frames[table].aux].owner;
  auto* entries = reinterpret_cast<std::uint64_t*>(arch::frame_memory(FrameNumber{table}));
  PendingFlush pending{k, space};
  bool found = false;
  const bool maps_all = k.frames[table].level == 1;
  for (std::uint64_t i = 0; i < table_entries; ++i) {
    if (!is_present(entries[i]) || !(maps_all || is_large(entries[i]))) continue;
    const FrameNumber first = pte_frame(entries[i]);
    bool hit = false;
    for (FrameNumber f = first; !hit && f < first + (is_large(entries[i]) ? table_entries : 1); ++f) hit = goes(f, payer);
    if (!hit) continue;
    pending.removed(clear_entry(k, entries[i]) & ~abi::pte_owned, 0);
    found = true;
  }
  if (found) pending.everything();
}

Status clean_leaf(Kernel& k, Leaf& leaf, const Account* owner, std::uint64_t& budget) {
  for (Slot& slot : leaf) {
    if (slot.kind != Kind::frames || !slot.object) continue;
    spend(budget, slot.count / frames_per_look);
    const bool goes = owner != nullptr ? slot.object.frame == frame_index(owner)
                                       : k.frames.any_condemned(slot.base, slot.count);
    if (!goes) continue;
    if (budget == 0) return fail(Error::again);
    TRY_VOID(drop(k, slot, budget));
  }
  spend(budget, 2);
  return {};
}

}  // namespace

// Those who wait for something in the frames are told; who can still map them, or run the program, waits again.
static Status end_watches_of(Kernel& k, Slot& slot, std::uint64_t& budget) {
  return sweep_frames(k, slot.position, budget, [&](std::uint32_t f) -> Status {
    if (!is_watched(k.frames[f]) || !stands_for(k, slot, FrameNumber{f})) return {};
    return end_watches(k, FrameNumber{f}, abi::wait_revoked, budget);
  });
}

static Status sweep_mappings(Kernel& k, Slot& slot, std::uint64_t& budget) {
  return sweep_frames(k, slot.position, budget, [&](std::uint32_t f) -> Status {
    const FrameInfo& info = k.frames[f];
    if (info.use != FrameUse::page_table || info.level > 2 || info.maps == 0) return {};
    clean_table(k, f, [&](FrameNumber frame, std::uint32_t payer) {
      return k.frames[frame].owner != payer && stands_for(k, slot, frame);
    });
    spend(budget, table_steps);
    return {};
  });
}

Status break_foreign_bindings(Kernel& k, Slot& slot, std::uint64_t& budget) {
  if (slot.kind == Kind::program) return end_watches(k, FrameNumber{slot.object.frame}, abi::wait_revoked, budget);
  if (slot.sweep == Sweep::none) {
    if (!anything_abroad(k, slot, budget)) return {};
    slot.sweep = Sweep::mappings;
    slot.position = 0;
  }
  // Waits come second, for who still maps a frame could wait for it again.
  if (slot.sweep == Sweep::mappings) {
    TRY_VOID(sweep_mappings(k, slot, budget));
    slot.sweep = Sweep::watches;
    slot.position = 0;
  }
  if (k.watched != 0) TRY_VOID(end_watches_of(k, slot, budget));
  slot.sweep = Sweep::none;
  return {};
}

Status break_bindings_in(Kernel& k, std::uint32_t frame, const Account* owner, std::uint64_t& budget) {
  const FrameInfo& info = k.frames[frame];
  if (info.use == FrameUse::plain) {
    const bool goes = is_condemned(info) && (owner == nullptr || info.owner == frame_index(owner));
    return goes ? end_watches(k, FrameNumber{frame}, owner != nullptr ? abi::wait_ended : abi::wait_revoked, budget) : Status{};
  }
  if (info.use == FrameUse::table_leaf) return clean_leaf(k, object_at<Leaf>(frame), owner, budget);
  if (info.use != FrameUse::page_table || info.level > 2 || info.maps == 0) return {};
  clean_table(k, frame, [&](FrameNumber f, std::uint32_t) {
    return is_condemned(k.frames[f]) && (owner == nullptr || k.frames[f].owner == frame_index(owner));
  });
  spend(budget, table_steps);
  return {};
}

}  // namespace aegis
