// SPDX-License-Identifier: MIT
// Names of this machine for the generator of native code. [intel/vol2 2.1]
#pragma once

#include "kernel/program/native.hpp"

namespace aegis::program::machine {

inline constexpr unsigned rax = 0, rcx = 1, rdx = 2, rbx = 3, rsp = 4, rbp = 5, rsi = 6, rdi = 7, r8 = 8, r9 = 9, r10 = 10,
                          r11 = 11, r12 = 12, r13 = 13, r14 = 14, r15 = 15;
inline constexpr unsigned none = rsp;  // as an index: no index

// r10 is not here: what it holds is known wherever it is used.
inline constexpr std::array<unsigned, 10> host{rax, rdi, rsi, rdx, r9, r8, rbx, r13, r14, r15};
inline constexpr std::array<unsigned, 4> saved{rbx, r13, r14, r15};

// Conditions of jumps; the opposite one differs in the lowest bit.
inline constexpr unsigned below = 2, equal = 4, not_equal = 5, above = 7, negative = 8;

[[nodiscard]] constexpr unsigned condition_of(std::uint8_t operation) {
  switch (operation) {
    case bpf::jeq: return equal;
    case bpf::jne: case bpf::jset: return not_equal;
    case bpf::jgt: return above;
    case bpf::jge: return 3;
    case bpf::jlt: return below;
    case bpf::jle: return 6;
    case bpf::jsgt: return 15;
    case bpf::jsge: return 13;
    case bpf::jslt: return 12;
    default: return 14;  // jsle
  }
}

// Of the arithmetic that has the common form: opcode 8 * n + 1 between registers, 81 /n with an immediate.
[[nodiscard]] constexpr unsigned extension_of(std::uint8_t operation) {
  switch (operation) {
    case bpf::add: return 0;
    case bpf::bit_or: return 1;
    case bpf::bit_and: return 4;
    case bpf::sub: return 5;
    default: return 6;  // bit_xor
  }
}

// Two bytes at most are the program's choice: too few to be an instruction worth jumping to.
[[nodiscard]] constexpr bool is_small(std::int64_t value) { return value >= -0x8000 && value <= 0xffff; }

[[nodiscard]] constexpr std::uint32_t region_start(Region region) {
  return static_cast<std::uint32_t>(offsetof(Run, regions) + slot_of(region) * sizeof(Memory) + offsetof(Memory, start));
}
[[nodiscard]] constexpr std::uint32_t region_size(Region region) {
  return static_cast<std::uint32_t>(offsetof(Run, regions) + slot_of(region) * sizeof(Memory) + offsetof(Memory, size));
}

}  // namespace aegis::program::machine
