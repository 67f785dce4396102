// SPDX-License-Identifier: MIT
// Protected control transfers.
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

Answer Calls::pct_entry(slot, slot, va, u64) { return fail(Error::unsupported); }
Answer Calls::pct_call(slot, u64) { return fail(Error::unsupported); }
Answer Calls::pct_send(slot, u64) { return fail(Error::unsupported); }
Answer Calls::pct_reply(u64, u64) { return fail(Error::unsupported); }

}  // namespace aegis::sys
