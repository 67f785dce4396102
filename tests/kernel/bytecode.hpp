// SPDX-License-Identifier: MIT
// Programs for guests: bytecode written down in C++, loaded through the kernel's door.
#pragma once

#include "abi/program.hpp"
#include "tests/kernel/guest.hpp"

namespace guest {

namespace bpf = abi::bpf;

namespace ins {
constexpr bpf::Instruction mov(unsigned dst, std::int64_t k) { return bpf::make(bpf::alu64 | bpf::mov, dst, 0, 0, k); }
constexpr bpf::Instruction movx(unsigned dst, unsigned src) { return bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, dst, src, 0, 0); }
constexpr bpf::Instruction alu(unsigned op, unsigned dst, std::int64_t k) { return bpf::make(bpf::alu64 | op, dst, 0, 0, k); }
constexpr bpf::Instruction alux(unsigned op, unsigned dst, unsigned src) { return bpf::make(bpf::alu64 | op | bpf::by_x, dst, src, 0, 0); }
constexpr bpf::Instruction load(unsigned size, unsigned dst, unsigned src, int off) { return bpf::make(bpf::ldx | bpf::mem | size, dst, src, off, 0); }
constexpr bpf::Instruction store(unsigned size, unsigned dst, int off, unsigned src) { return bpf::make(bpf::stx | bpf::mem | size, dst, src, off, 0); }
constexpr bpf::Instruction jump(int off) { return bpf::make(bpf::jmp | bpf::ja, 0, 0, off, 0); }
constexpr bpf::Instruction when(unsigned op, unsigned dst, std::int64_t k, int off) { return bpf::make(bpf::jmp | op, dst, 0, off, k); }
constexpr bpf::Instruction whenx(unsigned op, unsigned dst, unsigned src, int off) { return bpf::make(bpf::jmp | op | bpf::by_x, dst, src, off, 0); }
constexpr bpf::Instruction helper(abi::ProgramHelper what) { return bpf::make(bpf::jmp | bpf::call, 0, bpf::call_helper, 0, static_cast<int>(what)); }
constexpr bpf::Instruction exit() { return bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0); }
// A pointer to a data region: two instructions.
constexpr bpf::Instruction region(unsigned dst, unsigned number) { return bpf::make(bpf::load_immediate, dst, bpf::imm_map_value_index, 0, number); }
constexpr bpf::Instruction region_offset(std::uint32_t offset) { return bpf::make(0, 0, 0, 0, offset); }
}  // namespace ins

using Code = std::span<const bpf::Instruction>;

[[nodiscard]] constexpr abi::ProgramHeader header_of(abi::ProgramKind kind, Code code, std::uint32_t min_context = 0) {
  abi::ProgramHeader header{};
  header.kind = kind;
  header.length = static_cast<std::uint32_t>(code.size());
  header.code = 0;  // see load_program
  header.steps = abi::rules_of(kind)->max_steps;
  header.min_context = min_context;
  return header;
}

// The verdict of verifying it to the end.
inline abi::Result<abi::ProgramVerdict> verify(CapSlot program) {
  for (;;) {
    const auto answer = call::program_verify(program);
    if (answer.has_value()) return abi::ProgramVerdict::unpack(*answer);
    if (answer.error() != Error::again) return base::Unexpected{answer.error()};
  }
}

inline abi::Result<abi::ProgramVerdict> load_program(CapSlot account, CapSlot slot, abi::ProgramHeader header, Code code) {
  header.code = reinterpret_cast<std::uint64_t>(code.data());
  TRY_VOID(call::program_load(account, slot, &header, abi::any_frame));
  return verify(slot);
}
inline CapSlot must_load(const abi::ProgramHeader& header, Code code, CapSlot account = boot::account, Where at = here()) {
  const CapSlot slot = new_slot();
  const auto verdict = must(load_program(account, slot, header, code), at);
  if (verdict.state != abi::ProgramState::ready)
    give_up(at, base::Text<120>{"refused: {} at {}", abi::name(static_cast<abi::Refusal>(verdict.refusal)), verdict.refused_at}.view());
  return slot;
}

inline abi::ProgramResult must_run(CapSlot program, void* context, std::uint32_t size, Where at = here()) {
  abi::ProgramResult result{};
  expect_equal(must(call::program_run(program, context, size, 1, &result), at), 1ull, "one context", at);
  return result;
}
inline abi::ProgramInfo must_read(CapSlot program, Where at = here()) {
  abi::ProgramInfo info{};
  must(call::program_read(program, &info), at);
  return info;
}

}  // namespace guest
