// SPDX-License-Identifier: MIT
// Which processor may remember translations of which space. A space knows where an env runs in it now (`active`) and on
// which processors what is remembered of it is out of date (`stale`). A processor gives spaces tags (PCIDs), so that it
// need not forget one when it goes to another. Only processors that run a space, or one that sees a slot of it, are asked
// to forget, and wait for; the others, the idle ones among them, forget when they next use it.
// docs/decisions/0011-tagged-translations.md has the argument.
#pragma once

#include "kernel/core/env.hpp"
#include "kernel/core/kernel.hpp"
#include "kernel/core/space.hpp"

namespace aegis {

[[nodiscard]] inline std::uint64_t cpu_bit(const Cpu& cpu) { return cpu.bit; }

// Makes the processor use the space of its current env, with nothing remembered that is no longer so. Without a current
// env the last tables stay in use, unless they are to go.
void use_space(Kernel& k, Cpu& cpu);

// From the space of an env that ran to that of one that runs now, another one, on a processor without tags: nothing is remembered.
[[gnu::always_inline]] inline void enter_untagged_space(Cpu& cpu, std::uint32_t wanted) {
  const std::uint64_t bit = cpu_bit(cpu);
  Space& space = object_at<Space>(wanted);
  object_at<Space>(cpu.space).active ^= bit;
  space.active |= bit;
  space.stale &= ~bit;
  cpu.space = wanted;
  ++cpu.info->space_loads;
  arch::load_untagged_space(FrameNumber{space.top});
}

// What has to be forgotten of a space: a range, or (end 0) everything; `tables` when page tables go, which an idle
// processor may still walk.
struct Forgotten {
  std::uint64_t start = 0, end = 0;
  bool tables = false;
};
// The entries have been changed; afterwards no env can use the old translations, on any processor.
void forget(Kernel& k, Space& space, const Forgotten& what);
// The same for pages, where only this processor is concerned or none is: the usual case.
[[gnu::always_inline]] inline void forget_pages(Kernel& k, Space& space, std::uint64_t start, std::uint64_t end) {
  const std::uint64_t elsewhere = space.active & ~cpu_bit(arch::this_cpu());
  if ((elsewhere | space.viewed) != 0) [[unlikely]] return forget(k, space, {start, end});
  space.stale |= ~space.active;
  if (space.active != 0) arch::flush_translations(space.active, start, (end - start) / abi::page_size);
}

// Processors whose page tables lead into the space, the idle ones too: those that use it or one that sees a slot of it.
[[nodiscard]] std::uint64_t cpus_using(Kernel& k, const Space& space);

}  // namespace aegis
