// SPDX-License-Identifier: MIT
// Sleeping until memory says so, and saying that it does.
#include "kernel/core/program.hpp"
#include "kernel/core/wait.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {
namespace {

bool is_word_address(u64 address) { return address % sizeof(u64) == 0 && address < abi::user_end; }

// Who gets the rest of the slice; nobody: the slice's owner.
Result<Env*> find_target(const Calls& calls, slot target) {
  if (target == abi::no_slot) return nullptr;
  return calls.find<Env>(target, abi::EnvRight::donate);
}

}  // namespace

Answer Calls::env_wait(va words, u32 count, u64 deadline_ns, slot target) {
  if (count == 0 || count > abi::max_wait_words) return fail(Error::bad_argument);
  std::array<abi::WaitWord, abi::max_wait_words> wanted{};
  std::array<u64, abi::max_wait_words> addresses{};
  TRY_VOID(copy_bytes_in(wanted.data(), words, count * sizeof(abi::WaitWord)));
  for (u32 i = 0; i < count; ++i) {
    const abi::WaitWord& word = wanted[i];
    if (word.compare > abi::Compare::at_least || word.reserved != 0) return fail(Error::bad_argument);
    if (!is_word_address(word.address)) return fail(Error::bad_address);
    addresses[i] = word.address;
  }
  Env* to = TRY(find_target(*this, target));
  const Wish wish{.words = std::span{addresses}.first(count), .conditions = std::span{wanted}.first(count)};
  return answer(TRY(wait_until(k, cpu, wish, Nanoseconds{deadline_ns}, to)));
}

Answer Calls::env_watch(slot program, va words, u32 count, u64 deadline_ns, slot target) {
  if (count == 0 || count > abi::max_watch_words) return fail(Error::bad_argument);
  Program& predicate = *TRY(find<Program>(program, abi::ProgramRight::run));
  std::array<u64, abi::max_watch_words> addresses{};
  TRY_VOID(copy_bytes_in(addresses.data(), words, count * sizeof(u64)));
  for (const u64 address : std::span{addresses}.first(count))
    if (!is_word_address(address)) return fail(Error::bad_address);
  Env* to = TRY(find_target(*this, target));
  if (predicate.header.kind != abi::ProgramKind::predicate) return fail(Error::bad_argument);
  if (predicate.state != abi::ProgramState::ready) return fail(Error::wrong_state);
  const Wish wish{.words = std::span{addresses}.first(count), .program = &predicate};
  return answer(TRY(wait_until(k, cpu, wish, Nanoseconds{deadline_ns}, to)));
}

// Who can write a page may say that it has: the page table is the authority.
Answer Calls::page_signal(va address) {
  if (address.raw >= abi::user_end) return fail(Error::bad_address);
  const Word word = TRY(find_word(object_at<Space>(env.space), address.raw));
  if ((word.entry & abi::pte_write) == 0) return fail(Error::missing_right);
  u64 budget = step_budget;
  return signal(k, env, word.frame, budget);
}

}  // namespace aegis::sys
