// SPDX-License-Identifier: MIT
// The library OS' ELF file: its read-only part becomes the image space, mapped from the archive's own frames; its data
// becomes fresh memory of a container.
#pragma once

#include "init/archive.hpp"

namespace init {

struct Image {
  base::elf::View elf;
  std::span<const std::byte> file;
  std::uint64_t data_start = 0, data_end = 0;  // pages of .data and .bss, in the state slot; equal: none
};

// Builds slots::image_space and checks that everything lies where abi/address_map.hpp wants it. Empty after a line in
// the log.
[[nodiscard]] std::optional<Image> build_image(const Archive& archive);

// Allocates the image's data in `space`, whose state slot must be linked into the own space, and fills it.
[[nodiscard]] rt::Status load_data(const Image& image, rt::Space space, rt::Account account);

}  // namespace init
