// SPDX-License-Identifier: MIT
// Executes a program instruction by instruction. It believes nobody: it follows by itself which values are pointers and
// into what, so that it can tell when the verifier was wrong.
#pragma once

#include "kernel/program/run.hpp"

namespace aegis::program {

struct Result {
  ProgramEnd end = ProgramEnd::value;
  std::uint64_t value = 0;
  Refusal fault = Refusal::none;  // what a verified program never does
  std::uint32_t fault_at = 0;
  std::uint64_t steps = 0;        // instructions executed
};

// What a register holds. A pointer's bits are its offset into the region.
struct Register {
  std::uint64_t bits = 0;
  Region region = Region::none;  // none: a number
  bool set = false;
};

// Is told of each instruction before it is executed: profiles, and checks of what the verifier believes.
struct Observer {
  void (*step)(void* self, std::uint32_t at, std::span<const Register> registers) = nullptr;
  void* self = nullptr;
};

struct Image {
  std::span<const bpf::Instruction> code;
  std::uint32_t first_function_length = 0;
  abi::ProgramRules rules{};
  std::uint32_t min_context = 0;
  std::array<bool, region_slots> writable{};
  Observer observer{};
};

// `run` is prepared. The image's control flow has been checked (verifier: structure); whether the rest has does not matter.
// function_length(start) tells a called function's length.
[[nodiscard]] Result interpret(const Image& image, Run& run, std::span<const std::uint32_t> function_starts);

}  // namespace aegis::program
