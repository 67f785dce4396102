// SPDX-License-Identifier: MIT
// Arguments of a Linux call and the dispatch of the table in calls.def.hpp.
#pragma once

#include "libos/exos/calls.def.hpp"
#include "libos/exos/errno.hpp"

namespace exos {

// Usually the caller's registers where the entry has saved them.
struct [[gnu::may_alias]] Arguments {
  std::uint64_t a, b, c, d, e, f;   // rdi rsi rdx r10 r8 r9
};

#define LINUX_CALL(number, name, level, format, note) CallResult linux_##name(const Arguments& arguments);
LINUX_CALLS(LINUX_CALL)
#undef LINUX_CALL

// Runs call `number`; unknown ones are ENOSYS, logged once per program and number, and counted.
[[nodiscard]] CallResult dispatch(std::uint64_t number, const Arguments& arguments);

// Says once that a program asked for something that is not there, as it is with a call that is missing; no error: what it asked
// for was left out.
void tell_missing(std::string_view what, std::uint64_t which, Errno answer);

void watch_calls();   // from now on each call is shown to --strace and --syscall-summary
[[nodiscard]] bool calls_watched();

}  // namespace exos
