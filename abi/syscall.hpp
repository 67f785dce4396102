// SPDX-License-Identifier: MIT
// Numbers and bounds of the Aegis calls, from the list in syscalls.def.hpp.
#pragma once

#include "abi/env.hpp"
#include "abi/info.hpp"
#include "abi/rights.hpp"
#include "abi/space.hpp"
#include "abi/syscalls.def.hpp"
#include "abi/types.hpp"

namespace abi {

inline constexpr std::uint64_t call_base = 0x4ae6'0000;  // no Linux number, nor an x32 one, comes near

enum class Call : std::uint32_t {
#define AEGIS_CALL(number, name, arguments, value, meaning) name = number,
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
};

inline constexpr std::array call_names{
#define AEGIS_CALL(number, name, arguments, value, meaning) std::string_view{#name},
    AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
};
inline constexpr std::size_t call_count = call_names.size();

inline constexpr std::uint64_t max_run = 16384;          // frames in one frame_alloc, frame_free, frame_cap
inline constexpr std::uint64_t console_chunk = 4096;     // bytes in one console_read or console_write
inline constexpr std::uint64_t log_chunk = 512;
inline constexpr std::uint32_t slots_per_leaf = 64;
inline constexpr std::uint32_t leaves_per_table = 504;
inline constexpr std::uint32_t slots_per_table = slots_per_leaf * leaves_per_table;

struct AccountInfo {
  std::uint64_t limit_frames;   // what it may own, children's limits included
  std::uint64_t used_frames;    // what it owns, children's limits included
  std::uint64_t children;
  std::uint64_t objects;        // envs, spaces, tables, leaves, page tables: the frames among `used` that are not plain
};

}  // namespace abi
