// SPDX-License-Identifier: MIT
// Byte ring over memory that somebody else owns. One reader and one writer under one lock; not for two processors.
#pragma once

#include "base/std.hpp"

namespace base {

class ByteRing {
 public:
  constexpr ByteRing() = default;
  // `memory.size()` must be a power of two.
  explicit constexpr ByteRing(std::span<std::byte> memory) : memory_{memory} {}

  [[nodiscard]] constexpr std::size_t used() const { return static_cast<std::size_t>(head_ - tail_); }
  [[nodiscard]] constexpr std::size_t room() const { return memory_.size() - used(); }
  [[nodiscard]] constexpr bool empty() const { return head_ == tail_; }

  // The part of the free (or used) space that is contiguous; commit() or consume() what was used of it.
  [[nodiscard]] constexpr std::span<std::byte> write_window() const {
    const std::size_t at = index(head_);
    const std::size_t run = memory_.size() - at;
    return {memory_.data() + at, run < room() ? run : room()};
  }
  [[nodiscard]] constexpr std::span<std::byte> read_window() const {
    const std::size_t at = index(tail_);
    const std::size_t run = memory_.size() - at;
    return {memory_.data() + at, run < used() ? run : used()};
  }
  constexpr void commit(std::size_t n) { head_ += n; }
  constexpr void consume(std::size_t n) { tail_ += n; }

 private:
  [[nodiscard]] constexpr std::size_t index(std::uint64_t position) const {
    return static_cast<std::size_t>(position & (memory_.size() - 1));
  }
  std::span<std::byte> memory_{};
  std::uint64_t head_ = 0;  // bytes ever written
  std::uint64_t tail_ = 0;  // bytes ever read
};

}  // namespace base
