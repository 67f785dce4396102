// SPDX-License-Identifier: MIT
#include "kernel/program/branch.hpp"

namespace aegis::program {
namespace {

std::uint8_t opposite(std::uint8_t operation) {
  switch (operation) {
    case bpf::jeq: return bpf::jne;
    case bpf::jne: return bpf::jeq;
    case bpf::jgt: return bpf::jle;
    case bpf::jge: return bpf::jlt;
    case bpf::jlt: return bpf::jge;
    case bpf::jle: return bpf::jgt;
    case bpf::jsgt: return bpf::jsle;
    case bpf::jsge: return bpf::jslt;
    case bpf::jslt: return bpf::jsge;
    default: return bpf::jsgt;  // jsle
  }
}

// The same comparison with its sides exchanged.
std::uint8_t mirrored(std::uint8_t operation) {
  switch (operation) {
    case bpf::jgt: return bpf::jlt;
    case bpf::jge: return bpf::jle;
    case bpf::jlt: return bpf::jgt;
    case bpf::jle: return bpf::jge;
    case bpf::jsgt: return bpf::jslt;
    case bpf::jsge: return bpf::jsle;
    case bpf::jslt: return bpf::jsgt;
    case bpf::jsle: return bpf::jsge;
    default: return operation;
  }
}

bool is_signed(std::uint8_t operation) {
  return operation == bpf::jsgt || operation == bpf::jsge || operation == bpf::jslt || operation == bpf::jsle;
}

// Numbers that stand in the (unsigned) order to some number between least and most; nothing if there are none.
std::optional<Range> standing(std::uint8_t operation, std::uint64_t least, std::uint64_t most, std::uint64_t top) {
  switch (operation) {
    case bpf::jgt: case bpf::jsgt: return least == top ? std::nullopt : std::optional{Range{least + 1, top, 0}};
    case bpf::jge: case bpf::jsge: return Range{least, top, 0};
    case bpf::jlt: case bpf::jslt: return most == 0 ? std::nullopt : std::optional{Range{0, most - 1, 0}};
    default: return Range{0, most, 0};
  }
}

std::optional<Range> without(const Range& a, const Range& b) {
  if (!b.is_constant() || (a.lo != b.lo && a.hi != b.lo)) return a;
  if (a.is_constant()) return std::nullopt;
  const std::uint64_t step = std::uint64_t{1} << a.shift;
  return a.lo == b.lo ? Range::arc(a.lo + step, a.hi, a.shift) : Range::arc(a.lo, a.hi - step, a.shift);
}

std::optional<Range> equal_to(const Range& a, const Range& b) {
  const auto met = within(a, b.lo, b.hi);
  if (!met || b.shift <= met->shift || (met->lo - b.lo) % (std::uint64_t{1} << met->shift) == 0) return met;
  return std::nullopt;  // the steps never meet
}

// 64 bits, signed: the order of unsigned numbers after the sign bit is flipped.
std::optional<Range> signed_order(std::uint8_t operation, const Range& a, const Range& b) {
  std::uint64_t least = b.lo ^ sign_bit, most = b.hi ^ sign_bit;
  if (least > most) least = 0, most = all_ones;
  const auto allowed = standing(operation, least, most, all_ones);
  return allowed ? within(a, allowed->lo ^ sign_bit, allowed->hi ^ sign_bit) : std::nullopt;
}

// 32 bits, signed, of numbers that have no more bits.
std::optional<Range> narrow_signed_order(std::uint8_t operation, const Range& a, const Range& b) {
  constexpr std::uint64_t flip = std::uint64_t{1} << 31;
  std::uint64_t least = b.lo ^ flip, most = b.hi ^ flip;
  if (least > most) least = 0, most = low_word;
  const auto allowed = standing(operation, least, most, low_word);
  if (!allowed) return std::nullopt;
  const std::uint64_t lo = allowed->lo ^ flip, hi = allowed->hi ^ flip;
  if (lo <= hi) return within(a, lo, hi);
  // [lo, low_word] and [0, hi]: of use only where one of them is out of reach.
  const auto upper = within(a, lo, low_word), lower = within(a, 0, hi);
  if (!upper) return lower;
  return lower ? std::optional{a} : upper;
}

// What `a` can be when `a operation b` holds.
std::optional<Range> given(std::uint8_t operation, Width width, const Range& a, const Range& b) {
  if (operation == bpf::jeq) return equal_to(a, b);
  if (operation == bpf::jne) return without(a, b);
  if (is_signed(operation)) return width == Width::wide ? signed_order(operation, a, b) : narrow_signed_order(operation, a, b);
  const auto allowed = standing(operation, b.least(), b.most(), all_ones);
  return allowed ? within(a, allowed->lo, allowed->hi) : std::nullopt;
}

}  // namespace

bool narrow_down(std::uint8_t operation, Width width, bool taken, Range& a, Range& b) {
  if (operation == bpf::jset) {
    if (a.is_constant() && b.is_constant()) return holds(operation, width, a.lo, b.lo) == taken;
    return true;
  }
  Range low = b;
  if (width == Width::narrow) {
    // Only the low halves count. What a constant has above them (a sign-extended immediate, say) it keeps.
    if (b.is_constant()) low = truncate(b);
    if (!a.at_most(low_word) || !low.at_most(low_word)) return true;
  }
  if (!taken) operation = opposite(operation);
  const auto left = given(operation, width, a, low);
  if (!left) return false;
  const auto right = given(mirrored(operation), width, low, *left);
  if (!right) return false;
  a = *left;
  if (!b.is_constant()) b = *right;
  return true;
}

}  // namespace aegis::program
