// SPDX-License-Identifier: MIT
// The fuzzer's two sides and what they share. Actors (fuzz_actor.cpp) are envs in several containers that issue random
// calls; the supervisor (fuzzer.cpp, the first env) keeps them alive. An actor has no variables but its Control, and
// starts anew at fuzz_again from whatever happened to it: who it is, its stack pointer tells.
#pragma once

#include "abi/documented.hpp"
#include "tests/hostile/attack.hpp"

namespace fuzz {

using namespace attack;
using abi::documented, abi::error_bit, abi::error_count, abi::ErrorSet;

inline constexpr std::uint32_t containers = 4, members_each = 2, members = containers * members_each;
inline constexpr std::uint32_t identities = 4 * members;  // those behind `members` are for envs that actors make

// Besides the program's image, in every space: everybody's life support, at the same addresses, far from all numbers
// that an actor may draw for an address.
inline constexpr std::uint64_t control_base = 0x1'5000'0000, stack_base = 0x1'5100'0000, area_base = 0x1'5200'0000,
                               info_va = 0x1'5300'0000, verdict_va = 0x1'5400'0000;
inline constexpr std::uint64_t stack_span = 0x1'0000, stack_top = 0x8000, stack_pages = 4;  // top: offset in the span
[[nodiscard]] constexpr std::uint64_t stack_of(std::uint32_t identity) {
  return stack_base + identity * stack_span + stack_top;
}
[[nodiscard]] constexpr std::uint64_t area_of(std::uint32_t identity) { return area_base + identity * page_size; }

// Where actors map what they like: pages on both sides of a 2 MiB border, in two slots of their own and one to be
// linked.
inline constexpr std::array<std::uint64_t, 4> play_grounds{0x2'001e'0000, 0x2'4000'0000, 3 * abi::slot_size + 0x1e'0000,
                                                           5 * abi::slot_size};
inline constexpr std::uint64_t play_pages = 64;

// The slots that the supervisor fills (again) in every actor's table.
namespace base_slot {
inline constexpr std::uint32_t account = 1, self = 2, space = 3, table = 4, sibling = 5, neighbour_table = 6,
                               neighbour_space = 7, neighbour_env = 8, supervisor = 9, shared_frames = 10, slices = 11,
                               common_slices = 12, info = 13, machine = 14, console = 15, neighbour_account = 16,
                               neighbour_entry = 17, sibling_entry = 18, end = 19;
}

// A stack that nobody sits on: who starts there takes the next identity behind `members`.
inline constexpr std::uint64_t fresh_stack = stack_of(identities);

// The first answer that the table does not document. Written by the instructions behind the call alone
// (fuzz_actor.cpp), from registers, whatever other envs have done to the caller's stack meanwhile.
struct Verdict {
  std::uint64_t claimed, complete, call, error, value;
  std::array<std::uint64_t, 5> arguments;  // rdi rsi r10 r8 r9; rdx had the third
  std::uint64_t stack;
  alignas(64) std::uint64_t fresh;  // identities that were taken so far
};
static_assert(offsetof(Verdict, fresh) == 128);

struct Control {
  std::uint64_t random;
  volatile std::uint64_t calls;  // issued so far
  std::uint64_t last_call;
  std::array<std::uint64_t, 6> last_arguments;
  std::array<std::uint8_t, abi::slots_per_leaf> kinds;                 // what the slots probably hold
  std::array<std::uint32_t, 32> frames;                                // frames that the account probably owns
  std::array<std::array<std::uint32_t, 32>, abi::call_count> answers;  // how often, by call and error
  // Structs that calls read and write, in the first quarter or beginning somewhere behind it.
  alignas(64) std::array<std::byte, 8192> scratch;
};
inline constexpr std::uint64_t control_pages = (sizeof(Control) + page_size - 1) / page_size;
[[nodiscard]] inline Control& control_at(std::uint64_t base, std::uint32_t identity) {
  return *reinterpret_cast<Control*>(base + identity * control_pages * page_size);
}

extern "C" void fuzz_again();  // the one entry of all actors, for a start and for every kind of event

}  // namespace fuzz
