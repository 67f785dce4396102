// SPDX-License-Identifier: MIT
// The requests of ptrace about registers of a task that stands in a stop.
#pragma once

#include "libos/exos/task.hpp"

namespace exos::trace {

[[nodiscard]] CallResult peek_user(const Task& task, std::uint64_t offset, std::uint64_t to);   // struct user
[[nodiscard]] CallResult poke_user(Task& task, std::uint64_t offset, std::uint64_t value);
[[nodiscard]] CallResult get_registers(const Task& task, std::uint64_t to);
[[nodiscard]] CallResult take_registers(Task& task, std::uint64_t from);
[[nodiscard]] CallResult get_vector_registers(Task& task, std::uint64_t to);     // as fxsave writes them
[[nodiscard]] CallResult take_vector_registers(Task& task, std::uint64_t from);
[[nodiscard]] CallResult get_register_set(Task& task, std::uint64_t kind, std::uint64_t vector);   // NT_*; struct iovec
[[nodiscard]] CallResult take_register_set(Task& task, std::uint64_t kind, std::uint64_t vector);

}  // namespace exos::trace
