// SPDX-License-Identifier: MIT
// Pages of programs on their way out: anonymous ones and the private copies of file pages. Pages of shared mappings are the
// file's matter (pager_files.cpp).
//
// A writable entry is the only one of its frame; one that is read-only may be shared after a fork. Those are gathered, and
// every space is asked for its entry at the same address; sharers then share the slot. One that moved the page (mremap)
// is not found: it keeps the frame, nothing is lost, only nothing is won.
#include "abi/container.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/task.hpp"

namespace exos::pager {

namespace {

struct Candidate {
  std::uint64_t address = 0;      // in the area
  std::uint64_t frame = 0;
  std::uint32_t slot = SwapSlots::none;
  bool wanted_elsewhere = false, zero = false, dropped = false;
};
constexpr std::size_t most_candidates = 128;
constinit std::array<Candidate, most_candidates> candidates;
constinit std::size_t candidate_count = 0;

std::uint64_t frame_of(std::uint64_t entry) { return (entry & abi::pte_frame_mask) >> abi::page_bits; }

bool is_zero(std::uint64_t va) {
  const auto* word = reinterpret_cast<const std::uint64_t*>(va);
  for (std::size_t i = 0; i < abi::page_size / sizeof *word; ++i)
    if (word[i] != 0) return false;
  return true;
}

// A page that comes again as it was: zero, and not one that a userfaultfd's reader would be asked for.
bool is_forgettable(const Vma& area, std::uint64_t va) { return !area.inode && area.userfault == nullptr && is_zero(va); }
bool is_guarded(std::uint64_t entry) { return (entry & pte_guarded) != 0; }

// Somebody has a userfaultfd: whether a page that several share may be forgotten is then not looked at one by one.
bool has_userfaults() {
  for (const Memory& memory : all_memories())
    if (!memory.references.empty()) return true;
  return false;
}

bool is_own_page(std::uint64_t entry) { return (entry & pte_file) == 0 && (entry & abi::pte_owned) != 0; }

// Where the page that the area has at `address` is mapped just now.
std::uint64_t place_of(const Vma& area, std::uint64_t address) {
  return area.parked == 0 ? address : area.parked + (address - area.start);
}

// The current space's entry for the page, if the area there is one whose pages leave by this file.
std::uint64_t entry_at(Memory& memory, std::uint64_t address, std::uint64_t& place) {
  const Vma* area = memory.find(address);
  if (area == nullptr || area->stubs || (area->flags & map_shared) != 0) return 0;
  place = place_of(*area, address);
  const std::uint64_t entry = rt::own_entry(place);
  return is_own_page(entry) ? entry : 0;
}

void unmap_page(Memory& memory, std::uint64_t va) {
  if (!memory.space.unmap(va, 1)) __builtin_trap();   // it was there a moment ago
  if (memory.resident != 0) --memory.resident;
}

// The entry anew, without the bit that says that it was used.
abi::SpaceOp forget_use_op(std::uint64_t va, std::uint64_t entry) {
  const std::uint32_t flags = abi::map_read | abi::map_replace | kept_flags(entry) |
                              ((entry & abi::pte_write) != 0 ? abi::map_write : 0) |
                              ((entry & abi::pte_no_execute) == 0 ? abi::map_execute : 0);
  return rt::map_op(va, abi::FrameNumber{frame_of(entry)}, 1, flags, own::account.slot());
}

bool is_only_one() {
  std::size_t count = 0;
  for ([[maybe_unused]] const Memory& memory : all_memories())
    if (++count > 1) return false;
  return true;
}

class MemorySweep {
 public:
  MemorySweep(Memory& memory, Sweep& sweep, Visitor& visitor)
      : memory_{memory}, sweep_{sweep}, visitor_{visitor}, watched_{sched::runs_elsewhere(memory)} {}

