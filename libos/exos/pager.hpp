// SPDX-License-Identifier: MIT
// What leaves memory when it is short, or when it is asked back (abi/account.hpp). In this order: what the library keeps
// for later; then, as the policy chooses (eviction.hpp), pages of programs and of files: dropped when they can be had
// again, else written to the swap object. Nothing here needs memory to free memory.
//
// Runs under the container lock and only where nobody holds on to a page: in a fault of the program, between a call that
// failed for want of memory and its repetition, and in the root env. Who copies to or from a file's page pins it.
#pragma once

#include "abi/container.hpp"
#include "libos/exos/file.hpp"

namespace exos {

class Memory;
class MemoryFile;

namespace pager {

void start(const abi::container::StartInfo& info);   // once, by the root env
// Frees until so many frames can be taken. False: it came to nothing.
[[nodiscard]] bool make_room(std::uint64_t frames);
// Root env: answers a request for memory, and what was taken by force.
void service();
// Before it goes: the hand may stand on it.
void forget(const Memory& memory);
void forget(const MemoryFile& file);

struct Counters { std::uint64_t out, in, dropped; };   // pages: to the swap object, back from it, forgotten (to be had again)
[[nodiscard]] const Counters& counters();
[[nodiscard]] Counters& counters_to_change();

}  // namespace pager

// A file's page that is being copied to or from: faults on the way must not take it away.
class PagePin {
 public:
  explicit PagePin(const std::byte* page);
  PagePin(const PagePin&) = delete;
  PagePin& operator=(const PagePin&) = delete;
  ~PagePin();
  [[nodiscard]] static bool holds(const std::byte* page);
};

}  // namespace exos
