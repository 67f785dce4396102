// SPDX-License-Identifier: MIT
#include "libos/exos/swap_map.hpp"

namespace exos {

namespace {

// Spreads neighbouring pages, so that the treap is balanced whatever the pattern of addresses.
std::uint32_t priority_of(std::uint64_t page) {
  std::uint64_t mixed = page * 0x9e37'79b9'7f4a'7c15;
  mixed = (mixed ^ mixed >> 32) * 0xd6e8'feb8'6659'fd93;
  return static_cast<std::uint32_t>(mixed >> 32);
}

}  // namespace

// --- slots ------------------------------------------------------------------------------------------------------------
void SwapSlots::start(std::span<std::uint16_t> counts) {
  counts_ = counts;
  used_ = next_ = 0;
}

std::uint32_t SwapSlots::take() {
  if (full()) return none;
  while (counts_[next_] != 0) next_ = next_ + 1 == counts_.size() ? 0 : next_ + 1;
  counts_[next_] = 1;
  ++used_;
  return static_cast<std::uint32_t>(next_);
}

bool SwapSlots::share(std::uint32_t slot) {
  if (counts_[slot] == std::numeric_limits<std::uint16_t>::max()) return false;
  ++counts_[slot];
  return true;
}

void SwapSlots::drop(std::uint32_t slot) {
  if (--counts_[slot] == 0) --used_;
}

// --- entries ----------------------------------------------------------------------------------------------------------
void SwapEntryPool::add(std::span<std::byte> memory) {
  for (std::size_t at = 0; at + sizeof(SwapEntry) <= memory.size(); at += sizeof(SwapEntry))
    give(::new (memory.data() + at) SwapEntry{});
}

SwapEntry* SwapEntryPool::take() {
  if (free_ == nullptr) return nullptr;
  --size_;
  return std::exchange(free_, free_->right);
}

void SwapEntryPool::give(SwapEntry* entry) {
  entry->right = std::exchange(free_, entry);
  ++size_;
}

// --- the treap --------------------------------------------------------------------------------------------------------
SwapEntry* SwapMap::find(std::uint64_t page) const {
  SwapEntry* at = root_;
  while (at != nullptr && at->page != page) at = page < at->page ? at->left : at->right;
  return at;
}

SwapEntry* SwapMap::at_or_after(std::uint64_t page) const {
  SwapEntry* best = nullptr;
  for (SwapEntry* at = root_; at != nullptr;) {
    if (at->page < page) {
      at = at->right;
    } else {
      best = at;
      at = at->left;
    }
  }
  return best;
}

void SwapMap::insert(SwapEntry* entry, std::uint64_t page, std::uint32_t slot) {
  *entry = {.page = page, .slot = slot & 0x7fff'ffff, .guarded = 0, .priority = priority_of(page), .left = nullptr, .right = nullptr};
  SwapEntry** at = &root_;
  while (*at != nullptr && (*at)->priority >= entry->priority) at = page < (*at)->page ? &(*at)->left : &(*at)->right;
  split(*at, page, entry->left, entry->right);
  *at = entry;
  ++size_;
}

SwapEntry* SwapMap::cut(std::uint64_t first, std::uint64_t end) {
  if (root_ == nullptr || first >= end) return nullptr;
  SwapEntry *low = nullptr, *middle = nullptr, *high = nullptr;
  split(root_, first, low, middle);
  split(middle, end, middle, high);
  root_ = merge(low, high);
  return middle;
}

// Entries below `page` on the one side, the rest on the other. `at` is passed by value, so it may be one of the results.
void SwapMap::split(SwapEntry* at, std::uint64_t page, SwapEntry*& below, SwapEntry*& rest) {
  SwapEntry **low = &below, **high = &rest;
  while (at != nullptr) {
    if (at->page < page) {
      *low = at;
      low = &at->right;
      at = at->right;
    } else {
      *high = at;
      high = &at->left;
      at = at->left;
    }
  }
  *low = *high = nullptr;
}

SwapEntry* SwapMap::merge(SwapEntry* low, SwapEntry* high) {
  SwapEntry* root = nullptr;
  SwapEntry** at = &root;
  while (low != nullptr && high != nullptr) {
    if (low->priority >= high->priority) {
      *at = low;
      at = &low->right;
      low = low->right;
    } else {
      *at = high;
      at = &high->left;
      high = high->left;
    }
  }
  *at = low != nullptr ? low : high;
  return root;
}

}  // namespace exos
