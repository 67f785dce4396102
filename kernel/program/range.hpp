// SPDX-License-Identifier: MIT
// A set of 64-bit numbers: from lo upwards to hi in steps of 2^shift, modulo 2^64, so that hi may be below lo. Such an arc
// is a signed or an unsigned interval as needed, and adding loses nothing. Every operation here answers a superset of the
// right set. Invariant: hi - lo is a multiple of 2^shift, and 0 exactly when shift is 63.
#pragma once

#include "kernel/program/arithmetic.hpp"

namespace aegis::program {

inline constexpr std::uint64_t all_ones = ~std::uint64_t{0}, sign_bit = std::uint64_t{1} << 63, low_word = 0xffff'ffff;

struct Range {
  std::uint64_t lo = 0, hi = all_ones;
  std::uint8_t shift = 0;

  [[nodiscard]] static constexpr Range constant(std::uint64_t value) { return {value, value, 63}; }
  [[nodiscard]] static constexpr Range arc(std::uint64_t lo, std::uint64_t hi, unsigned shift = 0) {
    const std::uint64_t size = shift > 63 ? 0 : (hi - lo) >> shift << shift;
    if (size == 0) return constant(lo);
    if (size == all_ones) return {};
    return {lo, lo + size, static_cast<std::uint8_t>(std::min(shift, 62u))};
  }
  [[nodiscard]] constexpr bool is_constant() const { return lo == hi; }
  [[nodiscard]] constexpr std::uint64_t size() const { return hi - lo; }
  [[nodiscard]] constexpr bool contains(std::uint64_t x) const { return x - lo <= size(); }  // but for the steps
  [[nodiscard]] constexpr std::uint64_t least() const { return lo <= hi ? lo : 0; }
  [[nodiscard]] constexpr std::uint64_t most() const { return lo <= hi ? hi : all_ones; }
  [[nodiscard]] constexpr bool at_most(std::uint64_t bound) const { return most() <= bound; }
  friend constexpr bool operator==(const Range&, const Range&) = default;
};

[[nodiscard]] constexpr unsigned trailing_zeros(std::uint64_t x) { return x == 0 ? 63 : static_cast<unsigned>(std::countr_zero(x)); }

[[nodiscard]] constexpr Range join(const Range& a, const Range& b) {
  const unsigned shift = std::min({unsigned{a.shift}, unsigned{b.shift}, trailing_zeros(a.lo - b.lo)});
  const bool a_starts_b = a.contains(b.lo), a_ends_b = a.contains(b.hi);
  const bool b_starts_a = b.contains(a.lo), b_ends_a = b.contains(a.hi);
  if (a_starts_b && a_ends_b && b_starts_a && b_ends_a) {  // equal arcs, or together all numbers
    if (a.lo == b.lo && a.hi == b.hi) return Range::arc(a.lo, a.hi, shift);
    return Range::arc(a.lo & ((std::uint64_t{1} << shift) - 1), all_ones, shift);
  }
  if (a_starts_b && a_ends_b) return Range::arc(a.lo, a.hi, shift);
  if (b_starts_a && b_ends_a) return Range::arc(b.lo, b.hi, shift);
  if (a_starts_b) return Range::arc(a.lo, b.hi, shift);
  if (b_starts_a) return Range::arc(b.lo, a.hi, shift);
  // Two arcs apart: over the smaller gap.
  return b.hi - a.lo <= a.hi - b.lo ? Range::arc(a.lo, b.hi, shift) : Range::arc(b.lo, a.hi, shift);
}

// The members of `a` that lie in the arc [lo, hi], or a superset of them; nothing when there are none.
[[nodiscard]] constexpr std::optional<Range> within(const Range& a, std::uint64_t lo, std::uint64_t hi) {
  const Range b{lo, hi, 0};
  if (b.contains(a.lo) && a.hi - lo >= a.lo - lo && b.contains(a.hi)) return a;
  const bool starts_inside = a.contains(lo), begins = b.contains(a.lo);
  if (!starts_inside && !begins) return std::nullopt;
  if (starts_inside && begins && lo != a.lo) return a;  // two pieces
  const std::uint64_t below = (std::uint64_t{1} << a.shift) - 1;
  const std::uint64_t from = begins ? 0 : lo - a.lo, first = (from + below) & ~below;  // distances from a.lo
  const std::uint64_t last = a.contains(hi) && hi - a.lo >= from ? hi - a.lo : a.size();
  if (first < from || first > last) return std::nullopt;
  return Range::arc(a.lo + first, a.lo + last, a.shift);
}

// --- arithmetic ---------------------------------------------------------------------------------------------------------
[[nodiscard]] constexpr Range plus(const Range& a, const Range& b) {
  const unsigned shift = std::min(a.shift, b.shift);
  if (a.size() > all_ones - b.size()) return Range::arc((a.lo + b.lo) & ((std::uint64_t{1} << shift) - 1), all_ones, shift);
  return Range::arc(a.lo + b.lo, a.hi + b.hi, shift);
}
[[nodiscard]] constexpr Range minus(const Range& a, const Range& b) { return plus(a, Range{0 - b.hi, 0 - b.lo, b.shift}); }

// The low 32 bits of it.
[[nodiscard]] constexpr Range truncate(const Range& a) {
  if (a.at_most(low_word)) return a;
  const std::uint64_t lo = a.lo & low_word, hi = a.hi & low_word;
  if (a.size() <= low_word && lo <= hi) return Range::arc(lo, hi, a.shift);
  return a.shift < 32 ? Range::arc(a.lo & ((std::uint64_t{1} << a.shift) - 1), low_word, a.shift) : Range::constant(lo);
}

[[nodiscard]] constexpr Range sign_extended(const Range& a, unsigned bits) {
  const std::uint64_t half = std::uint64_t{1} << (bits - 1);
  if (a.at_most(half - 1)) return a;
  if (bits == 64) return a;
  const std::uint64_t lo = sign_extend(a.lo, bits), hi = sign_extend(a.hi, bits);
  if (a.size() < 2 * half && static_cast<std::int64_t>(lo) <= static_cast<std::int64_t>(hi)) return Range::arc(lo, hi, a.shift);
  return Range::arc(0 - half, half - 1);
}

// `value` has this many bits at most.
[[nodiscard]] constexpr std::uint64_t mask_over(std::uint64_t value) {
  return value == 0 ? 0 : all_ones >> std::countl_zero(value);
}

// The operation on 64-bit values; operands of narrow ones have been truncated, and the result will be.
[[nodiscard]] constexpr Range compute(std::uint8_t operation, unsigned bits, const Range& a, const Range& b) {
  const std::uint64_t most_a = a.most(), most_b = b.most();
  const unsigned by = static_cast<unsigned>(b.lo) & (bits - 1);
  switch (operation) {
    case bpf::add: return plus(a, b);
    case bpf::sub: return minus(a, b);
    case bpf::neg: return minus(Range::constant(0), a);
    case bpf::mul:
      if (most_b != 0 && most_a > all_ones / most_b) return {};
      if (a.lo > a.hi || !b.is_constant()) return Range::arc(a.least() * b.least(), most_a * most_b);
      return Range::arc(a.lo * b.lo, a.hi * b.lo, std::min(63u, a.shift + trailing_zeros(b.lo)));
    case bpf::div:
      if (b.is_constant() && b.lo != 0) return Range::arc(a.least() / b.lo, most_a / b.lo);
      return Range::arc(0, most_a);
    case bpf::mod:
      if (b.is_constant() && b.lo != 0) return Range::arc(0, std::min(most_a, b.lo - 1));
      return Range::arc(0, most_a);
    case bpf::bit_and:
      return Range::arc(0, std::min(most_a, most_b), b.is_constant() ? trailing_zeros(b.lo) : 0);
    case bpf::bit_or: return Range::arc(std::max(a.least(), b.least()), mask_over(most_a | most_b));
    case bpf::bit_xor: return Range::arc(0, mask_over(most_a | most_b));
    case bpf::lsh:
      if (!b.is_constant()) return {};
      if (most_a > all_ones >> by) return Range::arc(0, all_ones, std::min(63u, by));
      return Range::arc(a.least() << by, most_a << by, a.lo > a.hi ? 0 : std::min(63u, a.shift + by));
    case bpf::rsh:
      if (!b.is_constant()) return Range::arc(0, most_a);
      return Range::arc(a.least() >> by, most_a >> by);
    default: {  // arsh
      const Range s = bits == 32 ? sign_extended(a, 32) : a;
      const auto lo = static_cast<std::int64_t>(s.lo), hi = static_cast<std::int64_t>(s.hi);
      if (!b.is_constant()) return lo >= 0 && lo <= hi ? Range::arc(0, s.hi) : Range{};
      if (lo > hi) return Range::arc(sign_extend(sign_bit >> by, 64 - by), (sign_bit - 1) >> by);
      return Range::arc(static_cast<std::uint64_t>(lo >> by), static_cast<std::uint64_t>(hi >> by));
    }
  }
}

}  // namespace aegis::program
