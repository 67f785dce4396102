// SPDX-License-Identifier: MIT
// Page-table entries: how they are composed and changed. All changes are atomic exchanges, for the processor sets
// accessed and dirty bits in them; whoever walks the tables meanwhile finds the old entry or the new one.
#pragma once

#include "abi/space.hpp"
#include "kernel/core/kernel.hpp"

namespace aegis {

inline constexpr std::uint64_t table_entries = 512;   // and pages of a large mapping
inline constexpr std::uint64_t pte_changed_by_cpu = abi::pte_accessed | abi::pte_dirty;
inline constexpr std::uint64_t pte_table =
    abi::pte_present | abi::pte_write | abi::pte_user;  // an entry of level 2 to 4

[[nodiscard]] constexpr bool is_present(std::uint64_t entry) { return (entry & abi::pte_present) != 0; }
// Of a present entry of level 2: it maps 2 MiB itself.
[[nodiscard]] constexpr bool is_large(std::uint64_t entry) { return (entry & abi::pte_large) != 0; }
[[nodiscard]] constexpr FrameNumber pte_frame(std::uint64_t entry) {
  return FrameNumber{(entry & abi::pte_frame_mask) >> abi::page_bits};
}
[[nodiscard]] inline std::uint64_t* table_at(std::uint64_t entry) {
  return reinterpret_cast<std::uint64_t*>(arch::frame_memory(pte_frame(entry)));
}

// Bytes that one entry of a table of this level covers, and the entry's index for an address.
[[nodiscard]] constexpr std::uint64_t entry_span(std::uint32_t level) {
  return std::uint64_t{1} << (12 + 9 * (level - 1));
}
[[nodiscard]] constexpr std::uint64_t entry_index(std::uint64_t va, std::uint32_t level) {
  return va / entry_span(level) % table_entries;
}
[[nodiscard]] constexpr std::uint64_t next_entry(std::uint64_t va, std::uint32_t level) {
  return base::align_down(va, entry_span(level)) + entry_span(level);
}

// The first present entry from `i` on, or `end`. Absent ones are passed by groups.
[[nodiscard]] inline std::uint64_t first_present(const std::uint64_t* table, std::uint64_t i, std::uint64_t end) {
  constexpr std::uint64_t group = 8;
  if (i < end && is_present(table[i])) return i;
  for (; i + group <= end; i += group) {
    std::uint64_t any = 0;
    for (std::uint64_t j = 0; j < group; ++j) any |= table[i + j];
    if (is_present(any)) break;
  }
  while (i < end && !is_present(table[i])) ++i;
  return i;
}

// Of a small page, but for its key.
inline constexpr std::uint32_t page_flags = abi::map_all_flags & ~(abi::map_replace | abi::map_large | abi::map_keys);

[[nodiscard]] constexpr std::uint64_t key_bits(std::uint64_t flags) {
  return (flags & abi::map_keys) << (abi::pte_key_shift - abi::map_key_shift);
}
[[nodiscard]] constexpr std::uint64_t pte_permissions(std::uint32_t flags) {
  return key_bits(flags) | ((flags & abi::map_write) != 0 ? abi::pte_write : 0) |
         ((flags & abi::map_execute) != 0 ? 0 : abi::pte_no_execute) |
         ((flags & abi::map_soft0) != 0 ? abi::pte_soft0 : 0) | ((flags & abi::map_soft1) != 0 ? abi::pte_soft1 : 0);
}
// `ceiling`: pte_may_* bits.
[[nodiscard]] constexpr std::uint64_t make_pte(FrameNumber frame, std::uint32_t flags, std::uint64_t ceiling) {
  return frame.raw() << abi::page_bits | abi::pte_present | abi::pte_user | pte_permissions(flags) | ceiling |
         ((flags & abi::map_owned) != 0 ? abi::pte_owned : 0) | ((flags & abi::map_large) != 0 ? abi::pte_large : 0);
}

// Fills an empty entry; its table counts it.
inline void fill_entry(Kernel& k, std::uint64_t& entry, std::uint64_t value) {
  ++k.frames[arch::frame_of(&entry)].maps;
  const std::uint64_t old = arch::exchange_entry(&entry, value);
  AEGIS_ASSERT(!is_present(old));
}
// Empties one and returns what was there last.
[[nodiscard]] inline std::uint64_t clear_entry(Kernel& k, std::uint64_t& entry) {
  --k.frames[arch::frame_of(&entry)].maps;
  return arch::exchange_entry(&entry, 0);
}
// Replaces the bits in `mask`. Accessed and dirty bits that the processor sets meanwhile are put back: the entry is
// never absent in between, so nobody faults on it.
inline std::uint64_t change_entry(std::uint64_t& entry, std::uint64_t mask, std::uint64_t bits) {
  std::uint64_t expected = std::atomic_ref{entry}.load(std::memory_order_relaxed);
  for (std::uint64_t keep = 0;;) {
    const std::uint64_t value = (expected & ~mask) | (bits & mask) | keep;
    const std::uint64_t old = arch::exchange_entry(&entry, value);
    const std::uint64_t lost = old & ~value & pte_changed_by_cpu & ~mask;
    if (lost == 0) return old;
    keep |= lost;
    expected = value;
  }
}

}  // namespace aegis
