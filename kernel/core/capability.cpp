// SPDX-License-Identifier: MIT
#include "kernel/core/capability.hpp"

#include "kernel/core/account.hpp"
#include "kernel/core/sweep.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t frames_per_step = 64;  // counters of so many frames are one step's worth

void link_child(Slot& parent, Slot& child) {
  child.parent = &parent;
  child.prev = nullptr;
  child.next = parent.first_child;
  if (child.next != nullptr) child.next->prev = &child;
  parent.first_child = &child;
}

void unlink(Slot& slot) {
  if (slot.prev != nullptr) slot.prev->next = slot.next;
  else if (slot.parent != nullptr) slot.parent->first_child = slot.next;
  if (slot.next != nullptr) slot.next->prev = slot.prev;
  slot.parent = slot.prev = slot.next = nullptr;
}

Status add_refs(Kernel& k, std::uint64_t first, std::uint64_t count) {
  constexpr std::uint16_t most = 0xffff;
  for (std::uint64_t f = first; f < first + count; ++f)
    if (is_condemned(k.frames[FrameNumber{f}])) return fail(Error::out_of_range);
    else if (k.frames[FrameNumber{f}].refs == most) return fail(Error::over_limit);
  for (std::uint64_t f = first; f < first + count; ++f) ++k.frames[FrameNumber{f}].refs;
  return {};
}

// The slot has no children any more.
void erase(Kernel& k, Slot& slot, std::uint64_t& budget) {
  AEGIS_ASSERT(slot.first_child == nullptr);
  if (slot.kind == Kind::frames) {
    for (std::uint64_t f = slot.base; f < slot.base + slot.count; ++f) --k.frames[FrameNumber{f}].refs;
    spend(budget, slot.count / frames_per_step);
  }
  unlink(slot);
  slot = Slot{};
}

void adopt(Slot* parent, Slot& child) {
  unlink(child);
  if (parent != nullptr) link_child(*parent, child);
}

}  // namespace

Result<std::uint16_t> narrow_rights(std::uint16_t held, std::uint32_t wanted) {
  if (wanted == abi::all_rights) return held;
  if (wanted > abi::all_rights) return fail(Error::bad_argument);
  if ((wanted & ~std::uint32_t{held}) != 0) return fail(Error::missing_right);
  return static_cast<std::uint16_t>(wanted);
}

bool is_live(Kernel& k, const Slot& slot) {
  switch (slot.kind) {
    case Kind::account: return k.frames.is_live(slot.object, FrameUse::account);
    case Kind::env: case Kind::entry: return k.frames.is_live(slot.object, FrameUse::env);
    case Kind::space: return k.frames.is_live(slot.object, FrameUse::space);
    case Kind::table: return k.frames.is_live(slot.object, FrameUse::table);
    case Kind::program: return k.frames.is_live(slot.object, FrameUse::program);
    // Frames that are referred to cannot be freed, nor an account that owns frames; one that is ending gives nothing more.
    case Kind::frames: return !slot.object || !object_at<Account>(slot.object.frame).dying;
    case Kind::slices: case Kind::console: case Kind::machine: return true;
    case Kind::none: return false;
  }
  return false;
}

void install(Slot& slot, Kind kind, ObjectRef object, std::uint64_t first, std::uint64_t count) {
  AEGIS_ASSERT(slot.empty());
  slot = Slot{.kind = kind, .rights = rights_of(kind), .object = object, .base = first, .count = count};
}

void install_entry(Slot& env, Slot& slot, std::uint64_t rip, std::uint64_t badge) {
  install(slot, Kind::entry, env.object, badge, rip);
  link_child(env, slot);
}

void install_below(Slot& account, Slot& slot, Kind kind, ObjectRef object) {
  install(slot, kind, object);
  link_child(account, slot);
}

Status derive(Kernel& k, Slot& source, Slot& target, std::uint32_t wanted, std::uint64_t first, std::uint64_t count) {
  const std::uint16_t rights = TRY(narrow_rights(source.rights, wanted));
  if (count == 0 && first != 0) return fail(Error::bad_argument);
  if (count != 0 && !source.is_range()) return fail(Error::bad_argument);
  if (count == 0) {
    first = source.base;
    count = source.count;
  }
  if (first < source.base || !base::range_within(first - source.base, count, source.count))
    return fail(Error::out_of_range);
  if (!target.empty()) return fail(Error::occupied);
  if (source.kind == Kind::frames) TRY_VOID(add_refs(k, first, count));
  // point of no return
  target = Slot{.kind = source.kind, .rights = rights, .object = source.object, .base = first, .count = count};
  link_child(source, target);
  return {};
}

Status derive_frames(Kernel& k, Slot& account, Slot& target, FrameNumber first, std::uint64_t count,
                     std::uint32_t wanted) {
  const std::uint16_t rights = TRY(narrow_rights(rights_of(Kind::frames), wanted));
  if (!base::range_within(first.raw(), count, k.frames.count())) return fail(Error::out_of_range);
  for (FrameNumber f = first; f < first + count; ++f)
    if (k.frames[f].use != FrameUse::plain || k.frames[f].owner != account.object.frame)
      return fail(Error::out_of_range);
  if (!target.empty()) return fail(Error::occupied);
  TRY_VOID(add_refs(k, first.raw(), count));
  // point of no return
  target = Slot{.kind = Kind::frames, .rights = rights, .object = account.object, .base = first.raw(), .count = count};
  link_child(account, target);
  return {};
}

Status drop(Kernel& k, Slot& slot, std::uint64_t& budget) {
  while (slot.first_child != nullptr) {
    if (budget == 0) return fail(Error::again);
    --budget;
    adopt(slot.parent, *slot.first_child);
  }
  spend(budget, 1);
  erase(k, slot, budget);
  return {};
}

// Mappings do not remember under whose capability they were made. So one who was merely given a part of some frames, or an
// account to pay from, would take them from all others too. What is no account's is the root's.
static bool may_break_bindings(Kernel& k, const Slot& slot, const Account& by) {
  if (slot.kind == Kind::program) return owner_of(k, slot.object.frame).is_within(by);
  if (slot.kind != Kind::frames && slot.kind != Kind::account) return false;
  return slot.object ? object_at<Account>(slot.object.frame).is_within(by) : by.parent == 0;
}

Status revoke(Kernel& k, Slot& slot, const Account& by, std::uint64_t& budget) {
  while (Slot* child = slot.first_child) {
    if (budget == 0) return fail(Error::again);
    --budget;
    // What came back may have been mapped again behind the sweep.
    if (child->kind == Kind::frames || child->kind == Kind::account) slot.sweep = Sweep::none;
    if (child->first_child != nullptr) adopt(&slot, *child->first_child);
    else erase(k, *child, budget);
  }
  if (!may_break_bindings(k, slot, by)) return {};
  return break_foreign_bindings(k, slot, budget);
}

}  // namespace aegis
