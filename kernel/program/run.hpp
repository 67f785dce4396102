// SPDX-License-Identifier: MIT
// One execution of a program: its memory, its step budget, how it ended. Native code knows the offsets of these fields;
// nothing a program does changes `regions`.
#pragma once

#include "abi/program.hpp"

namespace aegis::program {

namespace bpf = abi::bpf;
using abi::ProgramEnd;
using abi::Refusal;

// Which memory a pointer leads into. Data regions follow.
enum class Region : std::uint8_t { none = 0, context = 1, stack = 2, data = 3 };
inline constexpr std::size_t region_slots = 3 + abi::max_program_regions;
[[nodiscard]] constexpr Region data_region(std::uint32_t index) { return static_cast<Region>(3 + index); }
[[nodiscard]] constexpr std::size_t slot_of(Region region) { return static_cast<std::size_t>(region); }

struct Memory {
  std::byte* start = nullptr;
  std::uint64_t size = 0;
};

struct Run {
  std::int64_t fuel = 0;             // steps left beyond those that going forward takes
  std::uint64_t stack_pointer = 0;   // of the machine, to leave native code from anywhere
  std::uint64_t end = 0;             // ProgramEnd
  std::uint64_t now = 0, caller = 0; // what the helpers say
  Memory regions[region_slots];
  alignas(8) std::byte stack[abi::program_stack_size];

  // `stack` is not cleared: a verified program reads only what it has written.
  void prepare(const Memory& context, std::uint32_t steps, std::uint32_t first_function_length) {
    fuel = std::int64_t{steps} - first_function_length;
    end = 0;
    regions[slot_of(Region::context)] = context;
    regions[slot_of(Region::stack)] = {stack, sizeof stack};
  }
};
static_assert(std::is_standard_layout_v<Run>);

}  // namespace aegis::program
