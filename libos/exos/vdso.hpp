// SPDX-License-Identifier: MIT
// The vDSO (vdso/): a page of code that each program finds by AT_SYSINFO_EHDR.
#pragma once

#include "libos/exos/memory.hpp"

namespace exos {

inline constexpr std::string_view vdso_name = "[vdso]";

// Where it is in the memory of a program that starts.
[[nodiscard]] CallResult map_vdso(Memory& memory);

}  // namespace exos
