// SPDX-License-Identifier: MIT
// Capabilities and the tree of their derivation. A slot lies in a leaf of a table, a frame that no env can map; the
// links are pointers between slots. Each operation leaves a consistent tree after every step, so the long ones can stop
// anywhere. Invariants: a child has its parent's object and no more rights and range, or its parent is the capability of
// the account that paid for the object, or owns the frames; a frames capability counts in `refs` of each frame it covers.
#pragma once

#include "kernel/core/kernel.hpp"

namespace aegis {

enum class Sweep : std::uint8_t { none, mappings, watches };  // what it looks for there (sweep.hpp)

struct Slot {
  Kind kind = Kind::none;
  Sweep sweep = Sweep::none;    // a revocation is at `position` of the frame table
  std::uint16_t rights = 0;
  ObjectRef object;             // frames: the account that owns them; {} for what is no frame object
  std::uint32_t position = 0;
  std::uint64_t base = 0, count = 0;
  Slot* parent = nullptr;
  Slot* first_child = nullptr;
  Slot* next = nullptr;
  Slot* prev = nullptr;

  [[nodiscard]] bool empty() const { return kind == Kind::none; }
  [[nodiscard]] bool is_range() const { return kind == Kind::frames || kind == Kind::slices; }
};
static_assert(sizeof(Slot) == 64);

[[nodiscard]] constexpr std::uint16_t rights_of(Kind kind) {
  constexpr std::array<std::uint16_t, 11> all{0, 0x3f, 0x3f, 0x1f, 0xf, 0x1d, 0x5, 0xd, 0x1d, 0x5, 0xf};
  return all[static_cast<std::size_t>(kind)];
}

// The rights that `wanted` (a subset, or all_rights) stands for.
[[nodiscard]] Result<std::uint16_t> narrow_rights(std::uint16_t held, std::uint32_t wanted);

[[nodiscard]] bool is_live(Kernel& k, const Slot& slot);

// Puts the first capability to an object into an empty slot: all rights, no parent.
void install(Slot& slot, Kind kind, ObjectRef object, std::uint64_t first = 0, std::uint64_t count = 0);
// A way to call the env behind `env`, as a child of that capability.
void install_entry(Slot& env, Slot& slot, std::uint64_t rip, std::uint64_t badge);
// The same for a new object, below the capability of the account that pays for it: revoking that takes it.
void install_below(Slot& account, Slot& slot, Kind kind, ObjectRef object);
// Puts one with less into an empty slot, as a child of `source`.
[[nodiscard]] Status derive(Kernel& k, Slot& source, Slot& target, std::uint32_t rights, std::uint64_t first,
                            std::uint64_t count);
// A frames capability under the account's own.
[[nodiscard]] Status derive_frames(Kernel& k, Slot& account, Slot& target, FrameNumber first, std::uint64_t count,
                                   std::uint32_t rights);
// Empties a slot; its children go to its parent. Each step takes one from the budget; `again` when that is used up.
[[nodiscard]] Status drop(Kernel& k, Slot& slot, std::uint64_t& budget);
// Removes all that was derived, then breaks what others map or wait for of what the capability stands for, if that is of
// the account `by` or of one below it.
[[nodiscard]] Status revoke(Kernel& k, Slot& slot, const Account& by, std::uint64_t& budget);

}  // namespace aegis
