// SPDX-License-Identifier: MIT
// Changes to an address space: one function per verb, and a batch. All of them repeat the call until everything is
// done; on an error what was done before it stays done. The functions on slots are for the typed binding (rt/kinds.hpp) and for
// tests that forge slots; the operations themselves (map_op and so on) for everybody.
#pragma once

#include "libos/rt/calls.hpp"

namespace rt {

using abi::page_size;
using abi::SpaceOp;
using abi::SpaceVerb;

// `op` without its first `pages` pages.
[[nodiscard]] SpaceOp without_first(SpaceOp op, std::uint64_t pages);

// One operation by registers: what space_update does with a list of one, for less. `value`: pages done.
inline RawAnswer update_one(CapSlot space, const SpaceOp& op) {
  const std::uint64_t what = static_cast<std::uint64_t>(op.verb) | std::uint64_t{op.flags} << 32;
  return call::page_update.raw(space, what, op.authority, Va{op.address}, op.pages, op.frame);
}

// Carries out any number of operations in order. `space` no_slot: the own one. `done`, if given, counts operations that
// were wholly carried out.
[[nodiscard]] Status update(CapSlot space, std::span<const SpaceOp> ops, std::size_t* done = nullptr);

// --- single operations --------------------------------------------------------------------------------------------
[[nodiscard]] constexpr SpaceOp map_op(std::uint64_t va, FrameNumber first, std::uint64_t pages, std::uint32_t flags,
                                       CapSlot authority) {
  return {SpaceVerb::map, flags, authority, 0, va, pages, first.raw()};
}
[[nodiscard]] constexpr SpaceOp map_new_op(std::uint64_t va, std::uint64_t pages, std::uint32_t flags, CapSlot account,
                                           FrameNumber first = abi::any_frame) {
  return {SpaceVerb::map_new, flags, account, 0, va, pages, first.raw()};
}
[[nodiscard]] constexpr SpaceOp unmap_op(std::uint64_t va, std::uint64_t pages) {
  return {SpaceVerb::unmap, 0, abi::no_slot, 0, va, pages, 0};
}
[[nodiscard]] constexpr SpaceOp protect_op(std::uint64_t va, std::uint64_t pages, std::uint32_t flags) {
  return {SpaceVerb::protect, flags, abi::no_slot, 0, va, pages, 0};
}
[[nodiscard]] constexpr SpaceOp copy_op(std::uint64_t va, std::uint64_t pages, std::uint32_t flags, CapSlot account,
                                        FrameNumber first = abi::any_frame) {
  return {SpaceVerb::copy, flags, account, 0, va, pages, first.raw()};
}
[[nodiscard]] constexpr SpaceOp clone_op(std::uint64_t va, std::uint64_t pages, std::uint32_t flags, CapSlot source) {
  return {SpaceVerb::clone, flags, source, 0, va, pages, 0};
}
// 2 MiB mappings: map_large among the flags of map_op and map_new_op; pages count as small ones. Splitting makes them small.
inline constexpr std::uint64_t large_pages = 512;
[[nodiscard]] constexpr SpaceOp split_op(std::uint64_t va, std::uint64_t pages) {
  return {SpaceVerb::split, 0, abi::no_slot, 0, va, pages, 0};
}
[[nodiscard]] constexpr SpaceOp move_op(std::uint64_t to, std::uint64_t from, std::uint64_t pages) {
  return {SpaceVerb::move, 0, abi::no_slot, 0, to, pages, from};
}

inline Status map(CapSlot space, std::uint64_t va, FrameNumber first, std::uint64_t pages, std::uint32_t flags,
                  CapSlot authority) {
  return update(space, std::array{map_op(va, first, pages, flags, authority)});
}
inline Status map_new(CapSlot space, std::uint64_t va, std::uint64_t pages, std::uint32_t flags, CapSlot account) {
  return update(space, std::array{map_new_op(va, pages, flags, account)});
}
inline Status unmap(CapSlot space, std::uint64_t va, std::uint64_t pages) {
  return update(space, std::array{unmap_op(va, pages)});
}
inline Status protect(CapSlot space, std::uint64_t va, std::uint64_t pages, std::uint32_t flags) {
  return update(space, std::array{protect_op(va, pages, flags)});
}
inline Status copy(CapSlot space, std::uint64_t va, std::uint64_t pages, std::uint32_t flags, CapSlot account) {
  return update(space, std::array{copy_op(va, pages, flags, account)});
}
inline Status clone(CapSlot space, std::uint64_t va, std::uint64_t pages, std::uint32_t flags, CapSlot source) {
  return update(space, std::array{clone_op(va, pages, flags, source)});
}
inline Status move(CapSlot space, std::uint64_t to, std::uint64_t from, std::uint64_t pages) {
  return update(space, std::array{move_op(to, from, pages)});
}

// Frees empty page tables in the range.
[[nodiscard]] Status trim(CapSlot space, std::uint64_t va, std::uint64_t pages);

// The entry that maps `va` in the own space, read through the page-table window; 0 when nothing is mapped.
[[nodiscard]] std::uint64_t own_entry(std::uint64_t va);

}  // namespace rt
