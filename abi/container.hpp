// SPDX-License-Identifier: MIT
// What init hands to the library OS of a container: capability slots and a page of facts.
#pragma once

#include "abi/types.hpp"

namespace abi::container {

// Slots of the container's table.
inline constexpr CapSlot account{1},   // all rights but destroy and reclaim: who may ask back could keep others from it
    self{2},                           // the container's first env
    space{3},                          // the first env's space: its state slot is what every process links
    table{4},
    archive{5},                        // frames of the boot archive: read, execute
    info{6},                           // the information frame: read
    image{7},                          // the space that holds the library's image (share)
    archive_space{8},                  // the space that maps the archive (share)
    console{9},
    monitor{10},                       // init's env: wake. To be kept as EnvEntries::monitor of the first env
    slices{11};                        // bind: every position of every processor but the first, whose are bound to `self`;
                                       // empty when the container has that one only
inline constexpr CapSlot first_free{16};

inline constexpr std::uint32_t start_version = 2;

struct StartInfo {
  std::uint32_t version;
  std::uint32_t reserved;
  std::uint64_t archive_va;        // the whole cpio archive, mapped read-only in the archive slot
  std::uint64_t archive_size;
  std::uint64_t archive_frame;     // frame number of the page that archive_va & ~4095 lies in
  std::uint64_t memory_frames;     // the account's limit
  std::uint64_t heap_start;        // state slot: first unused address at or above map::state_heap
  std::uint64_t swap_va;           // state slot: pages that init keeps, outside the account, for the library to swap to
  std::uint64_t swap_pages;        // 0: none
  std::uint32_t command_size;      // the run description below, see docs/archive.md; when larger than `command`, only the
                                   // archive's member aegis/run holds the whole of it
  char command[page_size - 72 - 4];
};
static_assert(sizeof(StartInfo) <= page_size);

}  // namespace abi::container
