// SPDX-License-Identifier: MIT
// What the arithmetic and the comparisons of eBPF compute [RFC 9669 4]: nothing is undefined. Used by the interpreter, and by
// the verifier on values that it knows.
#pragma once

#include "abi/bpf.hpp"

namespace aegis::program {

namespace bpf = abi::bpf;

enum class Width : bool { narrow, wide };  // 32 bits, the result zero-extended; 64 bits

template <typename Unsigned>
[[nodiscard]] constexpr Unsigned divide(Unsigned a, Unsigned b, bool is_signed) {
  using Signed = std::make_signed_t<Unsigned>;
  if (b == 0) return 0;
  if (!is_signed) return a / b;
  if (b == static_cast<Unsigned>(-1)) return static_cast<Unsigned>(0 - a);  // also for the least number
  return static_cast<Unsigned>(static_cast<Signed>(a) / static_cast<Signed>(b));
}

template <typename Unsigned>
[[nodiscard]] constexpr Unsigned remainder(Unsigned a, Unsigned b, bool is_signed) {
  using Signed = std::make_signed_t<Unsigned>;
  if (b == 0) return a;
  if (!is_signed) return a % b;
  if (b == static_cast<Unsigned>(-1)) return 0;
  return static_cast<Unsigned>(static_cast<Signed>(a) % static_cast<Signed>(b));
}

[[nodiscard]] constexpr std::uint64_t sign_extend(std::uint64_t value, std::uint32_t bits) {
  const std::uint32_t unused = 64 - bits;
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value << unused) >> unused);
}

template <typename Unsigned>
[[nodiscard]] constexpr Unsigned compute_as(std::uint8_t operation, std::int16_t offset, Unsigned a, Unsigned b) {
  using Signed = std::make_signed_t<Unsigned>;
  const Unsigned shift = b & (sizeof(Unsigned) * 8 - 1);
  switch (operation) {
    case bpf::add: return a + b;
    case bpf::sub: return a - b;
    case bpf::mul: return a * b;
    case bpf::div: return divide<Unsigned>(a, b, offset == 1);
    case bpf::mod: return remainder<Unsigned>(a, b, offset == 1);
    case bpf::bit_or: return a | b;
    case bpf::bit_and: return a & b;
    case bpf::bit_xor: return a ^ b;
    case bpf::lsh: return a << shift;
    case bpf::rsh: return a >> shift;
    case bpf::arsh: return static_cast<Unsigned>(static_cast<Signed>(a) >> shift);
    case bpf::neg: return 0 - a;
    case bpf::mov: return offset == 0 ? b : static_cast<Unsigned>(sign_extend(b, static_cast<std::uint32_t>(offset)));
    default: return 0;
  }
}

// Every operation but `end`.
[[nodiscard]] constexpr std::uint64_t compute(std::uint8_t operation, Width width, std::int16_t offset, std::uint64_t a,
                                              std::uint64_t b) {
  if (width == Width::wide) return compute_as<std::uint64_t>(operation, offset, a, b);
  return compute_as<std::uint32_t>(operation, offset, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
}

enum class Order : std::uint8_t { little, big, swap };  // convert to; this machine is little-endian
[[nodiscard]] constexpr Order order_of(bpf::Instruction at) {
  if (at.group() == bpf::alu64) return Order::swap;
  return at.by_register() ? Order::big : Order::little;
}
[[nodiscard]] constexpr std::uint64_t convert(Order order, std::int32_t bits, std::uint64_t value) {
  const auto unused = static_cast<std::uint32_t>(64 - bits);
  return order == Order::little ? value << unused >> unused : std::byteswap(value) >> unused;
}

template <typename Unsigned>
[[nodiscard]] constexpr bool holds_as(std::uint8_t operation, Unsigned a, Unsigned b) {
  const auto x = static_cast<std::make_signed_t<Unsigned>>(a), y = static_cast<std::make_signed_t<Unsigned>>(b);
  switch (operation) {
    case bpf::jeq: return a == b;
    case bpf::jne: return a != b;
    case bpf::jgt: return a > b;
    case bpf::jge: return a >= b;
    case bpf::jlt: return a < b;
    case bpf::jle: return a <= b;
    case bpf::jsgt: return x > y;
    case bpf::jsge: return x >= y;
    case bpf::jslt: return x < y;
    case bpf::jsle: return x <= y;
    case bpf::jset: return (a & b) != 0;
    default: return true;  // ja
  }
}
[[nodiscard]] constexpr bool holds(std::uint8_t operation, Width width, std::uint64_t a, std::uint64_t b) {
  if (width == Width::wide) return holds_as<std::uint64_t>(operation, a, b);
  return holds_as<std::uint32_t>(operation, static_cast<std::uint32_t>(a), static_cast<std::uint32_t>(b));
}

// The second operand of an ALU or jump instruction that has it as an immediate.
[[nodiscard]] constexpr std::uint64_t immediate_of(bpf::Instruction at) {
  return static_cast<std::uint64_t>(std::int64_t{at.immediate});
}

// What an atomic operation stores.
[[nodiscard]] constexpr std::uint64_t atomic_result(std::int32_t operation, std::uint64_t old, std::uint64_t operand) {
  switch (operation & ~bpf::atomic_fetch) {
    case bpf::add: return old + operand;
    case bpf::bit_or: return old | operand;
    case bpf::bit_and: return old & operand;
    case bpf::bit_xor: return old ^ operand;
    default: return operand;  // exchange; compare-and-exchange when equal
  }
}

// Where a jump (not a call) leads, and a call of a function of the program.
[[nodiscard]] constexpr std::int64_t jump_target(bpf::Instruction at, std::uint32_t index) {
  const bool long_form = at.group() == bpf::jmp32 && at.operation() == bpf::ja;
  return std::int64_t{index} + 1 + (long_form ? at.immediate : at.offset);
}
[[nodiscard]] constexpr std::int64_t call_target(bpf::Instruction at, std::uint32_t index) {
  return std::int64_t{index} + 1 + at.immediate;
}
[[nodiscard]] constexpr bool is_jump(bpf::Instruction at) {
  return (at.group() == bpf::jmp || at.group() == bpf::jmp32) && at.operation() != bpf::call && at.operation() != bpf::exit;
}
[[nodiscard]] constexpr bool is_call(bpf::Instruction at) { return at.opcode == (bpf::jmp | bpf::call); }
[[nodiscard]] constexpr bool is_exit(bpf::Instruction at) { return at.opcode == (bpf::jmp | bpf::exit); }
[[nodiscard]] constexpr bool is_conditional(bpf::Instruction at) { return is_jump(at) && at.operation() != bpf::ja; }

// The cost of a backward jump: what may be executed again.
[[nodiscard]] constexpr std::uint32_t distance(std::uint32_t from, std::uint32_t to) { return from - to + 1; }

}  // namespace aegis::program
