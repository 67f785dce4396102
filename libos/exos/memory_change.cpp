// SPDX-License-Identifier: MIT
// Changes to areas that keep what is in them: protection, moving, the break, fork; and what takes contents away.
#include "abi/container.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/task.hpp"
#include "libos/rt/kinds.hpp"

namespace exos {

namespace {

std::uint64_t pages_of(const Vma& area) { return (area.end - area.start) / abi::page_size; }

// Gives the present private pages of an area the new protection. Write is never given here: the fault that it then takes
// finds out whether the page is the process's own.
Status reprotect(rt::Space space, const Vma& area, std::uint32_t prot, std::uint32_t key) {
  rt::SpaceBatch batch{space};
  rt::SpaceOp run{};
  abi::Status outcome{};
  const auto flush_run = [&] {
    if (run.pages != 0) outcome = batch.add(run);
    run.pages = 0;
    return outcome.has_value();
  };
  for_each_present(area.start, area.end, [&](std::uint64_t va, std::uint64_t entry) {
    const bool writable = (entry & abi::pte_write) != 0, executable = (entry & abi::pte_no_execute) == 0;
    const bool same_key = abi::pte_key(entry) == key;
    if (same_key && (!writable || (prot & prot_write) != 0) && executable == ((prot & prot_exec) != 0)) return flush_run();
    std::uint32_t flags = entry_flags(prot) | (kept_flags(entry) & ~abi::map_keys) | abi::map_key(key);
    if (writable && (prot & prot_write) != 0) flags |= abi::map_write;
    if (run.pages != 0 && run.flags == flags && run.address + run.pages * abi::page_size == va) {
      ++run.pages;
      return true;
    }
    if (!flush_run()) return false;
    run = rt::protect_op(va, 1, flags);
    return true;
  });
  flush_run();
  if (outcome) outcome = batch.flush();
  if (!outcome) return Fail{to_errno(outcome.error())};
  return {};
}

}  // namespace

Status Memory::park(Vma& area) {
  leave_patched(*this, area.start, area.end);
  bool any = false;
  for_each_present(area.start, area.end, [&](std::uint64_t, std::uint64_t) { any = true; return false; });
  if (!any) return {};
  const std::uint64_t size = area.end - area.start;
  if (!base::range_within(next_parking, size, transit)) return Fail{Errno::nomem};
  if (const auto moved = space.move(next_parking, area.start, pages_of(area)); !moved) return Fail{to_errno(moved.error())};
  area.parked = std::exchange(next_parking, next_parking + size);
  return {};
}

Status Memory::reserve_parking(Vma& area) {
  const std::uint64_t size = area.end - area.start;
  if (area.prot != 0 || area.parked != 0) return {};
  if (!base::range_within(next_parking, size, transit)) return Fail{Errno::nomem};
  area.parked = std::exchange(next_parking, next_parking + size);
  return {};
}

Status Memory::set_userfault(std::uint64_t start, std::uint64_t end, UserfaultFile* file, std::uint8_t modes) {
  TRY_VOID(split_at(start));
  TRY_VOID(split_at(end));
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < end; ++i) {
    areas[i]->userfault = file;
    areas[i]->userfault_modes = modes;
  }
  merge(start, end);
  return {};
}

Status Memory::unpark(Vma& area) {
  if (area.parked == 0) return {};
  if (const auto moved = space.move(area.start, area.parked, pages_of(area)); !moved) return Fail{to_errno(moved.error())};
  area.parked = 0;
  return {};
}

Status Memory::protect(std::uint64_t start, std::uint64_t size, std::uint32_t prot, std::optional<std::uint32_t> key) {
  if ((start & (abi::page_size - 1)) != 0 || (prot & ~7u) != 0) return Fail{Errno::inval};
  if (size == 0) return {};
  if (size > abi::map::program_end) return Fail{Errno::nomem};
  size = base::align_up(size, abi::page_size);
  const std::uint64_t end = start + size;
  if (!is_program_range(start, size) || !covered(start, end)) return Fail{Errno::nomem};
  TRY_VOID(split_at(start));
  TRY_VOID(split_at(end));
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < end; ++i) {
    Vma& area = *areas[i];
    const std::uint32_t new_key = key.value_or(area.key);
    if ((area.prot == prot && area.key == new_key) || area.stubs) continue;
    if ((prot & prot_write) != 0 && (area.flags & vma_never_write) != 0) return Fail{Errno::acces};
    if ((area.flags & map_shared) != 0) {
      // The file has the contents: they come back with the new protection.
      note_leaving(*this, i, area.start, area.end);
      if (const auto done = space.unmap(area.start, pages_of(area)); !done) return Fail{to_errno(done.error())};
    } else if (prot == 0) {
      if (area.prot != 0) TRY_VOID(park(area));
    } else {
      TRY_VOID(unpark(area));
      TRY_VOID(reprotect(space, area, prot, new_key));
    }
    area.prot = prot;
    area.key = new_key;
  }
  merge(start, end);
  return {};
}

