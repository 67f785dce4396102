// SPDX-License-Identifier: MIT
// The encoding of eBPF instructions, as RFC 9669 has it. What each of them means is in kernel/program/interpreter.cpp.
#pragma once

#include "base/std.hpp"

namespace abi::bpf {

struct Instruction {
  std::uint8_t opcode = 0;
  std::uint8_t registers = 0;  // destination in the low half, source in the high one
  std::int16_t offset = 0;
  std::int32_t immediate = 0;

  [[nodiscard]] constexpr std::uint8_t dst() const { return registers & 15; }
  [[nodiscard]] constexpr std::uint8_t src() const { return registers >> 4; }
  [[nodiscard]] constexpr std::uint8_t group() const { return opcode & 7; }
  [[nodiscard]] constexpr std::uint8_t operation() const { return opcode & 0xf0; }  // ALU and jump groups
  [[nodiscard]] constexpr bool by_register() const { return (opcode & 8) != 0; }    // ALU and jump groups
  [[nodiscard]] constexpr std::uint8_t mode() const { return opcode & 0xe0; }       // memory groups
  [[nodiscard]] constexpr std::uint32_t bytes() const {                             // memory groups
    constexpr std::array<std::uint32_t, 4> sizes{4, 2, 1, 8};
    return sizes[opcode >> 3 & 3];
  }
  friend constexpr bool operator==(const Instruction&, const Instruction&) = default;
};
static_assert(sizeof(Instruction) == 8);

// Groups [RFC 9669 3.2]
inline constexpr std::uint8_t ld = 0, ldx = 1, st = 2, stx = 3, alu = 4, jmp = 5, jmp32 = 6, alu64 = 7;
// Operand of ALU and jump groups: the immediate or a register. With `end` it chooses the byte order.
inline constexpr std::uint8_t by_k = 0, by_x = 8;
// ALU operations [RFC 9669 4.1]; div and mod are signed with offset 1; mov sign-extends with offset 8, 16, 32.
inline constexpr std::uint8_t add = 0x00, sub = 0x10, mul = 0x20, div = 0x30, bit_or = 0x40, bit_and = 0x50, lsh = 0x60,
                              rsh = 0x70, neg = 0x80, mod = 0x90, bit_xor = 0xa0, mov = 0xb0, arsh = 0xc0, end = 0xd0;
// Jump operations [RFC 9669 4.3]
inline constexpr std::uint8_t ja = 0x00, jeq = 0x10, jgt = 0x20, jge = 0x30, jset = 0x40, jne = 0x50, jsgt = 0x60,
                              jsge = 0x70, call = 0x80, exit = 0x90, jlt = 0xa0, jle = 0xb0, jslt = 0xc0, jsle = 0xd0;
inline constexpr std::uint8_t call_helper = 0, call_local = 1, call_typed = 2;  // source register of a call
// Memory operations [RFC 9669 5]
inline constexpr std::uint8_t word = 0x00, half = 0x08, byte = 0x10, double_word = 0x18;
inline constexpr std::uint8_t imm = 0x00, abs = 0x20, ind = 0x40, mem = 0x60, memsx = 0x80, atomic = 0xc0;
inline constexpr std::int32_t atomic_fetch = 0x01, atomic_exchange = 0xe1, atomic_compare = 0xf1;
// The 64-bit immediate, two instructions long; its source register says what it is [RFC 9669 5.4].
inline constexpr std::uint8_t load_immediate = ld | imm | double_word;
inline constexpr std::uint8_t imm_plain = 0, imm_map = 1, imm_map_value = 2, imm_variable = 3, imm_code = 4,
                              imm_map_index = 5, imm_map_value_index = 6;

inline constexpr std::uint32_t registers = 11;
inline constexpr std::uint8_t frame_register = 10;

[[nodiscard]] constexpr Instruction make(unsigned opcode, unsigned dst, unsigned src, int offset, std::int64_t immediate) {
  return {static_cast<std::uint8_t>(opcode), static_cast<std::uint8_t>(dst | src << 4), static_cast<std::int16_t>(offset),
          static_cast<std::int32_t>(immediate)};
}

}  // namespace abi::bpf
