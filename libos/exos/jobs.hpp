// SPDX-License-Identifier: MIT
// Sessions and process groups: who is told what when a leader, a parent or a terminal goes. [posix 11.1; linux do_exit]
#pragma once

#include "libos/exos/task.hpp"

namespace exos::jobs {

void signal_group(std::uint32_t group, std::uint32_t signal);     // from the kernel; each process of it
// No process of the group has a parent in its session outside the group: nobody would continue what stops. `ignored` does not count.
[[nodiscard]] bool is_orphaned(std::uint32_t group, const Process* ignored = nullptr);
// Signals that a background process would get for a terminal's sake do nothing to it: ignored or blocked.
[[nodiscard]] bool is_deaf(std::uint32_t signal);

void leave_terminal(Process& process);                            // TIOCNOTTY: a leader takes it from its whole session
void forget_terminal(std::uint32_t session);                      // the processes of the session have none any more

// Of a process that has just ended and still has its children and groups.
void before_adoption(Process& dying);                             // its terminal
void after_adoption(Process& child, const Process& dying);        // a child that has a new parent
void after_end(Process& dying);                                   // its own group

}  // namespace exos::jobs
