// SPDX-License-Identifier: MIT
#include "kernel/core/wait.hpp"

#include "kernel/core/space.hpp"

namespace aegis {
namespace {

bool is_true(const abi::WaitWord& wanted, std::uint64_t word) {
  word &= wanted.mask;
  switch (wanted.compare) {
    case abi::Compare::equal: return word == wanted.value;
    case abi::Compare::not_equal: return word != wanted.value;
    case abi::Compare::below: return word < wanted.value;
    case abi::Compare::at_least: return word >= wanted.value;
  }
  return false;
}

std::span<const abi::WaitWord> words_of(const Env& env) { return std::span{env.words}.first(env.wait_count); }

}  // namespace

Result<std::uint64_t> read_word(const Space& space, std::uint64_t va) {
  std::uint64_t* table = space.top_table();
  for (std::uint32_t level = 4;; --level) {
    const std::uint64_t entry = std::atomic_ref{table[entry_index(va, level)]}.load(std::memory_order_relaxed);
    if (!is_present(entry)) return fail(Error::bad_address);
    const bool large = level == 2 && (entry & abi::pte_large) != 0;
    if (level > 1 && !large) {
      table = table_at(entry);
      continue;
    }
    std::uint64_t frame = pte_frame(entry).raw();
    if (large) frame = base::align_down<std::uint64_t>(frame, table_entries) + entry_index(va, 1);
    auto* word = reinterpret_cast<std::uint64_t*>(arch::frame_memory(FrameNumber{frame}) + va % abi::page_size);
    return std::atomic_ref{*word}.load(std::memory_order_acquire);  // pairs with the writer's release, in ring 3
  }
}

Result<std::uint32_t> find_true_word(const Space& space, std::span<const abi::WaitWord> words) {
  for (std::uint32_t i = 0; i < words.size(); ++i)
    if (is_true(words[i], TRY(read_word(space, words[i].address)))) return i;
  return no_word;
}

void end_wait(Env& env, std::uint64_t otherwise) {
  if (env.wait_count == 0) return;
  const auto word = find_true_word(object_at<Space>(env.space), words_of(env));
  env.wait_count = 0;
  abi::Registers& r = env.context.registers;
  r.rax = static_cast<std::uint64_t>(word.has_value() ? Error::none : word.error());
  r.rdx = !word.has_value() ? 0 : *word == no_word ? otherwise : *word;
}

bool wakes_by_word(Kernel& k, Env& env) {
  if (env.state != RunState::sleeping || env.wait_count == 0) return false;
  const auto word = find_true_word(object_at<Space>(env.space), words_of(env));
  if (word.has_value() && *word == no_word) return false;
  k.sleepers.remove(env);
  end_wait(env, abi::wait_woken);
  env.set_state(RunState::ready);
  return true;
}

}  // namespace aegis
