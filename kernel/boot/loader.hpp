// SPDX-License-Identifier: MIT
// What the loader knew, copied out of its memory: a PVH loader's hvm_start_info or a multiboot2 loader's tags. Read
// with the boot page tables, before any frame is taken.
#pragma once

#include "kernel/arch/x86_64/address.hpp"
#include "kernel/core/traps.hpp"

namespace aegis::boot {

struct LoaderInfo {
  std::array<traps::MemoryRange, 64> ram{};  // whole pages, sorted, disjoint
  std::size_t ram_count = 0;
  traps::MemoryRange archive{};
  std::uint64_t rsdp = 0;                    // physical; 0: not told
  std::array<char, 4096> command_line{};
  std::size_t command_line_size = 0;

  [[nodiscard]] std::span<const traps::MemoryRange> memory() const { return std::span{ram}.first(ram_count); }
  [[nodiscard]] std::string_view command() const { return {command_line.data(), command_line_size}; }
  // The value of `name=value` on the command line, empty when it is not there.
  [[nodiscard]] std::string_view option(std::string_view name) const;
};

// False: the magic is nobody's, or there is no memory map.
[[nodiscard]] bool read_loader(std::uint32_t magic, std::uint32_t info, LoaderInfo& out);

}  // namespace aegis::boot
