// SPDX-License-Identifier: MIT
// How the first env finds its world: fixed capability slots and a page of facts.
#pragma once

#include "abi/types.hpp"

namespace abi::boot {

// Slots of the first env. Leaf 0 (slots 0..63) exists; the rest is the env's to grow.
inline constexpr CapSlot account{1}, self{2}, space{3}, table{4},
    archive{5},     // frames of the boot archive: read, execute, grant; empty when there is none
    info{6},        // information frames: read, grant
    slices{7},      // every position of every processor; those of processor 0 are bound to the first env
    console{8}, machine{9};
inline constexpr CapSlot first_free{10};

// In rdi when the first env starts: the address of this, mapped read-only.
struct Facts {
  std::uint64_t archive_frame, archive_frames;  // the frames that `archive` covers
  std::uint64_t archive_offset, archive_size;   // bytes: where in them the cpio archive lies
  std::uint64_t user_area;                      // where the user area is mapped
  std::uint64_t free_va;                        // from here up to user_end nothing is mapped
  std::uint64_t image_start, image_end;         // the first env's own image
  std::uint64_t command_line_size;
  char command_line[1024];
};

// The archive's first member must be this: a static ELF program, loaded by the kernel as the first env.
inline constexpr std::string_view init_path = "aegis/init";

}  // namespace abi::boot
