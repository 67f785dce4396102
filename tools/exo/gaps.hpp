// SPDX-License-Identifier: MIT
// Dead alignment padding in a program's code, where the library OS may put a jump (docs/archive.md, "Gaps").
#pragma once

#include <string>
#include <vector>

#include "exo/elf_file.hpp"

namespace exo {

struct Gap {
  std::uint32_t offset, length;  // in the file
};

// Ascending; empty when the file has no `syscall` instruction or no unwind table that can be read.
[[nodiscard]] std::vector<Gap> find_gaps(const ElfFile& file);
[[nodiscard]] std::string encode_gaps(const std::vector<Gap>& gaps);

}  // namespace exo
