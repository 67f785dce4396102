// SPDX-License-Identifier: MIT
// The byte link. Data goes through buffers of the kernel, so a device never waits for a page of an env.
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

using abi::ConsoleRight;

Answer Calls::console_write(slot console, va data, u64 size) {
  (void)TRY(find_kind(console, Kind::console, ConsoleRight::write));
  if (size == 0) return answer(0);
  const auto chunk = std::span{k.console.output}.first(size < abi::console_chunk ? size : abi::console_chunk);
  TRY_VOID(copy_bytes_in(chunk.data(), data, chunk.size()));
  const std::size_t taken = arch::console_write(chunk);
  if (taken == 0) return fail(Error::would_block);
  return answer(taken);
}

// What the device gave is kept until it has been delivered: a bad address loses nothing.
Answer Calls::console_read(slot console, va data, u64 size) {
  (void)TRY(find_kind(console, Kind::console, ConsoleRight::read));
  if (size == 0) return answer(0);
  ConsoleState& state = k.console;
  if (state.begin == state.end) {
    state.begin = 0;
    state.end = static_cast<u32>(arch::console_read(state.input));
  }
  const u64 there = state.end - state.begin;
  if (there == 0) return fail(Error::would_block);
  const u64 given = size < there ? size : there;
  TRY_VOID(copy_bytes_out(data, state.input.data() + state.begin, given));
  state.begin += static_cast<u32>(given);
  return answer(given);
}

Answer Calls::console_bind(slot console, slot target) {
  (void)TRY(find_kind(console, Kind::console));
  const Env* woken = nullptr;
  if (target != abi::no_slot) woken = TRY(find<Env>(target, abi::EnvRight::wake));
  k.console.bound = woken != nullptr ? k.frames.ref_of(woken) : ObjectRef{};
  return {};
}

}  // namespace aegis::sys
