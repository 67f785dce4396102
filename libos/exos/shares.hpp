// SPDX-License-Identifier: MIT
// Shares of a processor: what nice and SCHED_IDLE ask for. While all tasks have the ordinary weight the run queue is a ring and
// this costs one look; else the next is who had the least time for its weight. [man sched(7)]
#pragma once

#include "libos/exos/task.hpp"

namespace exos::shares {

inline constexpr std::uint32_t ordinary_weight = 1024;
extern constinit std::uint32_t uneven;         // living tasks of another weight

void set_weight(Task& task);                   // after a change of its policy, and once for a new one
void set_nice(Process& process, std::int32_t nice);   // -20 to 19
void forget(Task& task);                       // it ended
// Counts the time that the ready task had since the last look; Task::virtual_ns is then up to date.
void settle(Task& task);
void chosen(const Task& task);                 // of those that are ready it had the least

}  // namespace exos::shares