  bool run(Hand& hand) {
    visitor_.go(memory_.space);
    candidate_count = 0;
    const bool alone = is_only_one();
    bool stopped = false;
    for (std::size_t i = memory_.index_of(hand.address); i < memory_.areas.size() && !stopped; ++i) {
      Vma& area = *memory_.areas[i];
      if (area.stubs || (area.flags & map_shared) != 0) continue;
      const std::uint64_t from = std::max(area.start, hand.address), place = place_of(area, from);
      for_each_present(place, place_of(area, area.start) + (area.end - area.start), [&](std::uint64_t va, std::uint64_t entry) {
        const std::uint64_t address = va - place + from;
        hand.address = address + abi::page_size;
        look_at(area, address, va, entry, alone);
        stopped = sweep_.freed + candidate_count >= sweep_.wanted || candidate_count == most_candidates;
        return !stopped;
      });
      if (!stopped) hand.address = area.end;
    }
    flush_spared();
    settle();
    return !stopped;
  }

 private:
  void look_at(Vma& area, std::uint64_t address, std::uint64_t va, std::uint64_t entry, bool alone) {
    if (!is_own_page(entry)) return;
    const PageFacts facts{.accessed = (entry & abi::pte_accessed) != 0, .dirty = true, .parked = area.parked != 0,
                          .locked = (area.flags & vma_locked) != 0, .round = sweep_.round, .frame = frame_of(entry)};
    const Verdict verdict = sweep_.policy.judge(facts);
    if (verdict == Verdict::keep) return;
    if (verdict == Verdict::spare) return spare(area, va, entry);
    if ((entry & abi::pte_write) == 0 && !alone) {
      candidates[candidate_count++] = {.address = address, .frame = frame_of(entry)};
      return;
    }
    take(area, address, va, entry);
  }

  void spare(Vma& area, std::uint64_t va, std::uint64_t entry) {
    if (spared_count_ == spared_.size()) flush_spared();
    spared_[spared_count_++] = forget_use_op(va, entry);
    area.untouched_count = true;
  }
  void flush_spared() {
    if (spared_count_ != 0) static_cast<void>(memory_.space.update(std::span{spared_}.first(spared_count_)));
    spared_count_ = 0;
  }

  // The only entry of its frame. Who would write to it from here on waits for the lock.
  void take(const Vma& area, std::uint64_t address, std::uint64_t va, std::uint64_t entry) {
    if (watched_ && (entry & abi::pte_write) != 0) {
      const std::uint32_t flags = abi::map_read | kept_flags(entry) | ((entry & abi::pte_no_execute) == 0 ? abi::map_execute : 0);
      if (!memory_.space.protect(va, 1, flags)) return;
    }
    if (is_forgettable(area, va)) {
      unmap_page(memory_, va);
      ++sweep_.freed;
      ++counters_to_change().dropped;
      return;
    }
    const std::uint32_t slot = swap::write(reinterpret_cast<const void*>(va));
    if (slot == SwapSlots::none) return;
    const bool guarded = is_guarded(entry);
    if (swap::insert(memory_, address, slot, guarded) || (swap::entries_ready(1) && swap::insert(memory_, address, slot, guarded))) {
      unmap_page(memory_, va);
      ++sweep_.freed;
      ++counters_to_change().out;
      return;
    }
    // No memory even for that: the page's own frame becomes the books'.
    std::byte* const place = swap::entries_place();
    if (place == nullptr || !adopt_frame(place, abi::FrameNumber{frame_of(entry)})) return swap::drop(slot);
    unmap_page(memory_, va);
    std::memset(place, 0, abi::page_size);
    swap::add_entries(place);
    if (!swap::insert(memory_, address, slot, guarded)) __builtin_trap();
    ++counters_to_change().out;
  }

  // --- pages that may be shared ---------------------------------------------------------------------------------------
  void settle() {
    if (candidate_count == 0) return;
    for (Memory& other : all_memories())
      if (&other != &memory_) look_for_use(other);
    visitor_.go(memory_.space);
    for (std::size_t i = 0; i < candidate_count; ++i) copy_out_shared(candidates[i]);
    for (Memory& each : all_memories()) drop_shared(each);
    visitor_.go(memory_.space);
    for (std::size_t i = 0; i < candidate_count; ++i) count_shared(candidates[i]);
    candidate_count = 0;
  }

