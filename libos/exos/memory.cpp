// SPDX-License-Identifier: MIT
// Areas of an address space: kept sorted, never overlapping. Here they are placed, made and dropped.
#include "libos/exos/memory.hpp"

#include "abi/address_map.hpp"
#include "abi/container.hpp"
#include "libos/exos/capability_slots.hpp"
#include "libos/exos/memory_counts.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/own.hpp"
#include "libos/exos/pager.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/swap.hpp"
#include "libos/exos/system_v/table.hpp"

namespace exos {

namespace {

constexpr std::uint64_t lowest_mapping = 0x10000;  // as Linux' vm.mmap_min_addr
constexpr std::uint64_t low_mappings = 0x4000'0000, low_mappings_end = 0x8000'0000;   // MAP_32BIT [linux find_start_end]
constexpr std::uint64_t trim_size = 0x20'0000;     // unmapping less than this leaves page tables alone

// A sanitizer guards everything between two ranges that it uses, and the library lies there: what is in its own range is nobody's.
bool spans_library(std::uint64_t start, std::uint64_t size) {
  return base::range_within(start, size, abi::map::program_end) && start < program_gap_start && start + size > program_gap_end;
}

// Whether anonymous memory of that kind may be one area with it; a userfaultfd is not asked about what it was not given.
bool same_kind(const Vma& a, std::uint32_t prot, std::uint32_t flags, const UserfaultFile* userfault = nullptr, std::uint8_t modes = 0,
               std::uint32_t key = 0) {
  return !a.inode && a.parked == 0 && !a.stubs && a.prot == prot && a.flags == flags && a.userfault == userfault && a.userfault_modes == modes && a.key == key;
}
bool may_join(const Vma& low, const Vma& high) {
  return low.end == high.start && same_kind(low, low.prot, low.flags, low.userfault, low.userfault_modes, low.key) &&
         same_kind(high, low.prot, low.flags, low.userfault, low.userfault_modes, low.key);
}

}  // namespace

Vma* new_area(const Vma& like) {
  Vma* area = make<Vma>(like);
  if (area == nullptr) return nullptr;
  area->next_mapping = nullptr;
  area->previous_mapping = nullptr;
  if (!area->inode) return area;
  area->previous_mapping = &area->inode->mappings;
  area->next_mapping = area->inode->mappings;
  if (area->next_mapping != nullptr) area->next_mapping->previous_mapping = &area->next_mapping;
  area->inode->mappings = area;
  return area;
}

void delete_area(Vma* area) {
  if (area->previous_mapping != nullptr) {
    *area->previous_mapping = area->next_mapping;
    if (area->next_mapping != nullptr) area->next_mapping->previous_mapping = area->previous_mapping;
  }
  destroy(area);
}

namespace {
constinit MemoryList memories;
}

MemoryList& all_memories() { return memories; }

Result<Ref<Memory>> Memory::create() {
  Ref<Memory> memory{make<Memory>()};
  if (!memory) return Fail{Errno::nomem};
  memory->space = rt::Space{TRY(take_slot())};
  const auto made = own::account.create_space(memory->space.slot());
  if (!made) return Fail{to_errno(made.error())};
  using Shared = rt::SpaceWith<abi::SpaceRight::share>;
  for (const auto& [slot, source] : {std::pair{abi::map::image_slot, Shared{own::image}},
                                     std::pair{abi::map::state_slot, Shared{own::space}},
                                     std::pair{abi::map::archive_slot, Shared{own::archive_space}}}) {
    const auto linked = memory->space.link(static_cast<std::uint32_t>(slot), source);
    if (!linked) return Fail{to_errno(linked.error())};
  }
  memory->next_parking = parking_start;
  memory->mmap_top = abi::map::program_end;
  all_memories().push_back(*memory);
  return memory;
}

void Memory::dispose(Memory* memory) {
  if (memory->in_all.linked()) {
    pager::forget(*memory);
    memory->in_all.unlink();
  }
  while (MemoryReference* reference = memory->references.pop_front()) reference->memory = nullptr;
  swap::drop(*memory, 0, abi::map::program_end);
  for (Vma* area : memory->areas) delete_area(area);
  system_v::sweep_segments();
  if (memory->space.named()) end_object(memory->space);
  destroy(memory);
}

std::size_t Memory::index_of(std::uint64_t address) const {
  std::size_t low = 0, high = areas.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (areas[middle]->end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}

Vma* Memory::search(std::uint64_t address) {
  const std::size_t i = holds(found_before_, address) ? found_before_ : index_of(address);
  if (i == areas.size() || areas[i]->start > address) return nullptr;
  found_before_ = std::exchange(found_last_, i);
  return areas[i];
}

bool Memory::is_free(std::uint64_t start, std::uint64_t end) const {
  const std::size_t i = index_of(start);
  return i == areas.size() || areas[i]->start >= end;
}

bool Memory::covered(std::uint64_t start, std::uint64_t end) const {
  for (std::size_t i = index_of(start); start < end; ++i) {
    if (i == areas.size() || areas[i]->start > start) return false;
    start = areas[i]->end;
  }
  return true;
}

std::uint64_t Memory::size_pages() const {
  std::uint64_t pages = 0;
  for (const Vma* area : areas) pages += (area->end - area->start) / abi::page_size;
  return pages;
}

std::uint64_t Memory::find_gap(std::uint64_t size) const {
  std::uint64_t end = mmap_top;
  for (std::size_t i = areas.size(); i > 0; --i) {
    const Vma& area = *areas[i - 1];
    if (area.start >= end) continue;
    if (area.end <= end && end - area.end >= size) break;
    end = area.start;
  }
  return end >= size && end - size >= parking_end ? end - size : 0;
}

std::uint64_t Memory::find_low_gap(std::uint64_t size) const {
  std::uint64_t start = low_mappings;
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < low_mappings_end; ++i) {
    if (areas[i]->start >= start && areas[i]->start - start >= size) break;
    start = areas[i]->end;
  }
  return base::range_within(start, size, low_mappings_end) ? start : 0;
}

Status Memory::insert(Vma* area) { return areas.insert(index_of(area->start), area); }

Status Memory::split_at(std::uint64_t address) {
  const std::size_t i = index_of(address);
  if (i == areas.size() || areas[i]->start >= address) return {};
  Vma& low = *areas[i];
  Vma* high = new_area(low);
  if (high == nullptr) return Fail{Errno::nomem};
  high->start = address;
  if (high->inode) high->file_page += (address - low.start) / abi::page_size;
  if (high->parked != 0) high->parked += address - low.start;
  if (const Status inserted = areas.insert(i + 1, high); !inserted) {
    delete_area(high);
    return inserted;
  }
  low.end = address;
  return {};
}

void Memory::drop_area(std::size_t index) {
  Vma* area = areas[index];
  if (area->parked != 0) static_cast<void>(space.unmap(area->parked, (area->end - area->start) / abi::page_size));
  areas.erase(index);
  delete_area(area);
}

bool Memory::extend_neighbour(std::uint64_t start, std::uint64_t end, std::uint32_t prot, std::uint32_t flags) {
  const std::size_t i = index_of(start);
  if (i > 0 && areas[i - 1]->end == start && same_kind(*areas[i - 1], prot, flags)) {
    areas[i - 1]->end = end;
    if (i < areas.size() && areas[i]->start == end && same_kind(*areas[i], prot, flags)) {
      areas[i - 1]->end = areas[i]->end;
      drop_area(i);
    }
    return true;
  }
  if (i < areas.size() && areas[i]->start == end && same_kind(*areas[i], prot, flags)) {
    areas[i]->start = start;
    return true;
  }
  return false;
}

void Memory::merge(std::uint64_t start, std::uint64_t end) {
  std::size_t i = index_of(start);
  if (i > 0) --i;
  while (i + 1 < areas.size() && areas[i]->start <= end) {
    Vma& low = *areas[i];
    const Vma& high = *areas[i + 1];
    if (may_join(low, high)) {
      low.end = high.end;
      low.untouched_count |= high.untouched_count;
      drop_area(i + 1);
    } else {
      ++i;
    }
  }
}

// Where a new mapping of `size` bytes goes.
CallResult Memory::place(std::uint64_t hint, std::uint64_t size, std::uint32_t flags) {
  if ((flags & (map_fixed | map_fixed_noreplace)) != 0) {
    if ((hint & (abi::page_size - 1)) != 0) return Fail{Errno::inval};
    if (hint < lowest_mapping) return Fail{Errno::perm};
    if (!is_program_range(hint, size)) return Fail{Errno::nomem};
    if ((flags & map_fixed_noreplace) != 0 && !is_free(hint, hint + size)) return Fail{Errno::exist};
    return hint;
  }
  hint = base::align_down(hint, abi::page_size);
  const bool low = (flags & map_32bit) != 0;
  if (low && !base::range_within(hint, size, low_mappings_end)) hint = 0;
  if (hint >= lowest_mapping && is_program_range(hint, size) && is_free(hint, hint + size)) return hint;
  const std::uint64_t gap = low ? find_low_gap(size) : find_gap(size);
  if (gap == 0) return Fail{Errno::nomem};
  return gap;
}

CallResult Memory::map(std::uint64_t hint, std::uint64_t size, std::uint32_t prot, std::uint32_t flags, InodeRef inode,
                       std::uint64_t file_offset) {
  if (size == 0 || (file_offset & (abi::page_size - 1)) != 0) return Fail{Errno::inval};
  if (size > abi::map::program_end) return Fail{Errno::nomem};
  size = base::align_up(size, abi::page_size);
  const bool shared = (flags & map_shared) != 0;
  if ((flags & map_fixed) != 0 && prot == 0 && !shared && !inode && spans_library(hint, size)) {
    static_cast<void>(TRY(map(hint, program_gap_start - hint, prot, flags, {}, 0)));
    static_cast<void>(TRY(map(program_gap_end, hint + size - program_gap_end, prot, flags, {}, 0)));
    return hint;
  }
  // More than there is can never be used; reservations that are not meant to be used whole say so.
  if (!shared && !inode && (prot & prot_write) != 0 && (flags & map_noreserve) == 0 &&
      size / abi::page_size > memory_use().limit + swap::use().total)
    return Fail{Errno::nomem};
  const std::uint64_t start = TRY(place(hint, size, flags));
  if (shared && !inode) inode = TRY(make_shared_memory(size));
  if (!is_free(start, start + size)) TRY_VOID(unmap(start, size));
  const std::uint32_t kept = (flags & (map_shared | map_growsdown | map_noreserve | map_stack | vma_never_write | vma_locked)) |
                             (locks_new ? vma_locked : 0);
  if (!inode && extend_neighbour(start, start + size, prot, kept)) return start;
  Vma* area = new_area({.start = start, .end = start + size, .prot = prot, .flags = kept,
                        .file_page = file_offset / abi::page_size, .inode = std::move(inode), .memory = this});
  if (area == nullptr) return Fail{Errno::nomem};
  if (const Status inserted = insert(area); !inserted) {
    delete_area(area);
    return Fail{inserted.error()};
  }
  return start;
}

void Memory::name_areas(std::uint64_t start, std::uint64_t end, std::string_view path) {
  Ref<MappedPath> name;
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < end; ++i) {
    Vma& area = *areas[i];
    if (!area.inode || area.stubs) continue;
    if (!name) {
      name = Ref<MappedPath>{make<MappedPath>()};
      auto text = String::from(path);
      if (!name || !text) return;
      name->text = std::move(*text);
    }
    area.path = name;
  }
}

