// SPDX-License-Identifier: MIT
// The guard keeps stray writes of programs out of the container's state, slot 129: its pages carry a protection key that is
// closed to writes while a program runs. The entries open it in the task's PKRU and the ways back close it (entry.cpp);
// reading stays allowed, so quick calls and the vDSO need neither. docs/decisions/0016.
#pragma once

#include "abi/env.hpp"
#include "abi/space.hpp"
#include "base/std.hpp"

namespace exos {
struct Task;
}

namespace exos::guard {

// The last one: programs get the others in the order in which Linux gives them. In PKRU: both its bits, and "no writes".
inline constexpr std::uint32_t key = 15, key_bits = 3u << 2 * key, closed_bits = 2u << 2 * key;

// Where a task's env enters the library.
struct Entries {
  void (*call)();
  void (*foreign)();
  void (*exception)();
  void (*upcall)();
  void (*task)();
};

// What the guarded entries write before they have opened the state, on a page without the key behind the user area. It
// holds registers of the program for some instructions; nothing else is kept there.
struct OpeningArea {
  std::uint64_t call_rax, call_rdx;
  std::uint64_t exception_rax, exception_rcx, exception_rdx;
  std::uint64_t upcall_rax, upcall_rcx, upcall_rdx;
};

// Gives what is mapped of the slot its key, if the processor has keys. Once, before there is a task. Without it all is as if
// there were no guard.
void start();
[[nodiscard]] bool is_on();
// To be or'ed to the flags of every mapping in the slot that the library makes.
[[nodiscard]] std::uint32_t state_flags();
[[nodiscard]] const Entries& entries();

// A page fault of the program for want of a right to read the state, which it has taken from itself by wrpkru: the entry and the
// way back have given it again.
[[nodiscard]] bool heals(std::uint64_t address, std::uint64_t error);

// A task whose program has closed key 0 to itself, by which its env could not enter the library, guarded or not: it begins anew, with
// a signal that ends the program. False: the env is stuck for another reason.
[[nodiscard]] bool begin_anew(Task& task, const abi::EnvState& state);

// A page for a task's user area, and the one behind it if there is to be one; nullptr: no memory.
[[nodiscard]] abi::UserArea* allocate_area();
void release_area(abi::UserArea* area);

}  // namespace exos::guard
