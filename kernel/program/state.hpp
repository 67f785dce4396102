// SPDX-License-Identifier: MIT
// What the verifier knows at one point of a program, on every way that leads there: a value for each register and for
// each word of the function's stack that is in use.
#pragma once

#include "kernel/program/range.hpp"
#include "kernel/program/run.hpp"

namespace aegis::program {

enum class What : std::uint8_t {
  unset = 0,    // may not have been written
  number = 1,
  length = 2,   // a number: the context's length, unchanged
  pointer = 3,  // range: the offset into the region
  mixed = 4,    // different things on different ways; may not be used
  outer = 5,    // a pointer into the stack of a calling function; may not be used
  bytes = 6,    // a word of the stack, of which `mask` has a bit for each byte that is written; numbers
};

struct Value {
  [[no_unique_address]] Range range;  // its padding holds the rest
  What what = What::unset;
  Region region = Region::none;
  std::uint8_t mask = 0;

  [[nodiscard]] static constexpr Value number(const Range& range) { return {range, What::number}; }
  [[nodiscard]] static constexpr Value constant(std::uint64_t value) { return number(Range::constant(value)); }
  [[nodiscard]] static constexpr Value pointer(Region region, const Range& offset) { return {offset, What::pointer, region}; }
  [[nodiscard]] constexpr bool is_number() const { return what == What::number || what == What::length; }
  [[nodiscard]] constexpr bool is_pointer() const { return what == What::pointer; }
  friend constexpr bool operator==(const Value&, const Value&) = default;
};
static_assert(sizeof(Value) == 24);

inline constexpr std::uint32_t tracked_registers = 10;  // r10 never changes
inline constexpr std::uint32_t frame_words = abi::program_frame_size / 8;

struct State {
  std::uint32_t min_context = 0;  // the context is at least this long, or the run would have ended before
  std::uint16_t depth = 0;        // words of the stack, from the top, that are known; those below are unset
  std::uint8_t function = 0;
  std::uint8_t visits = 0;        // of a kept state: joins that changed it
  std::array<Value, tracked_registers> reg{};
  std::array<Value, frame_words> word;  // word i lies at r10 - 8 * (i + 1)

  // Kept states end behind their last known word.
  [[nodiscard]] static constexpr std::size_t bytes_for(std::size_t depth) { return offsetof(State, word) + depth * sizeof(Value); }
};

// Bounds at which a growing range stops on its way up: constants of the program.
struct Thresholds {
  std::array<std::uint64_t, 64> at{};
  std::uint32_t count = 0;
  void add(std::uint64_t value) {
    if (count < at.size() && std::find(at.begin(), at.begin() + count, value) == at.begin() + count) at[count++] = value;
  }
};

enum class Growth : std::uint8_t { exact, threshold, everything };

// Makes `kept` cover `come` as well. True when it changed.
[[nodiscard]] bool join_into(State& kept, const State& come, Growth growth, const Thresholds& thresholds);

}  // namespace aegis::program
