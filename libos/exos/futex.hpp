// SPDX-License-Identifier: MIT
// Futexes: tasks that wait for a word of memory, by (space, address) or, when shared, by the frame behind it.
#pragma once

#include "libos/exos/task.hpp"

namespace exos::futex {

// Wakes at most `count` waiters of a private and shared futex at the address in the current memory.
[[nodiscard]] CallResult wake_address(std::uint64_t address, std::uint32_t count);
void end_robust_list(Task& task);
void leave_locks(const Task& task);   // priority-inheriting ones that it has: who waits longest takes each

}  // namespace exos::futex
