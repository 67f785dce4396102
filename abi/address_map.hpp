// SPDX-License-Identifier: MIT
// Where things lie in user space, for all library OSes that share the ExOS image. The kernel does not read this file.
//
//   slot   address               what                                    who may write
//   0      0x0000_0000_0000 ..   the program: static executables          the program
//   128    0x407f_fc00_0000 ..   ExOS text and constants, of all containers: the last 64 MiB of   nobody
//                                the slot, so that code reaches its data in slot 129 by rip
//   129    0x4080_0000_0000 ..   ExOS state of one container: data, heap, stacks, user areas   ExOS
//   130    0x4100_0000_0000 ..   the boot archive                         nobody
//   170    0x5555_5555_4000 ..   position-independent programs, brk       the program
//   255    .. 0x7fff_ffff_f000   the vDSO, below it the stack, and mmap downwards from below that  the program
#pragma once

#include "abi/space.hpp"

namespace abi::map {

inline constexpr std::uint64_t image_slot = 128, state_slot = 129, archive_slot = 130;
inline constexpr std::uint64_t state_base = state_slot * slot_size;
inline constexpr std::uint64_t archive_base = archive_slot * slot_size;
inline constexpr std::uint64_t image_base = state_base - 0x400'0000;   // ExOS is linked here, its data at state_base
static_assert(image_base == 0x407f'fc00'0000);

// Inside the state slot.
inline constexpr std::uint64_t state_data = state_base;                       // .data and .bss of the image
inline constexpr std::uint64_t state_start_info = state_base + 0x1000'0000;   // abi::container::StartInfo, one page
inline constexpr std::uint64_t state_system_info = state_base + 0x1000'1000;  // the information page, read-only
inline constexpr std::uint64_t state_root_area = state_base + 0x1000'2000;    // user area of the container's first env
inline constexpr std::uint64_t state_root_stack = state_base + 0x1010'0000;   // its stack (64 KiB, grows down from +64 KiB)
inline constexpr std::uint64_t state_heap = state_base + 0x2000'0000;         // the library's own from here up to state_swap
inline constexpr std::uint64_t state_swap = state_base + 0x40'0000'0000;      // swap pages: the upper half of the slot
inline constexpr std::uint64_t state_end = state_base + slot_size;

inline constexpr std::uint64_t program_base = 0x5555'5555'4000;
inline constexpr std::uint64_t program_end = 0x7fff'ffff'f000;

}  // namespace abi::map
