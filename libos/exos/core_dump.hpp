// SPDX-License-Identifier: MIT
// The core file of a process that a signal ends, as gdb reads it. `exo run --core` takes it over the link; otherwise it becomes a
// file where core_pattern says, within RLIMIT_CORE. [core(5)]
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

// Ends the other threads of the current process, and writes. True: the core is whole, and exit_status says so.
[[nodiscard]] bool dump_core(const SignalInfo& info);
// A thread ends whose process is being dumped: its registers.
void add_to_core(CoreNotes& notes, Task& task);

[[nodiscard]] std::string_view core_pattern();
[[nodiscard]] Status set_core_pattern(std::string_view pattern);   // EINVAL: too long, or a pipe to a program

}  // namespace exos
