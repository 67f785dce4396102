// SPDX-License-Identifier: MIT
// Where init keeps its capabilities, after those that the kernel gave it (abi/boot.hpp).
#pragma once

#include "abi/boot.hpp"

namespace init::slots {

using abi::CapSlot;

inline constexpr CapSlot archive_space = abi::boot::first_free;      // maps the boot archive, shared by all containers
inline constexpr CapSlot image_space = abi::boot::first_free + 1;    // maps the library's text and constants, likewise
inline constexpr CapSlot account = abi::boot::first_free + 2;        // the container's
inline constexpr CapSlot table = abi::boot::first_free + 3;
inline constexpr CapSlot space = abi::boot::first_free + 4;
inline constexpr CapSlot env = abi::boot::first_free + 5;

}  // namespace init::slots
