// SPDX-License-Identifier: MIT
// Radix tree of pages; see the header. Recursion is as deep as the tree is high: nine levels at most.
#include "libos/exos/fs/page_tree.hpp"

#include "base/bits.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/swap.hpp"

namespace exos {

Result<std::uintptr_t> PageTree::bring_back(std::uintptr_t place) {
  const auto slot = static_cast<std::uint32_t>(place >> base::page_bits);
  std::byte* const home = swap::home_of(slot);
  if (!restore_page(home)) return Fail{Errno::nomem};
  swap::read(slot, home);
  swap::drop(slot);
  ++pager::counters_to_change().in;
  return reinterpret_cast<std::uintptr_t>(home);
}

bool PageTree::has(std::uint64_t index, PageMark mark) const {
  return (reinterpret_cast<std::uintptr_t>(*place_of(index)) & static_cast<std::uintptr_t>(mark)) != 0;
}

void PageTree::set_mark(std::uint64_t index, PageMark mark, bool on) {
  void** const place = place_of(index);
  const auto value = reinterpret_cast<std::uintptr_t>(*place) & ~static_cast<std::uintptr_t>(mark);
  *place = reinterpret_cast<void*>(on ? value | static_cast<std::uintptr_t>(mark) : value);
}

std::byte* PageTree::page_in_memory(std::uint64_t index) const {
  void** const place = place_of(index);
  if (place == nullptr || has(index, PageMark::swapped)) return nullptr;
  return reinterpret_cast<std::byte*>(reinterpret_cast<std::uintptr_t>(*place) & ~mark_bits);
}

void PageTree::put_in_slot(std::uint64_t index, std::uint32_t slot) {
  std::byte* const page = page_in_memory(index);
  swap::set_home(slot, page);
  withdraw_page(page);
  *place_of(index) = reinterpret_cast<void*>(std::uintptr_t{slot} << base::page_bits | static_cast<std::uintptr_t>(PageMark::swapped));
}

void PageTree::release_page(std::uintptr_t place) {
  if ((place & static_cast<std::uintptr_t>(PageMark::swapped)) == 0)
    return release_pages(reinterpret_cast<void*>(place & ~mark_bits), 1);
  const auto slot = static_cast<std::uint32_t>(place >> base::page_bits);
  forget_page(swap::home_of(slot));
  swap::drop(slot);
}

PageTree::Node* PageTree::new_node() {
  auto* node = static_cast<Node*>(allocate(sizeof(Node)));
  if (node != nullptr) std::memset(node, 0, sizeof(Node));
  return node;
}

Status PageTree::set(std::uint64_t index, std::byte* page) {
  while (!covers(index)) {
    if (root_ != nullptr) {
      Node* above = new_node();
      if (above == nullptr) return Fail{Errno::nomem};
      above->slot[0] = root_;
      above->used = 1;
      root_ = above;
    }
    ++height_;
  }
  void** at = &root_;
  Node* parent = nullptr;
  for (std::uint32_t h = height_; h > 0; --h) {
    if (*at == nullptr) {
      *at = new_node();
      if (*at == nullptr) return Fail{Errno::nomem};   // an empty node may stay above: release_range removes it
      if (parent != nullptr) ++parent->used;
    }
    parent = static_cast<Node*>(*at);
    at = &parent->slot[index >> ((h - 1) * bits) & (fanout - 1)];
  }
  *at = page;
  if (parent != nullptr) ++parent->used;
  ++count_;
  return {};
}

// Releases [first, end) below `at`, whose first index is `base`; what is left of it, or nullptr.
void* PageTree::prune(void* at, std::uint32_t height, std::uint64_t base, std::uint64_t first, std::uint64_t end) {
  if (at == nullptr) return nullptr;
  if (height == 0) {
    if (base < first || base >= end) return at;
    release_page(reinterpret_cast<std::uintptr_t>(at));
    --count_;
    return nullptr;
  }
  Node* node = static_cast<Node*>(at);
  const std::uint64_t span = std::uint64_t{1} << ((height - 1) * bits);
  for (std::uint32_t i = 0; i < fanout; ++i) {
    const std::uint64_t start = base + i * span;
    if (node->slot[i] == nullptr || start >= end || start + (span - 1) < first) continue;
    node->slot[i] = prune(node->slot[i], height - 1, start, first, end);
    if (node->slot[i] == nullptr) --node->used;
  }
  if (node->used != 0) return node;
  release(node);
  return nullptr;
}

void PageTree::release_range(std::uint64_t first, std::uint64_t end) {
  root_ = prune(root_, height_, 0, first, end);
  if (root_ == nullptr) height_ = 0;
}

std::uint64_t PageTree::search(const void* at, std::uint32_t height, std::uint64_t base, std::uint64_t from) {
  if (at == nullptr) return no_page;
  if (height == 0) return base >= from ? base : no_page;
  const Node* node = static_cast<const Node*>(at);
  const std::uint64_t span = std::uint64_t{1} << ((height - 1) * bits);
  for (std::uint32_t i = 0; i < fanout; ++i) {
    const std::uint64_t start = base + i * span;
    if (start + (span - 1) < from) continue;
    if (const std::uint64_t found = search(node->slot[i], height - 1, start, from); found != no_page) return found;
  }
  return no_page;
}

std::uint64_t PageTree::next_present(std::uint64_t index) const { return search(root_, height_, 0, index); }

}  // namespace exos
