// SPDX-License-Identifier: MIT
// The call table's names, and the classes by which --strace chooses. As strace(1) has them: `file` takes a name, `desc` a
// descriptor, the others are lists.
#pragma once

#include "libos/exos/calls.def.hpp"
#include "libos/exos/missing_calls.def.hpp"

#include "base/std.hpp"

namespace exos {

inline constexpr std::size_t call_count = 512;   // Linux numbers are below

struct CallName {
  std::string_view name, format;
  [[nodiscard]] constexpr bool here() const { return format.data() != nullptr; }   // false: not in ExOS
};

[[nodiscard]] const CallName& call_name(std::uint64_t number);   // < call_count; an empty name: no such call

// A set of calls, of the numbers below call_count.
class CallSet {
 public:
  [[nodiscard]] bool has(std::uint64_t number) const { return number < call_count && (words_[number / 64] >> number % 64 & 1) != 0; }
  void add(std::uint64_t number) { words_[number / 64] |= std::uint64_t{1} << number % 64; }
  void invert() { for (std::uint64_t& word : words_) word = ~word; }

 private:
  std::array<std::uint64_t, call_count / 64> words_{};
};

// `text`: "all", or names of classes and calls with commas between, with a `!` in front for all but those. The name that is
// none, when there is one; empty: well.
[[nodiscard]] std::string_view parse_call_set(std::string_view text, CallSet& out);

}  // namespace exos
