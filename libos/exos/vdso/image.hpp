// SPDX-License-Identifier: MIT
// What the vDSO's image takes for granted of the library that it is part of.
#pragma once

#include "abi/address_map.hpp"
#include "abi/info.hpp"

namespace exos {

inline constexpr std::size_t processor_index_at = 0;   // Processor::index

}  // namespace exos
