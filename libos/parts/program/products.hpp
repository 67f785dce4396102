// SPDX-License-Identifier: MIT
// Sums of products, the classic form of wakeup predicates (Xok, 1997): true when all comparisons of at least one product
// are. Made into a program of kind `predicate`, whose value is the number of the first product that is true, from 1 on.
// Allocates nothing.
#pragma once

#include "abi/env.hpp"
#include "abi/program.hpp"
#include "base/result.hpp"

namespace parts::program {

enum class Relation : std::uint8_t { equal, not_equal, below, at_least, above, at_most };  // of numbers without sign

// (left & mask) relation right. What is compared: a word of those that env_watch is given, by its place there; a constant;
// or, on the left, the time in nanoseconds.
struct Term {
  enum class What : std::uint8_t { word, constant, time };
  What what;
  std::uint64_t value = 0;  // a word's place, or the constant
};
[[nodiscard]] constexpr Term word(std::uint64_t place) { return {Term::What::word, place}; }
[[nodiscard]] constexpr Term constant(std::uint64_t value) { return {Term::What::constant, value}; }
struct Atom {
  Term left;
  Relation relation;
  Term right;
  std::uint64_t mask = ~std::uint64_t{0};
};
[[nodiscard]] constexpr Atom time_reaches(std::uint64_t ns) { return {{Term::What::time}, Relation::at_least, constant(ns)}; }

using Product = std::span<const Atom>;  // none: always true
using Sum = std::span<const Product>;   // none: never

enum class SumFault : std::uint8_t {
  no_such_word,      // beyond abi::max_watch_words
  unknown_relation,
  bad_term,          // a constant on the left, or the time on the right
  too_long,          // for `out`, or for a program of the kernel
};
struct SumFailure {
  SumFault fault;
  std::uint32_t product;  // and so on, counted from 0
  std::uint32_t atom;
};

// Writes the program to `out`, which the header points to afterwards: its length, steps and least context are the sum's.
[[nodiscard]] base::Expected<abi::ProgramHeader, SumFailure> compile(Sum sum, std::span<abi::bpf::Instruction> out);

// The first time after `after` at which a comparison with the time may change, or forever: the deadline for env_watch. A look
// there that finds the sum still false goes on with the next one.
[[nodiscard]] std::uint64_t next_time(Sum sum, std::uint64_t after);

}  // namespace parts::program
