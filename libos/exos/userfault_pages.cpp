// SPDX-License-Identifier: MIT
// What a userfaultfd's owner does to pages: areas enter and leave its care, pages are filled, shown and guarded. The memory may
// be another process's than the caller's; then the caller's env goes there to read the page tables.
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {

namespace {

using namespace userfault;
using Pages = std::uint64_t;

constexpr Pages most_at_once = 16;

std::uint64_t end_of(const Range& range) { return range.start + range.size; }
bool is_shared(const Vma& area) { return (area.flags & map_shared) != 0; }

// Private memory without a file, or shared memory; of these the second knows no guards, and only it is minor.
bool may_enter(const Vma& area, std::uint64_t modes) {
  if (area.stubs) return false;
  if (!area.inode) return (modes & mode_minor) == 0;
  return is_shared(area) && area.inode->file_system == &shared_memory_fs && (modes & mode_protect) == 0;
}

// The area that holds all of the range.
Result<Vma*> entered_area(Memory& memory, const Range& range) {
  Vma* area = memory.find(range.start);
  if (area == nullptr || area->userfault == nullptr || end_of(range) > area->end) return Fail{Errno::noent};
  return area;
}

std::uint64_t place_of(const Vma& area, std::uint64_t va) { return area.parked == 0 ? va : area.parked + (va - area.start); }

// Neither there nor in the swap object. In the memory's own space.
bool is_vacant(Memory& memory, const Vma& area, std::uint64_t va) {
  return rt::own_entry(place_of(area, va)) == 0 && memory.swapped.find(va / abi::page_size) == nullptr;
}
Pages count_vacant(Memory& memory, const Vma& area, std::uint64_t va, Pages most) {
  Pages count = 0;
  while (count < most && is_vacant(memory, area, va + count * abi::page_size)) ++count;
  return count;
}
Pages count_there(const Vma& area, std::uint64_t va, Pages most) {
  Pages count = 0;
  while (count < most && rt::own_entry(place_of(area, va + count * abi::page_size)) != 0) ++count;
  return count;
}

std::uint32_t flags_in(const Vma& area, Guard guard) {
  const std::uint32_t guarded = guard == Guard::yes ? map_guarded : 0;
  const bool writable = (area.prot & prot_write) != 0 && guard == Guard::no;
  return entry_flags(area) | (writable ? abi::map_write : 0) | guarded;
}

// All of `ops`, one page each from `va` on; as many pages as came to be there.
Result<Pages> put(Memory& memory, Vma& area, std::uint64_t va, std::span<const abi::SpaceOp> ops, Pages pages) {
  area.untouched_count = true;
  if (memory.space.update(ops)) return pages;
  if (const Pages there = count_there(area, va, pages); there > 0) return there;
  ++memory_failures;
  return Fail{Errno::nomem};
}

// Pages of the library's own, whose frames a program gets.
class Fresh {
 public:
  explicit Fresh(Pages count) : memory_{static_cast<std::byte*>(allocate_pages(count))}, count_{count} {}
  Fresh(const Fresh&) = delete;
  Fresh& operator=(const Fresh&) = delete;
  ~Fresh() { release_pages(memory_, count_); }
  [[nodiscard]] bool ok() const { return memory_ != nullptr; }
  [[nodiscard]] std::byte* page(Pages i) const { return memory_ + i * abi::page_size; }

 private:
  std::byte* memory_;
  Pages count_;
};

Result<Pages> give_private(Memory& memory, Vma& area, std::uint64_t va, const Fresh& fresh, Pages pages, Guard guard) {
  pages = count_vacant(memory, area, va, pages);
  if (pages == 0) return Fail{Errno::exist};
  std::array<abi::SpaceOp, most_at_once> ops;
  for (Pages i = 0; i < pages; ++i)
    ops[i] = rt::map_op(place_of(area, va) + i * abi::page_size, frame_of_page(fresh.page(i)), 1, flags_in(area, guard) | abi::map_owned, own::account.slot());
  return put(memory, area, va, std::span{ops}.first(pages), pages);
}

// --- shared memory ----------------------------------------------------------------------------------------------------
std::uint64_t index_in_file(const Vma& area, std::uint64_t va) { return area.file_page + (va - area.start) / abi::page_size; }

// The file's page comes to be seen at `va`.
Status show_page(Memory& memory, const Vma& area, std::uint64_t va, const FilePage& page) {
  if (area.prot == 0) return {};   // by a fault, once it may be
  const std::uint32_t owned = page.authority == own::account.slot() ? abi::map_owned : 0;
  const bool writable = (area.prot & prot_write) != 0 && (area.flags & vma_never_write) == 0;
  const std::uint32_t flags = entry_flags(area) | (writable ? abi::map_write : 0) | map_file_page | owned;
  if (memory.space.update(std::array{rt::map_op(va, page.frame, 1, flags, page.authority)})) return {};
  ++memory_failures;
  return Fail{Errno::nomem};
}

// A page that the file does not have yet: from `contents`, or zero.
Status make_file_page(Memory& memory, const Vma& area, std::uint64_t va, const std::byte* contents) {
  const std::uint64_t index = index_in_file(area, va);
  if (index >= base::pages_for(area.inode->size)) return Fail{Errno::fault};
  if (area.inode->has_page(index)) return Fail{Errno::exist};
  const auto page = area.inode->page(index, true);
  if (!page) return Fail{page.error() == Errno::nospc ? Errno::nomem : page.error()};
  if (contents != nullptr) copy_page(const_cast<std::byte*>(page->memory), contents);
  return show_page(memory, area, va, *page);
}

Status show_file_page(Memory& memory, const Vma& area, std::uint64_t va) {
  const std::uint64_t index = index_in_file(area, va);
  if (index >= base::pages_for(area.inode->size) || !area.inode->has_page(index)) return Fail{Errno::fault};
  if (rt::own_entry(va) != 0) return Fail{Errno::exist};
  const auto page = area.inode->page(index, true);
  if (!page) return Fail{page.error() == Errno::nospc ? Errno::nomem : page.error()};
  return show_page(memory, area, va, *page);
}

// step(page's number) for each, as far as it goes.
template <typename Step>
Result<Pages> each_page(Pages pages, Step step) {
  for (Pages i = 0; i < pages; ++i) {
    const Status done = step(i);
    if (done) continue;
    if (i > 0) return i;
    return Fail{done.error()};
  }
  return pages;
}

// fill(memory, area, va, pages) for the whole range, a few pages at a time; it answers how many came to be there. What follows
// a part that is done is not for want of memory: the call is not made again from its start.
template <typename Fill>
Progress fill_range(const UserfaultFile& file, const Range& range, Fill fill) {
  Progress progress;
  const std::uint64_t failures = memory_failures;
  while (progress.done < range.size) {
    const std::uint64_t va = range.start + progress.done;
    const auto filled = fill(va, std::min((range.size - progress.done) / abi::page_size, most_at_once));
    if (!filled) {
      if (filled.error() == Errno::nomem && file.memory() != nullptr && pager::make_room(most_at_once * 2)) continue;
      progress.stopped = Fail{filled.error()};
      break;
    }
    progress.done += *filled * abi::page_size;
  }
  if (progress.done > 0) memory_failures = failures;
  return progress;
}

Result<Vma*> ready_area(const UserfaultFile& file, const Range& range) {
  if (file.memory() == nullptr) return Fail{Errno::srch};
  Vma* area = TRY(entered_area(*file.memory(), range));
  if (!is_shared(*area)) TRY_VOID(file.memory()->reserve_parking(*area));
  return area;
}

}  // namespace

namespace userfault {

Progress copy_pages(const UserfaultFile& file, const Range& range, std::uint64_t source, Guard guard) {
  const auto whole = entered_area(*file.memory(), range);
  if (!whole) return {0, Fail{whole.error()}};
  if (guard == Guard::yes && ((*whole)->userfault_modes & mode_protect) == 0) return {0, Fail{Errno::inval}};
  return fill_range(file, range, [&](std::uint64_t va, Pages pages) -> Result<Pages> {
    const Fresh fresh{pages};
    if (!fresh.ok()) return Fail{Errno::nomem};
    // This may wait, for the source too may be somebody's to give.
    const Pages read = TRY(each_page(pages, [&](Pages i) { return copy_in(fresh.page(i), source + (va - range.start) + i * abi::page_size, abi::page_size); }));
    Vma& area = *TRY(ready_area(file, {va, read * abi::page_size}));
    Memory& memory = *file.memory();
    pager::Visitor visitor;
    visitor.go(memory.space);
    if (!is_shared(area)) return give_private(memory, area, va, fresh, read, guard);
    return each_page(read, [&](Pages i) { return make_file_page(memory, area, va + i * abi::page_size, fresh.page(i)); });
  });
}

Progress zero_pages(const UserfaultFile& file, const Range& range) {
  const auto whole = entered_area(*file.memory(), range);
  if (!whole) return {0, Fail{whole.error()}};
  return fill_range(file, range, [&](std::uint64_t va, Pages pages) -> Result<Pages> {
    Vma& area = *TRY(ready_area(file, {va, pages * abi::page_size}));
    Memory& memory = *file.memory();
    pager::Visitor visitor;
    visitor.go(memory.space);
    if (is_shared(area)) return each_page(pages, [&](Pages i) { return make_file_page(memory, area, va + i * abi::page_size, nullptr); });
    pages = count_vacant(memory, area, va, pages);
    if (pages == 0) return Fail{Errno::exist};
    return put(memory, area, va, std::array{rt::map_new_op(place_of(area, va), pages, flags_in(area, Guard::no) | abi::map_owned, own::account.slot())}, pages);
  });
}

Progress show_pages(const UserfaultFile& file, const Range& range) {
  const auto whole = entered_area(*file.memory(), range);
  if (!whole) return {0, Fail{whole.error()}};
  if (!is_shared(**whole) || ((*whole)->userfault_modes & mode_minor) == 0) return {0, Fail{Errno::inval}};
  return fill_range(file, range, [&](std::uint64_t va, Pages pages) -> Result<Pages> {
    Vma& area = *TRY(ready_area(file, {va, pages * abi::page_size}));
    pager::Visitor visitor;
    visitor.go(file.memory()->space);
    return each_page(pages, [&](Pages i) { return show_file_page(*file.memory(), area, va + i * abi::page_size); });
  });
}

namespace {

// Gives the pages that are there the guard, or takes it. A write that is allowed again finds out by a fault whose page it is.
Status set_guards(Memory& memory, const Vma& area, const Range& range, Guard guard) {
  pager::Visitor visitor;
  visitor.go(memory.space);
  rt::SpaceBatch batch{memory.space};
  abi::Status outcome{};
  const std::uint64_t place = place_of(area, range.start);
  for_each_present(place, place + range.size, [&](std::uint64_t va, std::uint64_t entry) {
    if (((entry & pte_guarded) != 0) == (guard == Guard::yes)) return true;
    const std::uint32_t execute = (entry & abi::pte_no_execute) == 0 ? abi::map_execute : 0;
    const std::uint32_t kept = kept_flags(entry & ~pte_guarded) | (guard == Guard::yes ? map_guarded : 0);
    outcome = batch.add(rt::protect_op(va, 1, abi::map_read | execute | kept));
    return outcome.has_value();
  });
  if (outcome) outcome = batch.flush();
  if (!outcome) return Fail{to_errno(outcome.error())};
  for (SwapEntry* entry = memory.swapped.at_or_after(range.start / abi::page_size); entry != nullptr && entry->page < end_of(range) / abi::page_size;
       entry = memory.swapped.at_or_after(entry->page + 1))
    entry->guarded = guard == Guard::yes;
  return {};
}

// Pages that a run of faults took along are missing to the program, which has not come to them.
Status drop_untouched(Memory& memory, const Vma& area, const Range& range) {
  constexpr std::uint64_t touched = abi::pte_accessed | abi::pte_dirty;
  if (area.inode || area.untouched_count) return {};
  pager::Visitor visitor;
  visitor.go(memory.space);
  const std::uint64_t place = place_of(area, range.start);
  Status outcome;
  for_each_present(place, place + range.size, [&](std::uint64_t va, std::uint64_t entry) {
    if ((entry & touched) != 0) return true;
    if (const auto done = memory.space.unmap(va, 1); !done) outcome = Fail{to_errno(done.error())};
    return outcome.has_value();
  });
  return outcome;
}

// f(area, its part of the range)
template <typename F>
Status for_each_area(Memory& memory, const Range& range, F f) {
  for (std::size_t i = memory.index_of(range.start); i < memory.areas.size() && memory.areas[i]->start < end_of(range); ++i) {
    Vma& area = *memory.areas[i];
    const std::uint64_t from = std::max(area.start, range.start);
    TRY_VOID(f(area, Range{from, std::min(area.end, end_of(range)) - from}));
  }
  return {};
}

// There is something in the range, and behind it if not.
Status check_presence(const Memory& memory, const Range& range) {
  const std::size_t i = memory.index_of(range.start);
  if (i == memory.areas.size()) return Fail{Errno::nomem};
  if (memory.areas[i]->start >= end_of(range)) return Fail{Errno::inval};
  return {};
}

}  // namespace

Status guard_pages(Memory& memory, const Range& range, Guard guard) {
  const Vma& area = *TRY(entered_area(memory, range));
  if ((area.userfault_modes & mode_protect) == 0) return Fail{Errno::noent};
  return set_guards(memory, area, range, guard);
}

Status enter_areas(Memory& memory, const Range& range, UserfaultFile& file, std::uint64_t modes) {
  TRY_VOID(check_presence(memory, range));
  TRY_VOID(for_each_area(memory, range, [&](const Vma& area, const Range&) -> Status {
    if (!may_enter(area, modes)) return Fail{Errno::inval};
    if ((area.flags & vma_never_write) != 0) return Fail{Errno::perm};
    if (area.userfault != nullptr && area.userfault != &file) return Fail{Errno::busy};
    return {};
  }));
  // Guards of another time: of a descriptor that is gone, of before a fork.
  TRY_VOID(for_each_area(memory, range, [&](const Vma& area, const Range& part) -> Status {
    const bool new_guards = (modes & mode_protect) != 0 && (area.userfault_modes & mode_protect) == 0;
    if (new_guards) TRY_VOID(set_guards(memory, area, part, Guard::no));
    const bool newly_missing = (modes & mode_missing) != 0 && (area.userfault_modes & mode_missing) == 0;
    return newly_missing ? drop_untouched(memory, area, part) : Status{};
  }));
  return memory.set_userfault(range.start, end_of(range), &file, static_cast<std::uint8_t>(modes));
}

Status withdraw_areas(Memory& memory, const Range& range) {
  TRY_VOID(check_presence(memory, range));
  TRY_VOID(for_each_area(memory, range, [&](const Vma& area, const Range&) -> Status {
    return may_enter(area, 0) ? Status{} : Status{Fail{Errno::inval}};
  }));
  return memory.set_userfault(range.start, end_of(range), nullptr, 0);
}

}  // namespace userfault

}  // namespace exos
