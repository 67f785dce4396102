// SPDX-License-Identifier: MIT
// The pages of a memory file by index: a radix tree of 64 slots a node that is only as high as the highest index needs.
// Owns its pages. A one-page file needs no node at all.
//
// A page that has left memory keeps its address and has its slot of the swap object in the tree; find() brings it back.
// What the low bits of a page's place in the tree say is in PageMark.
#pragma once

#include "abi/types.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/heap.hpp"

namespace exos {

class PageTree {
 public:
  PageTree() = default;
  PageTree(const PageTree&) = delete;
  PageTree& operator=(const PageTree&) = delete;
  ~PageTree() { release_range(0, no_page); }

  static constexpr std::uint64_t no_page = ~std::uint64_t{0};

  enum class PageMark : std::uintptr_t { swapped = 1, clean = 2, used = 4 };   // swapped: above the bits is the slot
  enum class Use { read, write };
  // Null: there is none. An error: it could not be brought back for want of memory.
  [[nodiscard]] Result<std::byte*> find(std::uint64_t index, Use use) {
    void** const place = place_of(index);
    if (place == nullptr) return nullptr;
    auto value = reinterpret_cast<std::uintptr_t>(*place);
    if ((value & mark(PageMark::swapped)) != 0) [[unlikely]] value = TRY(bring_back(value));
    value |= mark(PageMark::used);
    if (use == Use::write) value &= ~mark(PageMark::clean);
    *place = reinterpret_cast<void*>(value);
    return reinterpret_cast<std::byte*>(value & ~mark_bits);
  }
  [[nodiscard]] bool holds(std::uint64_t index) const { return place_of(index) != nullptr; }
  [[nodiscard]] Status set(std::uint64_t index, std::byte* page);      // the slot must be empty
  void release_range(std::uint64_t first, std::uint64_t end);          // pages and the nodes that become empty
  [[nodiscard]] std::uint64_t next_present(std::uint64_t index) const; // no_page: none
  [[nodiscard]] std::uint64_t count() const { return count_; }

  // --- for the pager (pager_files.cpp)
  [[nodiscard]] bool has(std::uint64_t index, PageMark mark) const;             // of a page that is there
  void set_mark(std::uint64_t index, PageMark mark, bool on);
  [[nodiscard]] std::byte* page_in_memory(std::uint64_t index) const;           // null also for one that has left
  void put_in_slot(std::uint64_t index, std::uint32_t slot);                    // its contents are in the slot: frees the frame

 private:
  static constexpr std::uint32_t bits = 6, fanout = 1u << bits;
  struct Node {
    void* slot[fanout];
    std::uint32_t used;
  };
  [[nodiscard]] bool covers(std::uint64_t index) const { return height_ * bits >= 64 || index >> (height_ * bits) == 0; }
  static constexpr std::uintptr_t mark_bits = abi::page_size - 1;
  static constexpr std::uintptr_t mark(PageMark mark) { return static_cast<std::uintptr_t>(mark); }
  [[nodiscard]] static Result<std::uintptr_t> bring_back(std::uintptr_t place);   // what is in its place then
  // Where the tree holds the page; null: it does not.
  [[nodiscard]] void** place_of(std::uint64_t index) const {
    if (!covers(index)) return nullptr;
    void** at = &root_;
    for (std::uint32_t h = height_; h > 0 && *at != nullptr; --h)
      at = &static_cast<Node*>(*at)->slot[index >> ((h - 1) * bits) & (fanout - 1)];
    return *at == nullptr ? nullptr : at;
  }
  static void release_page(std::uintptr_t place);
  static Node* new_node();
  void* prune(void* at, std::uint32_t height, std::uint64_t base, std::uint64_t first, std::uint64_t end);
  static std::uint64_t search(const void* at, std::uint32_t height, std::uint64_t base, std::uint64_t from);

  mutable void* root_ = nullptr;   // height 0: the page of index 0
  std::uint32_t height_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace exos
