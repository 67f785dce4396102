// SPDX-License-Identifier: MIT
// Kernel addresses, and the only conversions between them and physical ones.
//
//   slot 0..255  user                                              the env's
//   slot 256     page-table window (abi/space.hpp)                 user reads
//   slot 384..   direct map of RAM: physical + direct_base         kernel; read-only where the image is constant
//   slot 511     0xffff_ffff_8000_0000 kernel image                kernel, W^X
//                0xffff_ffff_c000_0000 window: devices, stacks     kernel, a hole behind each mapping
#pragma once

#include "base/bits.hpp"
#include "base/strong.hpp"

namespace aegis::arch {

using PhysicalAddress = base::Strong<struct PhysicalAddressTag, std::uint64_t, base::Ordered, base::Offsets>;

inline constexpr std::uint64_t image_base = 0xffff'ffff'8000'0000;
inline constexpr std::uint64_t direct_base = 0xffff'c000'0000'0000;
inline constexpr std::uint64_t direct_end = 0xffff'ff80'0000'0000;  // slot 511 begins
inline constexpr std::uint64_t window_start = 0xffff'ffff'c000'0000;
inline constexpr std::uint64_t window_end = 0xffff'ffff'ffe0'0000;

inline constexpr std::uint64_t slot_bits = 39, large_bits = 21;
inline constexpr std::uint64_t direct_slot = direct_base >> slot_bits & 511;

// RAM only (and, before the kernel's own page tables are there, everything below 4 GiB).
template <typename T = std::byte>
[[nodiscard]] inline T* direct(PhysicalAddress pa) { return reinterpret_cast<T*>(pa.raw() + direct_base); }

// Of anything in the direct map or in the kernel image.
[[nodiscard]] inline PhysicalAddress physical(const volatile void* memory) {
  const auto va = reinterpret_cast<std::uint64_t>(memory);
  return PhysicalAddress{va - (va >= image_base ? image_base : direct_base)};
}

}  // namespace aegis::arch
