// SPDX-License-Identifier: MIT
// Turns a verified program into the machine's own code. Each architecture implements this in its folder. The generator
// takes from the verifier which region an access means, and nothing else on trust: what it emits stays inside that region
// whatever is in the registers, also in speculation; a constant offset is checked while generating, others when they come.
// It counts the steps, makes no indirect jump, and hides the program's large constants, so that no bytes of the program's
// choice stand in executable memory.
#pragma once

#include "kernel/program/verifier.hpp"

namespace aegis::program {

struct Source {
  const abi::ProgramHeader& header;
  std::span<const bpf::Instruction> code;
  std::span<Note> notes;             // of an accepted program; `state` is overwritten
  const Functions& functions;
};

class Generator {
 public:
  // Into `out`, or with an empty `out` only to find the size. `secret` stirs the constants; the size does not depend on it.
  Generator(const Source& source, std::span<std::byte> out, std::uint64_t secret);

  // Goes on for about `steps` instructions, and takes them off. True when all is done.
  [[nodiscard]] bool advance(std::uint64_t& steps);
  [[nodiscard]] std::size_t size() const { return at_; }
  [[nodiscard]] std::size_t entry() const { return entry_; }  // where to call it: std::uint64_t (*)(Run*)

 private:
  enum class Phase : std::uint8_t { registers, code, jumps, done };

  void note_registers();
  void begin_code();
  void generate();
  void connect();

  // The program's parts.
  void prologue(std::uint32_t function);
  void epilogue(std::uint32_t function);
  void arithmetic(bpf::Instruction at);
  void immediate_arithmetic(unsigned dst, std::uint8_t operation, bool wide, std::uint64_t value);
  void shift(bpf::Instruction at);
  void division(bpf::Instruction at);
  void multiplication(bpf::Instruction at);
  void conversion(bpf::Instruction at);
  void move(bpf::Instruction at);
  void jump(bpf::Instruction at);
  void call(bpf::Instruction at);
  void take_fuel(std::uint32_t steps);
  void load(bpf::Instruction at);
  void store(bpf::Instruction at);
  void atomic(bpf::Instruction at);
  void fetch_and_change(bpf::Instruction at, bool wide);

  struct Place {  // [base + index + offset]
    unsigned base, index;
    std::uint32_t offset;
  };
  [[nodiscard]] Place place_of(bpf::Instruction at, std::uint8_t pointer);
  [[nodiscard]] Place fixed_place(const Note& note, std::uint32_t size);
  [[nodiscard]] Place moving_place(const Note& note, unsigned pointer, std::int16_t offset, std::uint32_t size);
  [[nodiscard]] Place moving_context(unsigned pointer, std::int32_t offset, std::uint32_t size);

  // Machine instructions.
  void byte(unsigned value);
  void word(std::uint32_t value);
  void prefix(bool wide, unsigned reg, unsigned index, unsigned base);
  void between(unsigned opcode, bool wide, unsigned reg, unsigned rm);          // registers
  void between_long(unsigned opcode, bool wide, unsigned reg, unsigned rm);     // two-byte opcode
  void memory(unsigned opcode, bool wide, unsigned reg, const Place& place);
  void memory_long(unsigned opcode, bool wide, unsigned reg, const Place& place);
  void address(unsigned reg, const Place& place);
  void with_immediate(unsigned extension, bool wide, unsigned rm, std::uint32_t value);
  void constant(unsigned reg, std::uint64_t value);
  void jump_to(std::size_t target);
  void jump_if(unsigned condition, std::size_t target);
  [[nodiscard]] std::size_t skip_if(unsigned condition);  // a short jump, whose target land() sets
  [[nodiscard]] std::size_t skip();
  void land(std::size_t from);
  [[nodiscard]] std::uint32_t key();
  [[nodiscard]] unsigned operand(bpf::Instruction at);    // the register that holds the second operand
  [[nodiscard]] std::uint32_t frame_top() const;

  Source source_;
  std::span<std::byte> out_;
  std::uint64_t secret_;
  Phase phase_ = Phase::registers;
  std::size_t at_ = 0, entry_ = 0, outside_ = 0, exhausted_ = 0;
  std::uint32_t pc_ = 0, function_ = 0;
  bool uses_length_ = false;         // some instruction names r2
  std::array<std::uint8_t, abi::max_program_functions> saves_{};  // bit 0: r6 ... bit 3: r9
};

}  // namespace aegis::program
