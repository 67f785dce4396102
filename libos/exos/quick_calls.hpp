// SPDX-License-Identifier: MIT
// Calls that only tell what the process is: the entry code answers them from the task's area, without a frame, a stack or
// the container lock. Whoever changes an answer refreshes it. A task that is watched (--strace, ptrace) has none.
#pragma once

#include "libos/exos/task.hpp"

namespace exos {

// So many numbers from the first on are looked up in exos_quick_calls: QuickAnswer times its size in the area.
inline constexpr std::size_t quick_first = 39, quick_numbers = 187 - quick_first;

void refresh_quick_answers(Task& task);
void refresh_quick_answers(Process& process);   // of all its tasks

}  // namespace exos
