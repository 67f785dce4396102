// SPDX-License-Identifier: MIT
// Pages of memory files on their way out. Who maps one loses the mapping first and comes again by a fault, so the page's
// mark "used" says whether anybody, program or library, has come to it since the hand last passed.
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/swap.hpp"

namespace exos {

namespace {

constexpr std::size_t most_pins = 8;   // copies do not block, so they are nested at most
constinit std::array<const std::byte*, most_pins> pins{};
constinit std::size_t pin_count = 0;

}  // namespace

PagePin::PagePin(const std::byte* page) {
  if (pin_count >= most_pins) __builtin_trap();
  pins[pin_count++] = page;
}
PagePin::~PagePin() { --pin_count; }
bool PagePin::holds(const std::byte* page) { return std::find(pins.begin(), pins.begin() + pin_count, page) != pins.begin() + pin_count; }

class FileSweep {
 public:
  FileSweep(MemoryFile& file, pager::Sweep& sweep) : file_{file}, sweep_{sweep} {}

  bool run(pager::Hand& hand) {
    PageTree& pages = file_.pages_;
    for (;;) {
      const std::uint64_t index = pages.next_present(hand.index);
      if (index == PageTree::no_page) return true;
      if (sweep_.done()) return false;
      hand.index = index + 1;
      const std::byte* page = pages.page_in_memory(index);
      if (page != nullptr && !PagePin::holds(page)) look_at(pages, index, page);
    }
  }

 private:
  [[nodiscard]] bool is_locked(std::uint64_t index) const {
    for (const Vma* area = file_.mappings; area != nullptr; area = area->next_mapping) {
      const std::uint64_t end = area->file_page + (area->end - area->start) / abi::page_size;
      if ((area->flags & vma_locked) != 0 && index >= area->file_page && index < end) return true;
    }
    return false;
  }

  void look_at(PageTree& pages, std::uint64_t index, const std::byte* page) {
    const bool clean = pages.has(index, PageTree::PageMark::clean);
    const PageFacts facts{.accessed = pages.has(index, PageTree::PageMark::used), .dirty = !clean, .parked = false,
                          .locked = is_locked(index), .round = sweep_.round, .frame = frame_of_page(page).raw()};
    const Verdict verdict = sweep_.policy.judge(facts);
    if (verdict == Verdict::keep || (verdict == Verdict::take && !clean && swap::full())) return;
    if (file_.mappings != nullptr) invalidate_mappings(file_, index, 1);
    if (verdict == Verdict::spare) return pages.set_mark(index, PageTree::PageMark::used, false);
    if (clean) {
      pages.release_range(index, index + 1);
      ++pager::counters_to_change().dropped;
    } else {
      const std::uint32_t slot = swap::write(page);
      if (slot == SwapSlots::none) return;
      pages.put_in_slot(index, slot);
      ++pager::counters_to_change().out;
    }
    ++sweep_.freed;
  }

  MemoryFile& file_;
  pager::Sweep& sweep_;
};

namespace pager {

bool sweep_file(MemoryFile& file, Hand& hand, Sweep& sweep) { return FileSweep{file, sweep}.run(hand); }

}  // namespace pager

}  // namespace exos
