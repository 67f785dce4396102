// SPDX-License-Identifier: MIT
// Taking frames back from the address spaces of those who do not own them.
#pragma once

#include "kernel/core/capability.hpp"

namespace aegis {

// Removes every mapping, in spaces of accounts other than the owner's, of the frames that a frames or an account
// capability stands for. Sweeps the frame table for page tables; where it is lies in the slot, so `again` goes on
// there.
[[nodiscard]] Status break_foreign_mappings(Kernel& k, Slot& slot, std::uint64_t& budget);

}  // namespace aegis
