// SPDX-License-Identifier: MIT
// Who waits on what: a sleeping env watches the frames that its words lie in, and its program. Those who watch a frame form
// a ring whose links lie in the envs, so nothing is allocated and their number has no bound; FrameInfo::aux names the first.
// The first is who was looked at longest ago: a signal goes round in bounded pieces and finds each once.
// Invariants: only sleepers watch; a frame that is watched has one pin for all who watch it.
#pragma once

#include "abi/env.hpp"
#include "kernel/core/kernel.hpp"

namespace aegis {

inline constexpr std::size_t max_watches = abi::max_watch_words + 1;  // a page for each word, and the program

struct Watch {
  std::uint64_t looked;        // Kernel::looks when the env was looked at last for this frame
  std::uint32_t frame;
  std::uint32_t next, prev;    // envs, by frame
};

// What an env waits for while it sleeps; see wait.hpp. What the numbers do not count holds nothing.
struct Wait {
  std::uint32_t count = 0;     // words; 0: for none
  std::uint32_t program = 0;   // its frame; 0: for `conditions`, one a word
  std::uint32_t watched = 0;   // of `watches`
  std::array<const std::uint64_t*, abi::max_watch_words> words;
  std::array<abi::WaitWord, abi::max_wait_words> conditions;
  std::array<Watch, max_watches> watches;
};

// The frame of an object or of a page; it is there to stay as long as it is watched.
void watch(Kernel& k, Env& env, FrameNumber frame);
void unwatch_all(Kernel& k, Env& env);
[[nodiscard]] Env* first_watcher(Kernel& k, FrameNumber frame);
// The first, if it was looked at no later than `since`.
[[nodiscard]] Env* first_watcher(Kernel& k, FrameNumber frame, std::uint64_t since);
// The first of those who watch the frame is looked at now, and becomes the last.
void pass_watcher(Kernel& k, FrameNumber frame);

[[nodiscard]] constexpr bool is_watched(const FrameInfo& info) {
  const bool can_be = info.use == FrameUse::plain || info.use == FrameUse::info || info.use == FrameUse::program;
  return can_be && info.aux != 0;
}
// Uses by the kernel other than that somebody watches the frame.
[[nodiscard]] constexpr bool is_in_kernel_use(const FrameInfo& info) { return info.pins > (is_watched(info) ? 1 : 0); }

}  // namespace aegis
