// SPDX-License-Identifier: MIT
// Sleep until a word compares true (env_wait). The words are named by address and looked at through the page tables of the
// env's space whenever somebody would give it time; nothing is pinned, and a sleeper that nobody looks at costs nothing.
#pragma once

#include "kernel/core/env.hpp"

namespace aegis {

inline constexpr std::uint32_t no_word = ~std::uint32_t{0};

// The 8 bytes at an aligned address of the space; bad_address where nothing is mapped.
[[nodiscard]] Result<std::uint64_t> read_word(const Space& space, std::uint64_t va);
// The first word that compares true, or no_word.
[[nodiscard]] Result<std::uint32_t> find_true_word(const Space& space, std::span<const abi::WaitWord> words);

// Ends the wait of an env that is about to leave its sleep: its registers say why, `otherwise` when no word is true.
void end_wait(Env& env, std::uint64_t otherwise);
// Whether an env that sleeps has a word that is true (or gone). It is ready then, and the caller gives it time.
[[nodiscard]] bool wakes_by_word(Kernel& k, Env& env);

}  // namespace aegis
