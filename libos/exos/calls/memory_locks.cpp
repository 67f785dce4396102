// SPDX-License-Identifier: MIT
// mlock and its kin: pages that the pager leaves where they are (eviction.hpp). [man mlock(2)]
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/memory_internal.hpp"

namespace exos {

namespace {

Memory& memory() { return *current_process().memory; }

struct Range { std::uint64_t start, end; };

// The pages that `size` bytes at `start` touch.
Result<Range> pages_of(std::uint64_t start, std::uint64_t size) {
  const Range range{base::align_down(start, abi::page_size), base::align_up(start + size, abi::page_size)};
  if (range.end < range.start) return Fail{Errno::inval};
  return range;
}

// Of areas that allow nothing the pages cannot be had.
bool any_closed(const Range& range) {
  const Memory& m = memory();
  for (std::size_t i = m.index_of(range.start); i < m.areas.size() && m.areas[i]->start < range.end; ++i)
    if (m.areas[i]->prot == 0) return true;
  return false;
}

CallResult lock(const Range& range, bool fill) {
  const std::uint64_t pages = (range.end - range.start) / abi::page_size, have = locked_pages(memory(), range.start, range.end);
  if (!may_lock(0)) return Fail{Errno::perm};
  if (!may_lock(pages - std::min(have, pages))) return Fail{Errno::nomem};
  if (range.start == range.end) return 0;
  TRY_VOID(memory().change_flags(range.start, range.end, vma_locked, 0));
  if (!fill) return 0;
  if (any_closed(range)) return Fail{Errno::nomem};
  return nothing(memory().populate(range.start, range.end));
}

// All areas that are there; those that cannot be filled stay as they are.
Status lock_all(bool fill) {
  if (!may_lock(memory().size_pages())) return Fail{Errno::nomem};
  for (Vma* area : memory().areas)
    if (!area->stubs) area->flags |= vma_locked;
  if (!fill) return {};
  for (std::size_t i = 0; i < memory().areas.size(); ++i) {
    const Vma& area = *memory().areas[i];
    if (area.prot != 0 && (area.flags & map_growsdown) == 0) static_cast<void>(memory().populate(area.start, area.end));
  }
  return {};
}

}  // namespace

CallResult linux_mlock(const Arguments& a) { return lock(TRY(pages_of(a.a, a.b)), true); }

CallResult linux_mlock2(const Arguments& a) {
  constexpr std::uint32_t on_fault = 1;
  if ((as_u32(a.c) & ~on_fault) != 0) return Fail{Errno::inval};
  return lock(TRY(pages_of(a.a, a.b)), as_u32(a.c) == 0);
}

CallResult linux_munlock(const Arguments& a) {
  const Range range = TRY(pages_of(a.a, a.b));
  if (range.start == range.end) return 0;
  return nothing(memory().change_flags(range.start, range.end, 0, vma_locked));
}

CallResult linux_mlockall(const Arguments& a) {
  constexpr std::uint32_t current = 1, future = 2, on_fault = 4;
  const std::uint32_t flags = as_u32(a.a);
  if (flags == 0 || flags == on_fault || (flags & ~(current | future | on_fault)) != 0) return Fail{Errno::inval};
  if (!may_lock(0)) return Fail{Errno::perm};
  if ((flags & current) != 0) TRY_VOID(lock_all((flags & on_fault) == 0));
  memory().locks_new = (flags & future) != 0;
  memory().fills_new = memory().locks_new && (flags & on_fault) == 0;
  return 0;
}

CallResult linux_munlockall(const Arguments&) {
  memory().locks_new = memory().fills_new = false;
  for (Vma* area : memory().areas) area->flags &= ~vma_locked;
  return 0;
}

}  // namespace exos
