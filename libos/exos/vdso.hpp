// SPDX-License-Identifier: MIT
// The vDSO (vdso/): a page of code that each program finds by AT_SYSINFO_EHDR.
#pragma once

#include "libos/exos/memory.hpp"

namespace exos {

inline constexpr std::string_view vdso_name = "[vdso]";

inline constexpr std::uint64_t vdso_size = abi::page_size;

// Above the stack of a program that starts, so that both are under one page table.
[[nodiscard]] CallResult map_vdso(Memory& memory);

}  // namespace exos
