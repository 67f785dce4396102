// SPDX-License-Identifier: MIT
// Frames for the kernel's own tables and stacks while it boots. What is taken here is never given back; the rest of RAM
// goes to the core. Everything lies below 4 GiB, where the boot page tables reach.
#pragma once

#include "kernel/arch/x86_64/address.hpp"
#include "kernel/core/traps.hpp"

namespace aegis::arch {

// Both must be complete before the first frame is taken. Ranges are whole pages: RAM is rounded inwards by the caller.
void set_memory(std::span<const traps::MemoryRange> ram, std::span<const traps::MemoryRange> reserved);
// A zeroed frame; the machine stops when there is none.
[[nodiscard]] PhysicalAddress take_early_frame();
// `count` zeroed frames in a row.
[[nodiscard]] PhysicalAddress take_early_frames(std::uint64_t count);
// What the core must not give out: what was given to set_memory and what was taken since.
[[nodiscard]] std::span<const traps::MemoryRange> early_reserved();

}  // namespace aegis::arch
