// SPDX-License-Identifier: MIT
// The end of an account, with all that it owns: envs (and those of others that live in its spaces or use its tables),
// spaces, tables, leaves in others' tables, frames wherever they are mapped or referred to. From the first step on it is
// `dying`: nothing more can be had from it, so each sweep finds all there is.
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/core/cpu.hpp"

namespace aegis {

// busy: the root, or one with children. `again` until done.
[[nodiscard]] Status end_account(Kernel& k, Cpu& here, Account& account, std::uint64_t& budget);

}  // namespace aegis