// Something else comes where stubs are: the file that they serve is executed unpatched from now on.
Status Memory::drop_stubs(std::uint64_t start, std::uint64_t end) {
  for (std::size_t i = index_of(start); i < areas.size() && areas[i]->start < end;) {
    const Vma& area = *areas[i];
    if (!area.stubs) {
      ++i;
      continue;
    }
    leave_patched(*this, area.serves, area.start);
    if (const auto done = space.unmap(area.start, (area.end - area.start) / abi::page_size); !done)
      return Fail{to_errno(done.error())};
    drop_area(i);
  }
  return {};
}

// Stubs go with the last of the file that they serve. (A loader replaces parts of its first mapping; that is not the end.)
void Memory::drop_idle_stubs(std::uint64_t end) {
  const std::size_t i = index_of(end);
  if (i == areas.size()) return;
  const Vma& area = *areas[i];
  if (!area.stubs || area.serves >= end || !is_free(area.serves, area.start)) return;
  if (!space.unmap(area.start, (area.end - area.start) / abi::page_size)) return;
  drop_area(i);
}

Status Memory::unmap(std::uint64_t start, std::uint64_t size) {
  if ((start & (abi::page_size - 1)) != 0 || size == 0 || size > abi::map::program_end) return Fail{Errno::inval};
  size = base::align_up(size, abi::page_size);
  const std::uint64_t end = start + size;
  if (spans_library(start, size)) {
    TRY_VOID(unmap(start, program_gap_start - start));
    return unmap(program_gap_end, end - program_gap_end);
  }
  if (!is_program_range(start, size)) return Fail{Errno::inval};
  if (is_free(start, end)) return {};
  TRY_VOID(drop_stubs(start, end));
  TRY_VOID(split_at(start));
  TRY_VOID(split_at(end));
  const std::size_t first = index_of(start);
  note_leaving(*this, first, start, end);
  if (const auto done = space.unmap(start, size / abi::page_size); !done) return Fail{to_errno(done.error())};
  swap::drop(*this, start, end);
  while (first < areas.size() && areas[first]->start < end) drop_area(first);
  drop_idle_stubs(end);
  if (size >= trim_size) static_cast<void>(space.trim(start, size / abi::page_size));
  return {};
}

}  // namespace exos
