// SPDX-License-Identifier: MIT
// The kernel's half of every address space. Built once while booting; afterwards only the window's leaf entries change,
// so a top-level table never has to be updated.
#pragma once

#include "kernel/arch/x86_64/address.hpp"
#include "kernel/core/traps.hpp"

namespace aegis::arch {

// Builds the final tables (W^X image, direct map of `ram`, window); load_kernel_tables() makes a processor use them.
void build_kernel_tables(std::span<const traps::MemoryRange> ram);
void load_kernel_tables();

enum class Caching { normal, device };
// Maps physical pages into the window, writable and never executable, and leaves a hole behind them.
[[nodiscard]] std::byte* map_window(PhysicalAddress start, std::uint64_t size, Caching caching);

template <typename T = std::byte>
[[nodiscard]] volatile T* map_device(std::uint64_t physical, std::uint64_t size) {
  return reinterpret_cast<volatile T*>(map_window(PhysicalAddress{physical}, size, Caching::device));
}

}  // namespace aegis::arch
