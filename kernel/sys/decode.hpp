// SPDX-License-Identifier: MIT
// From six raw registers to typed arguments. Bits that an argument's type does not have are refused, never cut off.
#pragma once

#include "kernel/sys/calls.hpp"

namespace aegis::sys {

using RawArguments = const std::uint64_t*;  // six

template <typename T>
[[nodiscard]] constexpr Result<T> decode(std::uint64_t raw) {
  if constexpr (std::is_same_v<T, u64>) {
    return raw;
  } else if constexpr (std::is_same_v<T, frame>) {
    return frame{raw};
  } else if constexpr (std::is_same_v<T, va>) {
    if (raw > abi::user_end) return fail(Error::bad_address);
    return va{raw};
  } else {
    static_assert(std::is_same_v<T, u32> || std::is_same_v<T, slot>);
    if (raw >> 32 != 0) return fail(Error::bad_argument);
    return T{static_cast<std::uint32_t>(raw)};
  }
}

template <typename Method>
struct Decoder;
template <typename... Arguments>
struct Decoder<Answer (Calls::*)(Arguments...)> {
  static_assert(sizeof...(Arguments) <= 6);
  template <auto method>
  static Answer run(Calls& calls, RawArguments raw) {
    return run<method>(calls, raw, std::index_sequence_for<Arguments...>{});
  }

 private:
  template <auto method, std::size_t... I>
  static Answer run(Calls& calls, [[maybe_unused]] RawArguments raw, std::index_sequence<I...>) {
    Error error = Error::none;
    ((error == Error::none ? check(decode<Arguments>(raw[I]), error) : void()), ...);
    if (error != Error::none) return fail(error);
    return (calls.*method)(*decode<Arguments>(raw[I])...);
  }
  template <typename T>
  static void check(const Result<T>& argument, Error& error) {
    if (!argument.has_value()) error = argument.error();
  }
};

using Entry = Answer (*)(Calls&, RawArguments);

Answer no_such_call(Calls& calls, RawArguments raw);
Answer page_update_in_registers(Calls& calls, RawArguments raw);  // space.cpp

// A power of two, so that one `and` keeps an index inside, also while the processor runs ahead of the check of the number;
// the entry code does that for keeping_call.
inline constexpr std::size_t entry_count = 64;
static_assert(abi::call_count <= entry_count);
inline constexpr std::array<Entry, entry_count> entries = [] {
  std::array<Entry, entry_count> all{};
  all.fill(&no_such_call);
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) \
  all[number] = &Decoder<decltype(&Calls::name)>::template run<&Calls::name>;
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  // Before its decoder this one tries what is short throughout.
  all[static_cast<std::size_t>(abi::Call::page_update)] = &page_update_in_registers;
  return all;
}();
[[nodiscard]] inline std::uint64_t masked_number(std::uint64_t number) {
  asm("" : "+r"(number));  // else the compiler would know from the check before that there is nothing to mask
  return number % entry_count;
}

// Each number once, in order.
inline constexpr std::array numbers{
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) number,
    AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
};
static_assert(std::ranges::adjacent_find(numbers, std::ranges::greater_equal{}) == numbers.end());

}  // namespace aegis::sys