  // Who used one of the pages lately keeps it for all, and has the next time to use it again.
  void look_for_use(Memory& other) {
    visitor_.go(other.space);
    for (std::size_t i = 0; i < candidate_count; ++i) {
      Candidate& page = candidates[i];
      std::uint64_t place = 0;
      const std::uint64_t entry = entry_at(other, page.address, place);
      if (entry == 0 || frame_of(entry) != page.frame) continue;
      const bool accessed = (entry & abi::pte_accessed) != 0, locked = (other.find(page.address)->flags & vma_locked) != 0;
      if (!accessed && !locked) continue;
      const PageFacts facts{.accessed = accessed, .dirty = true, .parked = false, .locked = locked, .round = sweep_.round,
                            .frame = page.frame};
      if (sweep_.policy.judge(facts) == Verdict::take) continue;
      page.wanted_elsewhere = true;
      other.find(page.address)->untouched_count = true;
      static_cast<void>(other.space.update(std::array{forget_use_op(place, entry)}));
    }
  }

  void copy_out_shared(Candidate& page) {
    std::uint64_t place = 0;
    if (page.wanted_elsewhere || entry_at(memory_, page.address, place) == 0) return;
    page.zero = !has_userfaults() && is_forgettable(*memory_.find(page.address), place);
    if (!page.zero) page.slot = swap::write(reinterpret_cast<const void*>(place));
  }

  void drop_shared(Memory& each) {
    bool visited = false;
    for (std::size_t i = 0; i < candidate_count; ++i) {
      Candidate& page = candidates[i];
      if (!page.zero && page.slot == SwapSlots::none) continue;
      if (!std::exchange(visited, true)) visitor_.go(each.space);
      std::uint64_t place = 0;
      const std::uint64_t entry = entry_at(each, page.address, place);
      if (entry == 0 || frame_of(entry) != page.frame) continue;
      if (!page.zero && !keep_in_slot(each, page, is_guarded(entry))) continue;   // it keeps the frame
      unmap_page(each, place);
      page.dropped = true;
    }
  }

  // The slot was counted once when it was written; that count is given back in the end.
  static bool keep_in_slot(Memory& each, const Candidate& page, bool guarded) {
    if (!swap::entries_ready(1) || !swap::share(page.slot)) return false;
    if (swap::insert(each, page.address, page.slot, guarded)) return true;
    swap::drop(page.slot);
    return false;
  }

  void count_shared(const Candidate& page) {
    if (page.slot != SwapSlots::none) swap::drop(page.slot);
    if (!page.dropped) return;
    ++sweep_.freed;
    page.zero ? ++counters_to_change().dropped : ++counters_to_change().out;
  }

  Memory& memory_;
  Sweep& sweep_;
  Visitor& visitor_;
  const bool watched_;      // threads on other processors may write to the pages meanwhile
  std::array<abi::SpaceOp, 32> spared_;
  std::size_t spared_count_ = 0;
};

}  // namespace

Visitor::Visitor() {
  const Task* task = current_or_null();
  if (task == nullptr) home_ = own::space;
  else if (task->process != nullptr && task->process->memory) home_ = task->process->memory->space;
  else home_ = task->dead_memory ? Place{task->dead_memory->space} : own::space;
  at_ = home_;
}

void Visitor::go(Place space) {
  if (space.slot() == at_.slot()) return;
  if (!space.enter()) __builtin_trap();   // all of them are the container's
  at_ = space;
}

std::uint64_t own_pages(Memory& memory, Visitor& visitor) {
  visitor.go(memory.space);
  std::uint64_t pages = 0;
  for (const Vma* area : memory.areas) {
    if (area->stubs || (area->flags & map_shared) != 0) continue;
    const std::uint64_t start = place_of(*area, area->start);
    for_each_present(start, start + (area->end - area->start), [&](std::uint64_t, std::uint64_t entry) {
      if (is_own_page(entry)) ++pages;
      return true;
    });
  }
  return pages;
}

bool sweep_memory(Memory& memory, Hand& hand, Sweep& sweep, Visitor& visitor) {
  return MemorySweep{memory, sweep, visitor}.run(hand);
}

}  // namespace exos::pager
