// SPDX-License-Identifier: MIT
// Visible revocation and the abort protocol. A request lowers the account's limit at once, tells its library, and waits;
// what has not been given at the deadline is taken by force, in steps. See docs/tour/revocation.md.
#pragma once

#include "kernel/core/account.hpp"

namespace aegis {

// Binds the env that gets the upcalls and the frame that tells why; nullptr and 0: nobody.
[[nodiscard]] Status bind_account(Kernel& k, Account& account, Env* env, FrameNumber vector);
// Asks for units: by count (request.first == any_units) or by name.
[[nodiscard]] Status ask_back(Kernel& k, Account& account, const Request& request);
// Takes what was not given and closes the request. Value: units taken. `again`, would_block: see account_reclaim.
[[nodiscard]] Result<std::uint64_t> reclaim(Kernel& k, Account& account, std::uint64_t& budget);
// The account ends: nothing is asked of it any more, and nobody is told.
void forget_revocation(Kernel& k, Account& account);

// Of an open request: units that have yet to be given.
[[nodiscard]] std::uint64_t units_left(const Account& account);

// From charge() and pay_back(), while any request is open. any_units: units that nobody can name.
void note_taken(Account& account, Resource what, std::uint64_t first, std::uint64_t units);
void note_given(Kernel& k, Account& account, Resource what, std::uint64_t unit);

}  // namespace aegis
