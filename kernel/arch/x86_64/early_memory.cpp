// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/early_memory.hpp"

namespace aegis::arch {
namespace {

constexpr std::uint64_t reach = std::uint64_t{1} << 32;
constexpr std::uint64_t low_memory_end = 0x10'0000;  // left to firmware and the trampoline

constinit std::span<const traps::MemoryRange> ram{};
constinit std::array<traps::MemoryRange, 24> taken{};
constinit std::size_t taken_count = 0, given_count = 0;  // of which those of set_memory, which keep their borders
constinit std::uint64_t cursor = low_memory_end;

bool overlaps(const traps::MemoryRange& range, std::uint64_t start, std::uint64_t end) {
  return start < range.end && range.start < end;
}

bool inside_ram(std::uint64_t start, std::uint64_t end) {
  for (const auto& range : ram)
    if (range.start <= start && end <= range.end) return true;
  return false;
}

void record(std::uint64_t start, std::uint64_t end) {
  if (taken_count > given_count && taken[taken_count - 1].end == start) {
    taken[taken_count - 1].end = end;
    return;
  }
  AEGIS_ASSERT(taken_count < taken.size());
  taken[taken_count++] = {start, end};
}

// The first address at or above `start` from which a run of `size` may be taken, or `reach`.
std::uint64_t find_run(std::uint64_t start, std::uint64_t size) {
  for (bool moved = true; moved && start + size <= reach;) {
    moved = false;
    for (std::size_t i = 0; i < taken_count; ++i) {
      if (!overlaps(taken[i], start, start + size)) continue;
      start = base::align_up(taken[i].end, base::page_size);
      moved = true;
    }
    if (moved || inside_ram(start, start + size)) continue;
    std::uint64_t next = reach;  // on to the next range of RAM
    for (const auto& range : ram)
      if (range.start > start && range.start < next) next = range.start;
    start = next;
    moved = true;
  }
  return start;
}

}  // namespace

void set_memory(std::span<const traps::MemoryRange> usable, std::span<const traps::MemoryRange> reserved) {
  ram = usable;
  for (const auto& range : reserved)
    if (range.start != range.end) taken[taken_count++] = range;
  given_count = taken_count;
}

PhysicalAddress take_early_frames(std::uint64_t count) {
  const std::uint64_t size = count * base::page_size;
  const std::uint64_t start = find_run(cursor, size);
  if (start + size > reach) panic("too little memory below 4 GiB", __FILE__, __LINE__);
  record(start, start + size);
  cursor = start + size;
  std::memset(direct(PhysicalAddress{start}), 0, size);
  return PhysicalAddress{start};
}

PhysicalAddress take_early_frame() { return take_early_frames(1); }

std::span<const traps::MemoryRange> early_reserved() { return std::span{taken}.first(taken_count); }

}  // namespace aegis::arch
