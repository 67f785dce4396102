// SPDX-License-Identifier: MIT
// What touches a program's memory, in assembly: a fault in it that the pager cannot resolve continues where it answers
// "not done". Of what is in front of the fault some may have been moved, behind it nothing.
#pragma once

#include "base/std.hpp"

namespace exos {

extern "C" {
bool exos_copy(void* to, const void* from, std::size_t size);
bool exos_zero(void* to, std::size_t size);
bool exos_copy_at_once(void* to, const void* from, std::size_t size);   // the same, told apart by is_copy_at_once
bool exos_zero_at_once(void* to, std::size_t size);
bool exos_exchange(std::uint32_t* word, std::uint32_t* expected, std::uint32_t fresh);
}

// Copies from this size on go through vector registers, where that is wanted at all.
inline constexpr std::size_t vector_copy_least = 512;

// At start: looks at the processor, once; all are alike.
void choose_copies();

// Where a fault at `rip` is to continue that nothing can be done about; 0: it is neither in a copy nor in an access in place.
[[nodiscard]] std::uint64_t after_failed_copy(std::uint64_t rip);

// Of a fault in a copy: the caller does not want to wait until it can be resolved (user_memory.hpp).
[[nodiscard]] bool is_copy_at_once(std::uint64_t rip, std::uint64_t rsp);

}  // namespace exos
