// SPDX-License-Identifier: MIT
// Sleep until memory says so: a few comparisons (env_wait) or a program of kind `predicate` (env_watch) over words. The words
// are found through the page tables once, when the env goes to sleep; from then on their frames are pinned (watch.hpp).
// A look reads the words and decides. It happens when the env goes to sleep, when a page of it is signalled, when somebody
// would give it time, at its deadline and at a wake; a sleeper that nobody looks at costs nothing.
#pragma once

#include "kernel/core/env.hpp"

namespace aegis {

struct Program;

// What an env asks to wait for, checked for form.
struct Wish {
  std::span<const std::uint64_t> words;          // addresses
  std::span<const abi::WaitWord> conditions;     // one a word, or none and ...
  Program* program = nullptr;                    // ... this, which is ready
};

// Makes the current env's wait of it: finds the words. bad_address where nothing is mapped, or what is being taken away. The
// env watches them and sleeps afterwards, or forget_wait() is called.
[[nodiscard]] Status begin_wait(Kernel& k, Env& env, const Wish& wish);
void watch_words(Kernel& k, Env& env);
void forget_wait(Kernel& k, Env& env);
// What env_wait or env_watch returns, if there is a reason to return; nothing: it goes on waiting.
[[nodiscard]] std::optional<std::uint64_t> look(Kernel& k, Env& env);

// Ends the wait of an env that is about to leave its sleep: its registers say why, `otherwise` when its words say nothing.
void end_wait(Kernel& k, Env& env, std::uint64_t otherwise);
// Whether an env that sleeps has a reason not to. It is ready then, and the caller gives it time.
[[nodiscard]] bool wakes_by_look(Kernel& k, Env& env);

// The env says that the frame has changed: looks at all who watch it. `again` until done; another frame: a new signal.
[[nodiscard]] Status signal(Kernel& k, Env& by, FrameNumber frame, std::uint64_t& budget);
// Ends the waits of all who watch the frame: it is taken from them. `again` until done.
[[nodiscard]] Status end_watches(Kernel& k, FrameNumber frame, std::uint64_t why, std::uint64_t& budget);

// Where the 8 bytes at an aligned address of the space lie; the entry that leads there says what may be done with them.
struct Word {
  FrameNumber frame;
  std::uint64_t entry;
};
[[nodiscard]] Result<Word> find_word(const Space& space, std::uint64_t va);

}  // namespace aegis
