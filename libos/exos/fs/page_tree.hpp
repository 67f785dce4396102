// SPDX-License-Identifier: MIT
// The pages of a memory file by index: a radix tree of 64 slots a node that is only as high as the highest index needs.
// Owns its pages. A one-page file needs no node at all.
#pragma once

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

  [[nodiscard]] std::byte* find(std::uint64_t index) const;
  [[nodiscard]] Status set(std::uint64_t index, std::byte* page);      // the slot must be empty
  void release_range(std::uint64_t first, std::uint64_t end);          // pages and the nodes that become empty
  [[nodiscard]] std::uint64_t next_present(std::uint64_t index) const; // no_page: none
  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  static constexpr std::uint32_t bits = 6, fanout = 1u << bits;
  struct Node {
    void* slot[fanout];
    std::uint32_t used;
  };
  [[nodiscard]] bool covers(std::uint64_t index) const { return height_ * bits >= 64 || index >> (height_ * bits) == 0; }
  static Node* new_node();
  void* prune(void* at, std::uint32_t height, std::uint64_t base, std::uint64_t first, std::uint64_t end);
  static std::uint64_t search(const void* at, std::uint32_t height, std::uint64_t base, std::uint64_t from);

  void* root_ = nullptr;       // height 0: the page of index 0
  std::uint32_t height_ = 0;
  std::uint64_t count_ = 0;
};

}  // namespace exos
