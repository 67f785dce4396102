// SPDX-License-Identifier: MIT
// Sums of products against a plain evaluator: by hand, and random ones, in the interpreter and in native code.
#include "libos/parts/program/products.hpp"

#include <gtest/gtest.h>

#include <random>

#include "tests/program/harness.hpp"

namespace program_test {
namespace {

using namespace parts::program;
using Words = std::array<std::uint64_t, abi::max_watch_words>;
using Sums = std::vector<std::vector<Atom>>;
constexpr std::uint64_t the_time = 123'456'789'012;  // as harness.cpp has it

bool holds(Relation relation, std::uint64_t a, std::uint64_t b) {
  switch (relation) {
    case Relation::equal: return a == b;
    case Relation::not_equal: return a != b;
    case Relation::below: return a < b;
    case Relation::at_least: return a >= b;
    case Relation::above: return a > b;
    case Relation::at_most: return a <= b;
  }
  return false;
}
std::uint64_t value_of(const Sums& sum, const Words& words) {
  const auto read = [&](const Term& term) {
    return term.what == Term::What::word ? words[term.value] : term.what == Term::What::time ? the_time : term.value;
  };
  for (std::size_t p = 0; p < sum.size(); ++p)
    if (std::ranges::all_of(sum[p], [&](const Atom& a) { return holds(a.relation, read(a.left) & a.mask, read(a.right)); })) return p + 1;
  return 0;
}

struct Compiled {
  std::vector<bpf::Instruction> code = std::vector<bpf::Instruction>(abi::max_program_length);
  base::Expected<abi::ProgramHeader, SumFailure> header = base::Unexpected{SumFailure{}};
  explicit Compiled(const Sums& sum, std::size_t room = abi::max_program_length) {
    code.resize(room);
    std::vector<Product> products(sum.begin(), sum.end());
    header = compile(products, code);
    if (header.has_value()) code.resize(header->length);
  }
};

// The value of the compiled sum, which both ways of running must agree on.
std::uint64_t run(const Sums& sum, const Words& words) {
  const Compiled compiled{sum};
  EXPECT_TRUE(compiled.header.has_value());
  if (!compiled.header.has_value()) return ~0ull;
  const Program program{compiled.code, {.kind = abi::ProgramKind::predicate, .min_context = compiled.header->min_context, .steps = compiled.header->steps}};
  EXPECT_EQ(program.refusal(), Refusal::none) << describe(program.refusal()) << " at " << program.refused_at();
  if (!program.accepted()) return ~0ull;
  const auto context = std::as_bytes(std::span{words});
  const Outcome one = program.interpret(context), other = program.execute(context);
  EXPECT_EQ(one.fault, Refusal::none);
  EXPECT_TRUE(one == other);
  EXPECT_EQ(one.end, ProgramEnd::value) << "it has steps enough, and its words";
  return one.value;
}
void expect_same(const Sums& sum, const Words& words, std::uint64_t want) {
  EXPECT_EQ(run(sum, words), want);
  EXPECT_EQ(value_of(sum, words), want);
}

TEST(Products, ByHand) {
  Words words{};
  words[0] = 7, words[1] = 9, words[15] = ~0ull;
  expect_same({}, words, 0);
  expect_same({{}}, words, 1);
  expect_same({{{word(0), Relation::equal, constant(7)}}}, words, 1);
  expect_same({{{word(0), Relation::equal, constant(8)}}, {{word(0), Relation::below, word(1)}}}, words, 2);
  expect_same({{{word(0), Relation::equal, constant(7)}, {word(1), Relation::above, constant(9)}}, {{word(15), Relation::at_most, constant(~0ull)}}}, words, 2);
  expect_same({{{word(15), Relation::equal, constant(0x1234'5678'9abc'def0), 0x1234'5678'9abc'def0}}}, words, 1);
  expect_same({{{word(15), Relation::equal, constant(0xff), 0xff}, {word(0), Relation::not_equal, word(1)}}}, words, 1);
  expect_same({{{word(0), Relation::below, constant(0)}}}, words, 0);
  expect_same({{{word(0), Relation::at_least, constant(0)}}}, words, 1);
}

TEST(Products, TimeIsATerm) {
  const Words words{};
  expect_same({{time_reaches(the_time)}}, words, 1);
  expect_same({{time_reaches(the_time + 1)}}, words, 0);
  expect_same({{time_reaches(1), {word(3), Relation::equal, constant(1)}}, {{word(3), Relation::equal, constant(0)}, time_reaches(2)}}, words, 2);
  const std::vector<Atom> one{time_reaches(10), {word(0), Relation::equal, constant(5)}}, two{time_reaches(30)};
  const std::array<Product, 2> sum{one, two};
  EXPECT_EQ(next_time(sum, 0), 10u);
  EXPECT_EQ(next_time(sum, 10), 30u);
  EXPECT_EQ(next_time(sum, 30), ~0ull);
}

TEST(Products, RandomSumsAgree) {
  std::mt19937_64 random{1997};
  const auto below = [&](std::uint64_t n) { return random() % n; };
  const auto number = [&]() -> std::uint64_t {
    constexpr std::array<std::uint64_t, 12> odd{0, 1, 2, 0x7fff'ffff, 0x8000'0000, 0xffff'ffff, 0x1'0000'0000, 0x7fff'ffff'ffff'ffff,
                                                0x8000'0000'0000'0000, 0xffff'ffff'8000'0000, ~0ull, ~0ull - 1};
    return below(3) == 0 ? random() : below(2) == 0 ? below(4) : odd[below(odd.size())];
  };
  std::array<std::uint64_t, 2> seen{};
  for (int round = 0; round < 3000; ++round) {
    Words words{};
    for (auto& w : words) w = number();
    Sums sum(below(5));
    for (auto& product : sum) {
      product.resize(below(6));
      for (Atom& atom : product) {
        const std::uint64_t mask = below(3) == 0 ? number() : ~0ull;
        const bool time = below(8) == 0;
        atom = {time ? Term{Term::What::time} : word(below(16)), static_cast<Relation>(below(6)), constant(number()), mask};
        if (below(3) == 0) atom.right = word(below(16));
        else if (below(2) == 0) atom.right = constant((time ? the_time : words[atom.left.value]) & mask);
      }
    }
    const std::uint64_t got = run(sum, words);
    ASSERT_EQ(got, value_of(sum, words)) << "round " << round;
    ++seen[got != 0 ? 1 : 0];
  }
  EXPECT_GT(seen[0], 300u);
  EXPECT_GT(seen[1], 300u);
}

TEST(Products, WhatCannotBe) {
  const auto fault = [](const Sums& sum, std::size_t room = abi::max_program_length) {
    const Compiled compiled{sum, room};
    return compiled.header.has_value() ? std::nullopt : std::optional{compiled.header.error()};
  };
  const Atom good{word(0), Relation::equal, constant(1)};
  const auto first = fault({{good}, {good, {word(16), Relation::equal, constant(1)}}});
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->fault, SumFault::no_such_word);
  EXPECT_EQ(first->product, 1u);
  EXPECT_EQ(first->atom, 1u);
  EXPECT_EQ(fault({{{word(0), Relation::equal, word(~0ull)}}})->fault, SumFault::no_such_word);
  EXPECT_EQ(fault({{{word(0), static_cast<Relation>(6), constant(1)}}})->fault, SumFault::unknown_relation);
  EXPECT_EQ(fault({{{constant(0), Relation::equal, constant(1)}}})->fault, SumFault::bad_term);
  EXPECT_EQ(fault({{{word(0), Relation::equal, Term{Term::What::time}}}})->fault, SumFault::bad_term);
  for (std::size_t room = 0; room < 6; ++room) EXPECT_EQ(fault({{good}}, room)->fault, SumFault::too_long) << room;
  EXPECT_FALSE(fault({{good}}, 6).has_value());
  EXPECT_EQ(fault(Sums(2000, std::vector<Atom>{good}))->fault, SumFault::too_long);
}

}  // namespace
}  // namespace program_test
