// SPDX-License-Identifier: MIT
// Minor numbers of the memory devices (major 1). [linux devices.txt]
#pragma once

#include "base/std.hpp"

namespace exos {

inline constexpr std::uint32_t device_null = 3, device_zero = 5, device_full = 7, device_random = 8, device_urandom = 9, device_userfault = 126;

}  // namespace exos
