// SPDX-License-Identifier: MIT
// Taking resources by force. Frames are first condemned: from then on nobody can map them anew, pin them or derive a
// capability to them, so what leads to them only becomes less, and one sweep over all page tables and capabilities
// finds all of it. Then they are freed. The state is the kernel's, one account at a time; any caller can go on with it.
#pragma once

#include "kernel/core/account.hpp"

namespace aegis {

// Who pays for the unit: a plain frame, a bound position, a program. Nobody: nullptr.
[[nodiscard]] Account* unit_owner(Kernel& k, Resource what, std::uint64_t unit);

// The account has an open request that was not met.
void begin_force(Kernel& k, Account& account);
// `again` until all is taken that can be; the request is then `forced`.
[[nodiscard]] Status advance_force(Kernel& k, std::uint64_t& budget);
void end_force(Kernel& k);
// An account below the one under force begins to end. What was chosen there goes when its end comes to it, whenever that is:
// limits that were lowered for it rise again, and others are chosen.
void forgo_ending(Kernel& k, Account& ending);

}  // namespace aegis
