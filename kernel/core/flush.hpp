// SPDX-License-Identifier: MIT
// What a change to an address space leaves to be done: translations to forget on other processors, and frames that must
// not be used again before that.
#pragma once

#include "kernel/core/kernel.hpp"
#include "kernel/core/page_entry.hpp"

namespace aegis {

// Collects, and flushes at the latest when it goes out of scope. Frames that wait are chained through `aux`.
class PendingFlush {
 public:
  PendingFlush(Kernel& k, Space& space) : k_{k}, space_{space} {}
  ~PendingFlush() { flush(); }
  PendingFlush(const PendingFlush&) = delete;
  PendingFlush& operator=(const PendingFlush&) = delete;

  // A present entry has other rights or is gone; or several, from `first` to `last`.
  void changed(std::uint64_t va) { changed(va, va); }
  void changed(std::uint64_t first, std::uint64_t last) {
    if (first < start_) start_ = first;
    if (last + abi::page_size > end_) end_ = last + abi::page_size;
  }
  void removed(std::uint64_t old_entry, std::uint64_t va);     // this one, and its frame loses a mapping
  // The frame of a small page loses a mapping that nobody can use any more.
  [[gnu::always_inline]] void unmapped(std::uint64_t old_entry) { unmapped(pte_frame(old_entry), old_entry); }
  void table_gone(FrameNumber table);                          // was taken out of the tree
  // Where the changes were is not known, or the page-table window shows something else now: tables or large pages went.
  void everything() { everything_ = true; }
  void flush() {
    if (everything_ || start_ < end_ || holds_frames()) finish();
  }
  [[nodiscard]] bool holds_frames() const { return chain_ != end_of_chain; }

 private:
  static constexpr std::uint32_t end_of_chain = ~std::uint32_t{0};
  void enchain(FrameNumber frame) {
    k_.frames[frame].aux = chain_;
    chain_ = static_cast<std::uint32_t>(frame.raw());
  }
  // map_owned: the frame goes with its last mapping. Whether that was the last is looked at again in finish().
  [[gnu::always_inline]] void unmapped(FrameNumber frame, std::uint64_t old_entry) {
    FrameInfo& info = k_.frames[frame];
    const bool others = k_.frames.note_unmapped(info);
    if (!others && (old_entry & abi::pte_owned) != 0 && info.aux == 0) enchain(frame);
  }
  void finish();

  Kernel& k_;
  Space& space_;
  std::uint64_t start_ = ~std::uint64_t{0}, end_ = 0;
  bool everything_ = false, tables_ = false;
  std::uint32_t chain_ = end_of_chain;
};

}  // namespace aegis
