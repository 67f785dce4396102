// SPDX-License-Identifier: MIT
// What the files of the pager share: the parking, and walks over the current space's page tables.
#pragma once

#include "abi/address_map.hpp"
#include "libos/exos/memory.hpp"

namespace exos {

// Pages under PROT_NONE cannot stay where they are (a present entry can be read), so they are moved here meanwhile.
inline constexpr std::uint64_t parking_start = 131 * abi::slot_size, parking_end = program_gap_end;

// The last page of it: where a page that comes back from swap is filled while other threads are at work. Not to be parked on.
inline constexpr std::uint64_t transit = parking_end - abi::page_size;

// Vma::flags beside Linux' own: a shared mapping of a file that was opened for reading only.
inline constexpr std::uint32_t vma_never_write = 1u << 31;
inline constexpr std::uint32_t vma_not_in_child = 1u << 30, vma_zero_in_child = 1u << 29;   // MADV_DONTFORK, MADV_WIPEONFORK
inline constexpr std::uint32_t vma_locked = 1u << 28;   // mlock: its pages stay in memory
inline constexpr std::uint32_t vma_marks = vma_never_write | vma_not_in_child | vma_zero_in_child | vma_locked;   // not from programs

// Set in entries that show a page of a file: to be told from a page that is the process's own.
inline constexpr std::uint64_t pte_file = abi::pte_soft0;
inline constexpr std::uint32_t map_file_page = abi::map_soft0;
// Beside it: a page of the file with `syscall` sites patched (patch.cpp).
inline constexpr std::uint64_t pte_patched = abi::pte_soft1;
// The same bit in anonymous memory: a userfaultfd is to be told before the page is written to. It counts where the area says so.
inline constexpr std::uint64_t pte_guarded = abi::pte_soft1;
inline constexpr std::uint32_t map_guarded = abi::map_soft1;
inline constexpr std::uint32_t map_patched_page = abi::map_owned | abi::map_soft0 | abi::map_soft1;
// What a change of protection leaves as it is.
[[nodiscard]] constexpr std::uint32_t kept_flags(std::uint64_t entry) {
  return abi::map_key(abi::pte_key(entry)) | ((entry & abi::pte_owned) != 0 ? abi::map_owned : 0) | ((entry & pte_file) != 0 ? map_file_page : 0) |
         ((entry & pte_patched) != 0 ? abi::map_soft1 : 0);
}

[[nodiscard]] constexpr std::uint32_t entry_flags(std::uint32_t prot) {
  return abi::map_read | ((prot & prot_exec) != 0 ? abi::map_execute : 0);
}
[[nodiscard]] inline std::uint32_t entry_flags(const Vma& area) { return entry_flags(area.prot) | abi::map_key(area.key); }

// Calls f(address, entry) for each present entry of the *current* space in the range; absent tables are skipped whole.
// Stops when f returns false.
template <typename F>
void for_each_present(std::uint64_t start, std::uint64_t end, F f) {
  const auto present = [](std::uint64_t window) {
    return (*reinterpret_cast<const volatile std::uint64_t*>(window) & abi::pte_present) != 0;
  };
  for (std::uint64_t va = start; va < end;) {
    std::uint64_t skip = 0;
    if (!present(abi::pml4e_window(va))) skip = std::uint64_t{1} << 39;
    else if (!present(abi::pdpte_window(va))) skip = std::uint64_t{1} << 30;
    else if (!present(abi::pde_window(va))) skip = std::uint64_t{1} << 21;
    if (skip != 0) {
      va = (va & ~(skip - 1)) + skip;
      continue;
    }
    const std::uint64_t table_end = (va & ~((std::uint64_t{1} << 21) - 1)) + (std::uint64_t{1} << 21);
    for (; va < end && va < table_end; va += abi::page_size) {
      const std::uint64_t entry = *reinterpret_cast<const volatile std::uint64_t*>(abi::pte_window(va));
      if ((entry & abi::pte_present) != 0 && !f(va, entry)) return;
    }
  }
}

}  // namespace exos
