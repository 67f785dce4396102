// SPDX-License-Identifier: MIT
// The words that both sides of ring 3 use.
#pragma once

#include "abi/error.hpp"
#include "base/bits.hpp"
#include "base/strong.hpp"

namespace abi {

using base::page_bits;
using base::page_size;

// A slot of the caller's capability table. Slot 0 never holds a capability: it stands for "none" or, where a call says
// so, for the caller itself.
using CapSlot = base::Strong<struct CapSlotTag, std::uint32_t, base::Ordered, base::Offsets>;
inline constexpr CapSlot no_slot{0};

// A physical 4 KiB frame by its number (physical address / 4096).
using FrameNumber = base::Strong<struct FrameNumberTag, std::uint64_t, base::Ordered, base::Offsets>;
inline constexpr FrameNumber any_frame{~std::uint64_t{0}};  // "the kernel may take any free one"

// Nanoseconds since the machine started (information page: how to compute it from the TSC).
using Nanoseconds = base::Strong<struct NanosecondsTag, std::uint64_t, base::Ordered, base::Offsets>;
inline constexpr Nanoseconds forever{~std::uint64_t{0}};

// User virtual addresses end here; page-table window and kernel lie above.
inline constexpr std::uint64_t user_end = 0x0000'7fff'ffff'f000;

}  // namespace abi