Status Memory::discard(std::uint64_t start, std::uint64_t size) {
  if ((start & (abi::page_size - 1)) != 0 || size > abi::map::program_end) return Fail{Errno::inval};
  const std::uint64_t end = start + base::align_up(size, abi::page_size);
  if (size == 0) return {};
  if (!is_program_range(start, end - start)) return Fail{Errno::nomem};
  const bool whole = covered(start, end);
  note_leaving(*this, index_of(start), start, end);
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < end; ++i) {
    const Vma& area = *areas[i];
    const std::uint64_t from = std::max(start, area.start), to = std::min(end, area.end);
    const std::uint64_t at = area.parked == 0 ? from : area.parked + (from - area.start);
    if (const auto done = space.unmap(at, (to - from) / abi::page_size); !done) return Fail{to_errno(done.error())};
    swap::drop(*this, from, to);
  }
  if (!whole) return Fail{Errno::nomem};
  return {};
}

Status Memory::change_flags(std::uint64_t start, std::uint64_t end, std::uint32_t set, std::uint32_t clear) {
  if (!covered(start, end)) return Fail{Errno::nomem};
  TRY_VOID(split_at(start));
  TRY_VOID(split_at(end));
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < end; ++i) {
    if ((set & vma_zero_in_child) != 0 && ((areas[i]->flags & map_shared) != 0 || areas[i]->inode)) return Fail{Errno::inval};
    areas[i]->flags = (areas[i]->flags | set) & ~clear;
  }
  merge(start, end);
  return {};
}

CallResult Memory::remap(std::uint64_t start, std::uint64_t old_size, std::uint64_t new_size, std::uint32_t flags,
                         std::uint64_t new_start) {
  constexpr std::uint32_t may_move = 1, fixed = 2, keep_old = 4;
  if ((start & (abi::page_size - 1)) != 0 || (flags & ~(may_move | fixed | keep_old)) != 0 || new_size == 0) return Fail{Errno::inval};
  if ((flags & fixed) != 0 && ((flags & may_move) == 0 || (new_start & (abi::page_size - 1)) != 0)) return Fail{Errno::inval};
  if (old_size > abi::map::program_end || new_size > abi::map::program_end) return Fail{Errno::inval};
  old_size = base::align_up(old_size, abi::page_size);
  new_size = base::align_up(new_size, abi::page_size);
  Vma* area = find(start);
  if (area == nullptr || area->stubs) return Fail{Errno::fault};
  const bool keeps = (flags & keep_old) != 0;  // MREMAP_DONTUNMAP: the old range stays, without its pages
  if (keeps && ((flags & may_move) == 0 || old_size != new_size || (area->flags & map_shared) != 0 || area->inode)) return Fail{Errno::inval};
  const bool duplicate = old_size == 0;  // a second view of a shared mapping
  if (duplicate && (area->flags & map_shared) == 0) return Fail{Errno::inval};
  if (!duplicate && start + old_size > area->end) return Fail{Errno::fault};
  if ((flags & fixed) == 0 && !duplicate && !keeps) {
    if (new_size <= old_size) {
      if (new_size < old_size) TRY_VOID(unmap(start + new_size, old_size - new_size));
      return start;
    }
    // In place: only what is at the end of its area can grow.
    if (start + old_size == area->end && is_program_range(start, new_size) && is_free(start + old_size, start + new_size)) {
      if (area->parked != 0) TRY_VOID(split_at(area->end));
      else { area->end = start + new_size; return start; }
    }
    if ((flags & may_move) == 0) return Fail{Errno::nomem};
  }
  std::uint64_t to = new_start;
  if ((flags & fixed) != 0) {
    if (!is_program_range(to, new_size)) return Fail{Errno::inval};
    if (to < start + old_size && start < to + new_size) return Fail{Errno::inval};
    if (!is_free(to, to + new_size)) TRY_VOID(unmap(to, new_size));
    if (!duplicate && new_size < old_size) {
      TRY_VOID(unmap(start + new_size, old_size - new_size));
      old_size = new_size;
    }
  } else {
    to = find_gap(new_size);
    if (to == 0) return Fail{Errno::nomem};
  }
  if (!duplicate) {
    TRY_VOID(split_at(start));
    TRY_VOID(split_at(start + old_size));
  }
  area = find(start);
  TRY_VOID(unpark(*area));
  Vma* moved = new_area(*area);
  if (moved == nullptr) return Fail{Errno::nomem};
  moved->userfault = nullptr;   // its owner did not ask to be told
  moved->userfault_modes = 0;
  if (duplicate && moved->inode) moved->file_page += (start - area->start) / abi::page_size;
  moved->start = to;
  moved->end = to + new_size;
  if (const Status inserted = insert(moved); !inserted) {
    delete_area(moved);
    return Fail{inserted.error()};
  }
  if (duplicate) return to;
  leave_patched(*this, start, start + old_size);
  if (const auto done = space.move(to, start, old_size / abi::page_size); !done) {
    static_cast<void>(space.move(start, to, old_size / abi::page_size));
    drop_area(index_of(to));
    return Fail{to_errno(done.error())};
  }
  swap::move(*this, start, to, old_size);
  if (area->prot == 0) TRY_VOID(park(*moved));
  if (!keeps) drop_area(index_of(start));
  return to;
}

