// SPDX-License-Identifier: MIT
// What the run description (docs/archive.md) says to init itself: how much memory to keep as swap pages, and when to ask
// the container for memory back.
#pragma once

#include "base/std.hpp"

namespace init {

struct Reclaim {
  std::uint64_t frames = 0;     // 0: `percent` of the container's memory
  std::uint64_t percent = 0;
  std::uint64_t at_ns = 0;      // since the container was started
  std::uint64_t grace_ns = 0;   // how long it has
};

struct Plan {
  static constexpr std::size_t most_reclaims = 16;
  std::uint64_t swap_frames = 0;
  std::array<Reclaim, most_reclaims> reclaims{};
  std::size_t reclaim_count = 0;
};

// Empty when a line of init's is malformed: `exo` writes none such.
[[nodiscard]] std::optional<Plan> read_plan(std::string_view description);

}  // namespace init
