// SPDX-License-Identifier: MIT
// Sweeps over the frame table for what leads to frames: page tables, and leaves of capability tables.
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/core/capability.hpp"

namespace aegis {

inline constexpr std::uint64_t entries_per_step = 64;  // of the frame table

// visit(frame number) from `position` on; `again` where the budget ends, or a visit's own. Next time it goes on there.
template <typename F>
[[nodiscard]] Status sweep_frames(Kernel& k, std::uint32_t& position, std::uint64_t& budget, F visit) {
  for (std::uint64_t i = 0; position < k.frames.count(); ++position, ++i) {
    if (budget == 0) return fail(Error::again);
    if (i % entries_per_step == 0) --budget;
    TRY_VOID(visit(position));
  }
  return {};
}

// Removes every mapping, in spaces of accounts other than the owner's, of the frames that a frames or an account
// capability stands for, and ends the waits of those who watch these frames or a program that the capability stands for.
// Where it is lies in the slot.
[[nodiscard]] Status break_foreign_bindings(Kernel& k, Slot& slot, std::uint64_t& budget);

// If the frame is a page table or a leaf: removes what in it leads to condemned frames of `owner` (nullptr: anybody).
// Capabilities go whole, and what was derived from them moves up. If it is condemned itself: ends the waits for it.
[[nodiscard]] Status break_bindings_in(Kernel& k, std::uint32_t frame, const Account* owner, std::uint64_t& budget);

}  // namespace aegis
