// SPDX-License-Identifier: MIT
// Numbers and bounds of the Aegis calls, from the list in syscalls.def.hpp.
#pragma once

#include "abi/account.hpp"
#include "abi/env.hpp"
#include "abi/info.hpp"
#include "abi/pct.hpp"
#include "abi/rights.hpp"
#include "abi/space.hpp"
#include "abi/syscalls.def.hpp"
#include "abi/trace.hpp"
#include "abi/types.hpp"

namespace abi {

inline constexpr std::uint64_t call_base = 0x4ae6'0000;  // no Linux number, nor an x32 one, comes near

enum class Call : std::uint32_t {
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) name = number,
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
};

// One more than the greatest number. In between some may not be given out: those have no name.
inline constexpr std::size_t call_count = [] {
  std::size_t last = 0;
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) \
  if (number > last) last = number;
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  return last + 1;
}();
inline constexpr std::array<std::string_view, call_count> call_names = [] {
  std::array<std::string_view, call_count> names{};
#define AEGIS_CALL(number, name, arguments, value, path, rights, errors, meaning) names[number] = #name;
  AEGIS_CALLS(AEGIS_CALL)
#undef AEGIS_CALL
  return names;
}();

inline constexpr std::uint64_t max_run = 512;            // frames in one frame_alloc, frame_free: 2 MiB
inline constexpr std::uint64_t max_cap_run = 16384;      // frames in one frame_cap
inline constexpr std::uint64_t console_chunk = 4096;     // bytes in one console_read or console_write
inline constexpr std::uint64_t log_chunk = 512;
inline constexpr std::uint32_t slots_per_leaf = 64;
inline constexpr std::uint32_t direct_leaves = 248;      // leaves that the table's own frame points to
inline constexpr std::uint32_t leaves_per_index = 512;   // the others hang below index frames
inline constexpr std::uint32_t indexes_per_table = 248;
inline constexpr std::uint32_t leaves_per_table = direct_leaves + leaves_per_index * indexes_per_table;
inline constexpr std::uint32_t slots_per_table = slots_per_leaf * leaves_per_table;

}  // namespace abi
