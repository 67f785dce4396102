// SPDX-License-Identifier: MIT
// Accounts: hierarchical containers of frames. A child's whole limit counts as use of its parent, so a limit once given
// is never found empty. Every frame that is not the kernel's own is charged to exactly one account.
#pragma once

#include "kernel/core/kernel.hpp"

namespace aegis {

struct Account {
  std::uint64_t limit = 0;     // frames
  std::uint64_t used = 0;      // frames owned, and limits of children
  std::uint64_t children = 0;
  std::uint64_t objects = 0;   // owned frames that are not plain
  std::uint32_t parent = 0;    // account; 0: the root

  [[nodiscard]] std::uint64_t room() const { return limit - used; }

  [[nodiscard]] static Result<Account*> create(Kernel& k, Account& parent, std::uint64_t limit, FrameNumber where);
  // busy while it owns anything.
  [[nodiscard]] Status destroy(Kernel& k);

  // Takes zeroed frames and charges them; nothing is charged on failure.
  [[nodiscard]] Result<FrameNumber> allocate(Kernel& k, FrameNumber where, FrameUse use,
                                             Contents contents = Contents::zeroed);
  [[nodiscard]] Result<FrameNumber> allocate_run(Kernel& k, FrameNumber first, std::uint64_t count,
                                                 std::uint32_t align_log2);
  // Gives back plain frames that nobody uses; all or none.
  [[nodiscard]] Status free_run(Kernel& k, FrameNumber first, std::uint64_t count);
  [[nodiscard]] bool owns(Kernel& k, FrameNumber frame);
};

// Gives an owned frame of any use back to the pool and its account.
void release_frame(Kernel& k, FrameNumber frame);

}  // namespace aegis
