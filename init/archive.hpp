// SPDX-License-Identifier: MIT
// The boot archive: mapped once, in a space of its own that init and every container link, and searched for the members
// that init needs.
#pragma once

#include "abi/boot.hpp"
#include "base/elf.hpp"
#include "libos/rt/kinds.hpp"

namespace init {

struct Member {
  std::span<const std::byte> data;
  std::uint64_t offset = 0;  // of the data, in the archive's frames (not in the cpio file)
};

struct Archive {
  abi::FrameNumber first_frame;          // of the archive's first byte
  std::uint64_t va = 0;                  // of the archive's first byte, in every space that links the archive slot
  std::span<const std::byte> bytes;
  Member library, run;
};

// Builds the archive space (slots::archive_space), links it into the own space and reads the directory. Empty after a
// line in the log.
[[nodiscard]] std::optional<Archive> open_archive(const abi::boot::Facts& facts);

}  // namespace init
