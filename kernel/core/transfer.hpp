// SPDX-License-Identifier: MIT
// Protected control transfers (abi/pct.hpp). While a call is open its two envs name each other: caller.callee is the one
// that answers, which has it as `caller`; the caller is `calling`. An env that accepts has neither, so chains have no
// cycles. Whoever would give time to a calling env gives it to the end of the chain (runnable_behind).
#pragma once

#include "kernel/core/env.hpp"

namespace aegis {

struct Slot;

// The current env enters the one behind a live entry capability, which must be accepting. It is `calling` until the reply,
// or, if it awaits none, ready.
[[nodiscard]] Status enter_env(Kernel& k, Cpu& cpu, const Slot& entry, abi::Transfer transfer, bool awaits_reply);

// The current env answers its caller, if it has one, and accepts. `again`: an upcall is due, so it has answered only.
[[nodiscard]] Status reply_and_accept(Kernel& k, Cpu& cpu, std::uint64_t status, abi::Transfer transfer);

// The env behind an open call ends: the call with it.
void end_call_of(Kernel& k, Env& callee);
// The env stops waiting for a reply, or for a call: its registers show how. No effect in other states.
void leave_transfer(Env& env);

}  // namespace aegis
