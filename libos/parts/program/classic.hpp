// SPDX-License-Identifier: MIT
// Classic BPF, the language that libpcap compiles filters to, made into a program of kind `filter`. A packet that is
// shorter than a load wants is not the filter's in both languages (ProgramEnd::outside has the value 0), so no test of
// the length is added. `len` is the length of what the kernel shows of the packet. Allocates nothing.
#pragma once

#include "abi/program.hpp"
#include "base/result.hpp"

namespace parts::program {

// struct bpf_insn of <pcap/bpf.h>.
struct ClassicInstruction {
  std::uint16_t code;
  std::uint8_t if_true, if_false;
  std::uint32_t k;
};
static_assert(sizeof(ClassicInstruction) == 8);

enum class ClassicFault : std::uint8_t {
  empty,
  unknown_instruction,
  jump_outside,
  bad_memory,        // a scratch word above the fifteenth
  division_by_zero,  // by a constant
  no_return,         // the last instruction is none
  too_long,          // the program that would come of it
};
[[nodiscard]] constexpr std::string_view describe(ClassicFault fault) {
  switch (fault) {
    case ClassicFault::empty: return "no instructions";
    case ClassicFault::unknown_instruction: return "no instruction of classic BPF";
    case ClassicFault::jump_outside: return "jump out of the program";
    case ClassicFault::bad_memory: return "scratch memory has 16 words";
    case ClassicFault::division_by_zero: return "division by 0";
    case ClassicFault::no_return: return "does not end with a return";
    case ClassicFault::too_long: return "too long for a program of the kernel";
  }
  return "broken";
}

struct ClassicFailure {
  ClassicFault fault;
  std::uint32_t at;
};

struct Translation {
  std::uint32_t length;  // instructions written
  std::uint32_t steps;   // what the header should ask for: the length, or the kind's most if it jumps back
};

[[nodiscard]] base::Expected<Translation, ClassicFailure> translate(std::span<const ClassicInstruction> classic,
                                                                    std::span<abi::bpf::Instruction> out);

}  // namespace parts::program
