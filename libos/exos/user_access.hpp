// SPDX-License-Identifier: MIT
// Single words of the program's memory in the middle of other code, without the way to a copy and back. Whoever uses them has
// checked the range (is_program_range). A fault that the pager cannot resolve makes the access false, without an effect; until
// then the pager may run in it, as in any copy.
#pragma once

#include "base/std.hpp"

namespace exos {

// Where an access stands and where it goes on after a fault: what the linker collects from all of them (copy_routines.cpp).
struct InPlaceAccess { std::uint64_t at, after; };

#define EXOS_IN_PLACE(instruction, label) \
  "77: " instruction "\n .pushsection .exos.accesses,\"a\"\n .quad 77b, " label "\n .popsection\n"

[[nodiscard, gnu::always_inline]] inline bool put_in_place(std::uint64_t& at, std::uint64_t value) {
  asm goto(EXOS_IN_PLACE("movq %1, %0", "%l2") : : "m"(at), "er"(value) : "memory" : failed);
  return true;
failed:
  return false;
}

[[nodiscard, gnu::always_inline]] inline bool put_in_place(std::uint32_t& at, std::uint32_t value) {
  asm goto(EXOS_IN_PLACE("movl %1, %0", "%l2") : : "m"(at), "ir"(value) : "memory" : failed);
  return true;
failed:
  return false;
}

[[nodiscard, gnu::always_inline]] inline bool get_in_place(std::uint64_t& value, const std::uint64_t& at) {
  std::uint64_t got;
  asm goto(EXOS_IN_PLACE("movq %1, %0", "%l2") : "=r"(got) : "m"(at) : : failed);
  value = got;
  return true;
failed:
  return false;
}

// All components of the vector state, as xsave and xrstor have it, the latter but PKRU (protection_keys.hpp). It fails too where the
// processor does not take what is there, and may have loaded some of it then.
[[nodiscard, gnu::always_inline]] inline bool save_vector_in_place(std::byte* at) {
  asm goto(EXOS_IN_PLACE("xsave64 (%0)", "%l3") : : "r"(at), "a"(-1), "d"(-1) : "memory" : failed);
  return true;
failed:
  return false;
}

[[nodiscard, gnu::always_inline]] inline bool load_vector_in_place(const std::byte* at) {
  asm goto(EXOS_IN_PLACE("xrstor64 (%0)", "%l3") : : "r"(at), "a"(~0x200), "d"(-1) : "memory" : failed);
  return true;
failed:
  return false;
}

}  // namespace exos
