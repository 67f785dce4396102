// SPDX-License-Identifier: MIT
// Which errors the call table documents for each call: its `errors` column and what its argument types imply, as the head
// of abi/syscalls.def.hpp says. Worked out when this is compiled, for the tests that provoke each.
#pragma once

#include "abi/syscall.hpp"

namespace abi {

using ErrorSet = std::uint32_t;  // bit per Error
[[nodiscard]] constexpr ErrorSet error_bit(Error error) { return 1u << static_cast<std::uint32_t>(error); }
inline constexpr std::uint32_t error_count = 19;

namespace detail {

// The next word of letters, digits, `_` and `-`; empty at the end.
constexpr std::string_view next_word(std::string_view& text) {
  const auto in_word = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  while (!text.empty() && !in_word(text[0])) text.remove_prefix(1);
  std::size_t size = 0;
  while (size < text.size() && in_word(text[size])) ++size;
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

constexpr ErrorSet error_named(std::string_view word) {
  for (std::uint32_t i = 1; i < error_count; ++i)
    if (name(static_cast<Error>(i)) == word) return 1u << i;
  return 0;
}

constexpr ErrorSet implied(std::string_view type, std::string_view name, bool wants_rights) {
  using enum Error;
  if (type == "u32") return error_bit(bad_argument);
  if (type == "va") return error_bit(bad_address);
  if (type != "slot") return 0;
  if (name == "dst") return error_bit(bad_argument) | error_bit(bad_slot) | error_bit(occupied);
  return error_bit(bad_argument) | error_bit(bad_slot) | error_bit(empty_slot) | error_bit(stale) |
         error_bit(wrong_kind) | (wants_rights ? error_bit(missing_right) : 0);
}

constexpr ErrorSet documented_of(std::string_view arguments, std::string_view rights, std::string_view errors) {
  ErrorSet set = 0;
  for (std::string_view type = next_word(arguments); !type.empty(); type = next_word(arguments))
    set |= implied(type, next_word(arguments), !rights.empty());
  for (std::string_view word = next_word(errors); !word.empty(); word = next_word(errors)) {
    const bool without = word[0] == '-';
    const ErrorSet bit = error_named(without ? word.substr(1) : word);
    if (bit == 0) __builtin_trap();  // while compiling: a word in the table that is no error
    set = without ? set & ~bit : set | bit;
  }
  return set;
}

}  // namespace detail

inline constexpr std::array<ErrorSet, call_count> documented = [] {
  std::array<ErrorSet, call_count> all{};
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) \
  all[number] = detail::documented_of(#arguments, rights, errors);
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  return all;
}();
static_assert(documented[static_cast<std::size_t>(Call::nop)] == 0);

}  // namespace abi
