// SPDX-License-Identifier: MIT
#include "libos/exos/memory_counts.hpp"

#include "libos/exos/memory_internal.hpp"
#include "libos/exos/pager_internal.hpp"
#include "libos/exos/task.hpp"

namespace exos {

namespace {

// Where the pages are mapped that belong at `address`.
std::uint64_t place_of(const Vma& area, std::uint64_t address) {
  return area.parked == 0 ? address : area.parked + (address - area.start);
}

}  // namespace

ResidentPages resident_pages(Memory& memory) {
  pager::Visitor visitor;
  visitor.go(memory.space);
  ResidentPages pages;
  for (const Vma* area : memory.areas) {
    const bool named = area->path || (area->flags & map_shared) == 0;
    const std::uint64_t start = place_of(*area, area->start);
    for_each_present(start, start + (area->end - area->start), [&](std::uint64_t, std::uint64_t entry) {
      std::uint64_t& kind = (entry & pte_file) == 0 ? pages.anonymous : named ? pages.file : pages.shared;
      ++kind;
      return true;
    });
  }
  memory.resident = pages.sum();
  return pages;
}

AreaPages area_pages(const Memory& memory) {
  AreaPages pages;
  for (const Vma* area : memory.areas) {
    const std::uint64_t size = (area->end - area->start) / abi::page_size;
    const bool writable = (area->prot & prot_write) != 0;
    pages.total += size;
    if ((area->flags & vma_locked) != 0) pages.locked += size;
    if ((area->flags & map_growsdown) != 0) pages.stack += size;
    else if (writable && (area->flags & map_shared) == 0) pages.data += size;
    else if ((area->prot & prot_exec) != 0 && !writable) (area->inode == memory.executable_inode ? pages.program : pages.library) += size;
  }
  return pages;
}

std::uint64_t locked_pages(const Memory& memory, std::uint64_t start, std::uint64_t end) {
  std::uint64_t pages = 0;
  for (std::size_t i = memory.index_of(start); i < memory.areas.size() && memory.areas[i]->start < end; ++i) {
    const Vma& area = *memory.areas[i];
    if ((area.flags & vma_locked) != 0) pages += (std::min(end, area.end) - std::max(start, area.start)) / abi::page_size;
  }
  return pages;
}

bool may_map(std::uint64_t pages) {
  constexpr std::size_t limit_addresses = 9;
  const std::uint64_t limit = current_process().limits[limit_addresses][0] / abi::page_size;
  constexpr std::uint64_t most = abi::map::program_end / abi::page_size;   // without a limit nothing is counted
  return limit >= most || current_process().memory->size_pages() + pages <= limit;
}

bool may_lock(std::uint64_t pages) {
  constexpr std::size_t limit_memlock = 8;
  const Process& process = current_process();
  if (process.euid == 0) return true;
  const std::uint64_t bytes = process.limits[limit_memlock][0], limit = bytes / abi::page_size;
  return bytes != 0 && pages <= limit && locked_pages(*process.memory, 0, abi::map::program_end) <= limit - pages;
}

const PeakPages& note_peak(Memory& memory) {
  memory.peak.resident = std::max(memory.peak.resident, memory.resident);
  memory.peak.total = std::max(memory.peak.total, memory.size_pages());
  return memory.peak;
}

void note_leaving(Memory& memory, std::size_t first, std::uint64_t start, std::uint64_t end) {
  constexpr std::uint64_t large = 0x20'0000;   // of less than that the areas are not counted: VmPeak may be so much short
  if (memory.resident == 0) return;            // a space that is being laid out, and not the current one
  memory.peak.resident = std::max(memory.peak.resident, memory.resident);
  if (end - start >= large) note_peak(memory);
  std::uint64_t leaving = 0;
  for (std::size_t i = first; i < memory.areas.size() && memory.areas[i]->start < end; ++i) {
    const Vma& area = *memory.areas[i];
    for_each_present(place_of(area, std::max(start, area.start)), place_of(area, std::min(end, area.end)),
                     [&](std::uint64_t, std::uint64_t) { return ++leaving != 0; });
  }
  memory.resident -= std::min(leaving, memory.resident);
}

void note_largest(Process& process) {
  if (process.memory) process.largest_pages = std::max(process.largest_pages, note_peak(*process.memory).resident);
}

}  // namespace exos
