// SPDX-License-Identifier: MIT
// The books of the swap object, without any memory of its own: which slots are used and how often (SwapSlots), and which
// pages of an address space lie in which slot (SwapMap, a treap of entries that the caller hands in). Knows no page table
// and no kernel; also built for the host's unit tests.
#pragma once

#include "base/std.hpp"

namespace exos {

// Slots by number. One that several address spaces share after a fork counts each of them.
class SwapSlots {
 public:
  static constexpr std::uint32_t none = ~0u;

  // `counts` has an element per slot, all 0.
  void start(std::span<std::uint16_t> counts);
  [[nodiscard]] std::uint32_t take();            // a free slot, counted once; none: all are used
  [[nodiscard]] bool share(std::uint32_t slot);  // false: it cannot be counted higher
  void drop(std::uint32_t slot);
  [[nodiscard]] std::uint32_t count(std::uint32_t slot) const { return counts_[slot]; }
  [[nodiscard]] std::size_t total() const { return counts_.size(); }
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] bool full() const { return used_ == counts_.size(); }

 private:
  std::span<std::uint16_t> counts_;
  std::size_t used_ = 0;
  std::size_t next_ = 0;      // where the search goes on: neighbours in time become neighbours in place
};

struct SwapEntry {
  std::uint64_t page;         // address / page size
  std::uint32_t slot : 31;
  std::uint32_t guarded : 1;  // by a userfaultfd: to be told of the next write
  std::uint32_t priority;     // of the treap: follows from the page
  SwapEntry* left;
  SwapEntry* right;           // in the pool: the next free one
};
static_assert(sizeof(SwapEntry) == 32);

// Unused entries. Memory that is given to it stays with it.
class SwapEntryPool {
 public:
  void add(std::span<std::byte> memory);
  [[nodiscard]] SwapEntry* take();               // null: there is none
  void give(SwapEntry* entry);
  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  SwapEntry* free_ = nullptr;
  std::size_t size_ = 0;
};

class SwapMap {
 public:
  SwapMap() = default;
  SwapMap(const SwapMap&) = delete;
  SwapMap& operator=(const SwapMap&) = delete;

  [[nodiscard]] bool empty() const { return root_ == nullptr; }
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] SwapEntry* find(std::uint64_t page) const;
  [[nodiscard]] SwapEntry* at_or_after(std::uint64_t page) const;   // null: none
  void insert(SwapEntry* entry, std::uint64_t page, std::uint32_t slot);   // the page must have none
  // Takes the entries of [first, end) out and hands them over one by one, in no particular order.
  template <typename F>
  void take_range(std::uint64_t first, std::uint64_t end, F f) {
    SwapEntry* taken = cut(first, end);
    while (taken != nullptr) {
      SwapEntry* entry = taken;
      taken = merge(entry->left, entry->right);
      --size_;
      f(entry);
    }
  }

 private:
  [[nodiscard]] SwapEntry* cut(std::uint64_t first, std::uint64_t end);
  static void split(SwapEntry* at, std::uint64_t page, SwapEntry*& below, SwapEntry*& rest);
  [[nodiscard]] static SwapEntry* merge(SwapEntry* low, SwapEntry* high);

  SwapEntry* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace exos
