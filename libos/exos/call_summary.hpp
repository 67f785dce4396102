// SPDX-License-Identifier: MIT
// --syscall-summary: how often each call was made in the container, how often it failed, and how long it took, on the log channel
// when the container ends. In the form of strace -c; waiting counts. With --icount a nanosecond is an instruction.
#pragma once

#include "libos/exos/errno.hpp"

namespace exos {

void summary_start(bool wanted);
[[nodiscard]] bool summary_wanted();
void summary_count(std::uint64_t number);                                        // before the call, which may not return
void summary_add(std::uint64_t number, std::uint64_t ns, const CallResult& result);  // after it
void summary_print();

}  // namespace exos
