// SPDX-License-Identifier: MIT
// The sets of numbers that the verifier computes with: whatever was in the operands, the result is in the answer.
#include <gtest/gtest.h>

#include <random>

#include "kernel/program/branch.hpp"
#include "tests/program/harness.hpp"

namespace program_test {
namespace {

using u64 = std::uint64_t;

std::mt19937_64 dice{1969};

u64 some_number() {
  constexpr std::array<u64, 14> edges{0,
                                      1,
                                      2,
                                      0x7f,
                                      0x80,
                                      0xffff,
                                      0x7fff'ffff,
                                      0x8000'0000,
                                      low_word,
                                      low_word + 1,
                                      sign_bit - 1,
                                      sign_bit,
                                      all_ones - 1,
                                      all_ones};
  const u64 near = edges[dice() % edges.size()] + dice() % 5 - 2;
  return dice() % 2 == 0 ? near : dice() >> dice() % 64;
}

Range some_range() {
  const u64 lo = some_number();
  if (dice() % 4 == 0) return Range::constant(lo);
  return Range::arc(lo, lo + (dice() % 2 == 0 ? dice() % 100 : some_number()),
                    static_cast<unsigned>(dice() % 3 == 0 ? dice() % 8 : 0));
}

u64 member_of(const Range& range) {
  if (range.is_constant()) return range.lo;
  const u64 count = range.size() >> range.shift;  // steps to the last
  const u64 step = dice() % 4 == 0 ? 0 : dice() % 4 == 0 ? count : count == all_ones ? dice() : dice() % (count + 1);
  return range.lo + (step << range.shift);
}

bool holds_in(const Range& range, u64 x) {
  return range.contains(x) && (range.is_constant() || ((x - range.lo) & ((u64{1} << range.shift) - 1)) == 0);
}

bool is_well_formed(const Range& range) {
  if (range.is_constant()) return range.shift == 63;
  return range.shift < 63 && range.size() % (u64{1} << range.shift) == 0;
}

std::string show(const Range& r) {
  char text[80];
  std::snprintf(text, sizeof text, "[%llx, %llx]/%u", static_cast<unsigned long long>(r.lo),
                static_cast<unsigned long long>(r.hi), unsigned{r.shift});
  return text;
}

constexpr int rounds = 400'000;

TEST(Range, JoinHoldsBoth) {
  for (int i = 0; i < rounds; ++i) {
    const Range a = some_range(), b = some_range(), both = join(a, b);
    ASSERT_TRUE(is_well_formed(a) && is_well_formed(both)) << show(a) << show(b) << show(both);
    for (const u64 x : {member_of(a), member_of(b), a.lo, a.hi, b.lo, b.hi})
      ASSERT_TRUE(holds_in(both, x)) << show(a) << show(b) << show(both);
  }
}

TEST(Range, ArithmeticHoldsEveryResult) {
  constexpr std::array<std::uint8_t, 12> operations{bpf::add, bpf::sub,    bpf::mul,     bpf::div,
                                                    bpf::mod, bpf::bit_or, bpf::bit_and, bpf::bit_xor,
                                                    bpf::lsh, bpf::rsh,    bpf::arsh,    bpf::neg};
  for (int i = 0; i < rounds; ++i) {
    const std::uint8_t op = operations[static_cast<std::size_t>(i) % operations.size()];
    const bool wide = dice() % 2 == 0;
    Range a = some_range(), b = some_range();
    if (!wide) a = truncate(a), b = truncate(b);
    const u64 x = member_of(a), y = member_of(b);
    const Range full = compute(op, wide ? 64 : 32, a, b), result = wide ? full : truncate(full);
    const u64 right = compute(op, wide ? Width::wide : Width::narrow, 0, x, y);
    ASSERT_TRUE(is_well_formed(result)) << unsigned{op} << show(a) << show(b) << show(result);
    ASSERT_TRUE(holds_in(result, right)) << "op " << unsigned{op} << (wide ? " wide " : " narrow ") << show(a)
                                         << show(b) << show(result) << std::hex << " " << x << " and " << y << " give "
                                         << right;
  }
}

TEST(Range, TruncationAndSignHoldEveryResult) {
  for (int i = 0; i < rounds; ++i) {
    const Range a = some_range();
    const u64 x = member_of(a);
    ASSERT_TRUE(holds_in(truncate(a), x & low_word)) << show(a) << show(truncate(a));
    for (const unsigned bits : {8u, 16u, 32u})
      ASSERT_TRUE(holds_in(sign_extended(a, bits), sign_extend(x, bits)))
          << bits << show(a) << show(sign_extended(a, bits));
  }
}

TEST(Range, ComparisonsNeverLoseAPair) {
  constexpr std::array<std::uint8_t, 11> operations{bpf::jeq,  bpf::jne,  bpf::jgt,  bpf::jge,  bpf::jlt, bpf::jle,
                                                    bpf::jsgt, bpf::jsge, bpf::jslt, bpf::jsle, bpf::jset};
  for (int i = 0; i < rounds; ++i) {
    const std::uint8_t op = operations[static_cast<std::size_t>(i) % operations.size()];
    const Width width = dice() % 2 == 0 ? Width::wide : Width::narrow;
    const Range a = some_range(), b = dice() % 3 == 0 ? a : some_range();
    const u64 x = member_of(a), y = dice() % 4 == 0 && holds_in(b, x) ? x : member_of(b);
    Range left = a, right = b;
    const bool taken = holds(op, width, x, y);
    ASSERT_TRUE(narrow_down(op, width, taken, left, right))
        << unsigned{op} << show(a) << show(b) << std::hex << x << " " << y;
    ASSERT_TRUE(is_well_formed(left) && is_well_formed(right))
        << unsigned{op} << show(a) << show(b) << show(left) << show(right);
    ASSERT_TRUE(holds_in(left, x) && holds_in(right, y))
        << "op " << unsigned{op} << (width == Width::wide ? " wide " : " narrow ") << taken << show(a) << show(b)
        << show(left) << show(right) << std::hex << x << " " << y;
  }
}

}  // namespace
}  // namespace program_test
