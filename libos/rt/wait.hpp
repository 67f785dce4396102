// SPDX-License-Identifier: MIT
// Sleeping until a word in memory says so. No wake-up is lost: the kernel looks at the words after it has marked the
// env as waiting, and a wake that came before the call ends it at once.
#pragma once

#include "libos/rt/objects.hpp"

namespace rt {

// Conditions on a word of 8 bytes that others change. The word must stay mapped while the env waits.
using Word = const volatile std::uint64_t;
[[nodiscard]] inline abi::WaitWord condition(Word& word, abi::Compare compare, std::uint64_t value,
                                             std::uint64_t mask = ~std::uint64_t{0}) {
  return {.address = Va{&word}.raw(), .mask = mask, .value = value, .compare = compare, .reserved = 0};
}
[[nodiscard]] inline abi::WaitWord is_equal(Word& word, std::uint64_t value) {
  return condition(word, abi::Compare::equal, value);
}
[[nodiscard]] inline abi::WaitWord is_not(Word& word, std::uint64_t value) {
  return condition(word, abi::Compare::not_equal, value);
}
[[nodiscard]] inline abi::WaitWord is_at_least(Word& word, std::uint64_t value) {
  return condition(word, abi::Compare::at_least, value);
}

// What ended the wait: the condition with this index, the deadline, somebody's env_wake, or the loss of a page.
struct Awake {
  std::uint64_t why;
  [[nodiscard]] constexpr bool by_word() const { return why < abi::max_wait_words; }
  [[nodiscard]] constexpr bool by_deadline() const { return why == abi::wait_deadline; }
  [[nodiscard]] constexpr bool by_wake() const { return why == abi::wait_woken; }
  [[nodiscard]] constexpr bool by_loss() const { return why == abi::wait_revoked || why == abi::wait_ended; }
};

// `target`: who gets the rest of the slice (right: donate); no_slot: the slice's owner.
inline Result<Awake> wait(std::span<const abi::WaitWord> conditions, abi::Nanoseconds deadline = abi::forever,
                          CapSlot target = abi::no_slot) {
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(conditions.size(), ~std::uint32_t{0}));
  return Awake{TRY(call::env_wait(conditions.data(), count, deadline.raw(), target))};
}
inline Result<Awake> wait(const abi::WaitWord& one, abi::Nanoseconds deadline = abi::forever,
                          CapSlot target = abi::no_slot) {
  return wait(std::span{&one, 1}, deadline, target);
}

// Waits until a program of kind `predicate` (right: run) has a value that is not 0; its context are the words. Watched::why
// tells apart what ended the wait. libos/parts/program/products.hpp makes such programs from comparisons.
inline Result<abi::Watched> watch(CapSlot program, std::span<Word* const> words, abi::Nanoseconds deadline = abi::forever,
                                  CapSlot target = abi::no_slot) {
  const auto count = static_cast<std::uint32_t>(std::min<std::size_t>(words.size(), ~std::uint32_t{0}));
  return abi::Watched::unpack(TRY(call::env_watch(program, words.data(), count, deadline.raw(), target)));
}
// Says that words in the page of this one have changed: who waits for them is looked at.
inline Status signal(Word& word) {
  return until_done([&] { return call::page_signal(&word); });
}

}  // namespace rt
