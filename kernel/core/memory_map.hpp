// SPDX-License-Identifier: MIT
// From the loader's memory map to the frame table, once, at the start.
#pragma once

#include "kernel/core/kernel.hpp"
#include "kernel/core/traps.hpp"

namespace aegis {

// Frames of the boot archive: whole pages around it.
struct FrameRange {
  std::uint64_t first = 0, count = 0;
};
[[nodiscard]] FrameRange archive_frames(const traps::BootRecord& record);

// Takes frames for the information pages and the bitmap out of RAM, and makes free what is left. False: too little RAM.
[[nodiscard]] bool build_frame_table(Kernel& k, const traps::BootRecord& record);

}  // namespace aegis