CallResult Memory::set_break(std::uint64_t address) {
  if (address < break_start) return break_now;
  const std::uint64_t old_end = base::align_up(break_now, abi::page_size), end = base::align_up(address, abi::page_size);
  if (end > old_end) {
    const bool room = is_program_range(old_end, end - old_end) && is_free(old_end, end + abi::page_size);
    const std::uint64_t limit = current_process().limits[2][0];  // RLIMIT_DATA
    if (!room || address - break_start > limit) return break_now;
    if (!map(old_end, end - old_end, prot_read | prot_write, map_private | map_anonymous | map_fixed_noreplace, {}, 0)) return break_now;
  } else if (end < old_end) {
    TRY_VOID(unmap(end, old_end - end));
  }
  break_now = address;
  return address;
}

Result<Ref<Memory>> Memory::fork() {
  Ref<Memory> child = TRY(create());
  TRY_VOID(child->areas.reserve(areas.size()));
  for (const Vma* area : areas) {
    if ((area->flags & vma_not_in_child) != 0) continue;
    Vma* copy = new_area(*area);
    if (copy == nullptr) return Fail{Errno::nomem};
    copy->memory = child.get();
    copy->flags &= ~vma_locked;
    copy->userfault = nullptr;
    copy->userfault_modes = 0;
    if ((area->flags & vma_zero_in_child) != 0) copy->parked = 0;
    if (const Status added = child->areas.push_back(copy); !added) {
      delete_area(copy);
      return Fail{added.error()};
    }
  }
  child->resident = resident;
  child->break_start = break_start;
  child->break_now = break_now;
  child->mmap_top = mmap_top;
  child->stack_top = stack_top;
  child->stack_limit = stack_limit;
  child->arguments_start = arguments_start;
  child->arguments_end = arguments_end;
  child->environment_start = environment_start;
  child->environment_end = environment_end;
  child->executable = TRY(String::from(executable.view()));
  child->executable_inode = executable_inode;
  child->auxv_entry = auxv_entry;
  child->auxv_start = auxv_start;
  child->auxv_end = auxv_end;
  child->next_parking = next_parking;
  child->keys = keys;
  TRY_VOID(swap::copy(*this, *child));
  constexpr std::uint32_t not_copied = vma_not_in_child | vma_zero_in_child;
  for (const Vma* area : areas)
    if ((area->flags & not_copied) != 0) swap::drop(*child, area->start, area->end);
  // Private pages become shared and read-only on both sides. Pages of shared files come to the child by its own faults.
  // One operation reaches over everything between two shared areas: what is not mapped costs next to nothing.
  rt::SpaceBatch batch{child->space};
  abi::Status outcome{};
  std::uint64_t start = 0, end = 0;
  const auto flush_run = [&] {
    if (end != 0 && outcome) outcome = batch.add(rt::clone_op(start, (end - start) / abi::page_size, abi::map_read, space.slot()));
    end = 0;
  };
  for (const Vma* area : areas) {
    if ((area->flags & not_copied) != 0) {
      flush_run();
      continue;
    }
    if (area->parked != 0 && outcome)
      outcome = batch.add(rt::clone_op(area->parked, pages_of(*area), abi::map_read, space.slot()));
    if ((area->flags & map_shared) != 0 || area->parked != 0 || area->stubs) {
      flush_run();
      continue;
    }
    if (end == 0 || start / abi::slot_size != area->start / abi::slot_size) {
      flush_run();
      start = area->start;
    }
    end = area->end;
  }
  flush_run();
  if (outcome) outcome = batch.flush();
  if (!outcome) return Fail{to_errno(outcome.error())};
  return child;
}

// In a private area with copies of its own, which page is which can be read only in place.
void invalidate_mappings(Inode& inode, std::uint64_t first_page, std::uint64_t pages) {
  for (Vma* area = inode.mappings; area != nullptr; area = area->next_mapping) {
    const std::uint64_t count = pages_of(*area);
    const std::uint64_t area_end = area->file_page + count;
    const std::uint64_t from = std::max(first_page, area->file_page);
    const std::uint64_t to = pages > ~std::uint64_t{0} - first_page ? area_end : std::min(first_page + pages, area_end);
    if (from >= to || area->parked != 0 || area->stubs) continue;
    const std::uint64_t va = area->start + (from - area->file_page) * abi::page_size;
    const std::uint64_t end = va + (to - from) * abi::page_size;
    const rt::Space space = area->memory->space;
    if ((area->flags & map_shared) != 0 || !area->copied) {
      static_cast<void>(space.unmap(va, to - from));
    } else {
      pager::Visitor visitor;
      visitor.go(space);
      for_each_present(va, end, [&](std::uint64_t page, std::uint64_t entry) {
        if ((entry & pte_file) != 0) static_cast<void>(space.unmap(page, 1));
        return true;
      });
    }
  }
}

}  // namespace exos
