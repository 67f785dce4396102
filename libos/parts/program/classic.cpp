// SPDX-License-Identifier: MIT
// r0: the accumulator, r3: the index register, both 32 bits; r1: the packet, r2: its length; r4: a pointer into the
// packet. Scratch word i lies at r10 - 8 * (i + 1).
#include "libos/parts/program/classic.hpp"

namespace parts::program {

namespace bpf = abi::bpf;

namespace {

// Classic opcodes: group in the low three bits; then size and mode of loads, or operation and operand.
constexpr unsigned ld = 0, ldx = 1, st = 2, stx = 3, alu = 4, jmp = 5, ret = 6, misc = 7;
constexpr unsigned mode_immediate = 0x00, mode_absolute = 0x20, mode_indirect = 0x40, mode_memory = 0x60,
                   mode_length = 0x80, mode_header = 0xa0;
constexpr unsigned operand_x = 0x08, return_a = 0x10, to_index = 0x00, from_index = 0x80;
constexpr unsigned always = 0x00, equal = 0x10, greater = 0x20, at_least = 0x30, any_bit = 0x40;

constexpr unsigned accumulator = 0, packet = 1, length = 2, index_register = 3, pointer = 4, frame = 10;
constexpr std::uint32_t scratch_words = 16;
constexpr std::uint32_t longest = abi::rules_of(abi::ProgramKind::filter)->max_context;
constexpr std::uint32_t max_offset = 0x7fff;  // that an instruction holds

class Translator {
 public:
  Translator(std::span<const ClassicInstruction> classic, std::span<bpf::Instruction> out)
      : classic_{classic}, out_{out} {}

  base::Expected<Translation, ClassicFailure> go() {
    if (classic_.empty()) return fault(ClassicFault::empty);
    if (classic_.size() > abi::max_program_length) return fault(ClassicFault::too_long);
    // The first round finds where each instruction comes to lie, the second knows where jumps lead.
    for (int round = 0; round < 2; ++round) {
      emitted_ = 0;
      begin();
      for (at_ = 0; at_ < classic_.size(); ++at_) {
        place_[at_] = static_cast<std::uint16_t>(emitted_);
        if (!instruction(classic_[at_])) return fault(fault_);
        if (emitted_ > std::min<std::size_t>(out_.size(), abi::max_program_length))
          return fault(ClassicFault::too_long);
      }
    }
    if (classic_.back().code % 8 != ret) return fault(ClassicFault::no_return);
    constexpr std::uint32_t most = abi::rules_of(abi::ProgramKind::filter)->max_steps;
    return Translation{emitted_, jumps_back_ ? most : emitted_};
  }

 private:
  base::Unexpected<ClassicFailure> fault(ClassicFault what) { return base::Unexpected{ClassicFailure{what, at_}}; }
  bool wrong(ClassicFault what) {
    fault_ = what;
    return false;
  }

  void emit(unsigned opcode, unsigned dst, unsigned src, int offset, std::uint32_t k) {
    if (emitted_ < out_.size()) out_[emitted_] = bpf::make(opcode, dst, src, offset, static_cast<std::int32_t>(k));
    ++emitted_;
  }
  void set(unsigned dst, std::uint32_t k) { emit(bpf::alu | bpf::mov, dst, 0, 0, k); }
  void copy(unsigned dst, unsigned src) { emit(bpf::alu | bpf::mov | bpf::by_x, dst, src, 0, 0); }
  void leave(std::uint32_t value) {
    set(accumulator, value);
    emit(bpf::jmp | bpf::exit, 0, 0, 0, 0);
  }

  // Everything begins as 0, but only what may be read needs it.
  void begin() {
    bool index = false;
    std::uint32_t words = 0;
    for (const ClassicInstruction& c : classic_) {
      const unsigned group = c.code % 8, mode = c.code & 0xe0u;
      index = index || group == stx || (group == ld && mode == mode_indirect) || c.code == (misc | from_index) ||
              ((group == alu || group == jmp) && (c.code & operand_x) != 0);
      if ((group == ld || group == ldx) && mode == mode_memory && c.k < scratch_words) words |= 1u << c.k;
    }
    if (classic_[0].code % 8 != ld) set(accumulator, 0);
    if (index) set(index_register, 0);
    for (std::uint32_t i = 0; i < scratch_words; ++i)
      if ((words >> i & 1) != 0) emit(bpf::st | bpf::mem | bpf::double_word, frame, 0, word_offset(i), 0);
  }
  static int word_offset(std::uint32_t word) { return -8 * static_cast<int>(word + 1); }

  bool instruction(const ClassicInstruction& c) {
    switch (c.code % 8) {
      case ld: return load(c, accumulator);
      case ldx: return load(c, index_register);
      case st:
      case stx:
        if (c.code > stx) return wrong(ClassicFault::unknown_instruction);
        if (c.k >= scratch_words) return wrong(ClassicFault::bad_memory);
        emit(bpf::stx | bpf::mem | bpf::double_word, frame, c.code == st ? accumulator : index_register,
             word_offset(c.k), 0);
        return true;
      case alu: return arithmetic(c);
      case jmp: return jump(c);
      case ret:
        if (c.code == (ret | return_a))
          emit(bpf::jmp | bpf::exit, 0, 0, 0, 0);
        else if (c.code == ret)
          leave(c.k);
        else
          return wrong(ClassicFault::unknown_instruction);
        return true;
      default:
        if (c.code == (misc | to_index))
          copy(index_register, accumulator);
        else if (c.code == (misc | from_index))
          copy(accumulator, index_register);
        else
          return wrong(ClassicFault::unknown_instruction);
        return true;
    }
  }

  // --- loads
  // ------------------------------------------------------------------------------------------------------------

  bool load(const ClassicInstruction& c, unsigned to) {
    const unsigned mode = c.code & 0xe0u, size = c.code & 0x18u;
    const bool whole_word = size == bpf::word && c.code < 0x100;
    if (mode == mode_immediate && whole_word) return set(to, c.k), true;
    if (mode == mode_length && whole_word) return copy(to, length), true;
    if (mode == mode_memory && whole_word) {
      if (c.k >= scratch_words) return wrong(ClassicFault::bad_memory);
      emit(bpf::ldx | bpf::mem | bpf::double_word, to, frame, word_offset(c.k), 0);
      return true;
    }
    if (c.code == (ldx | bpf::byte | mode_header)) {  // four times the low half of a byte: the length of an IP header
      if (!fetch(bpf::byte, c.k, packet, to)) return true;
      emit(bpf::alu | bpf::bit_and, to, 0, 0, 15);
      emit(bpf::alu | bpf::lsh, to, 0, 0, 2);
      return true;
    }
    const bool from_packet = to == accumulator && (mode == mode_absolute || mode == mode_indirect);
    if (!from_packet || size == bpf::double_word || c.code >= 0x100) return wrong(ClassicFault::unknown_instruction);
    if (!fetch(size, c.k, mode == mode_indirect ? pointer : packet, to)) return true;
    if (size != bpf::byte) emit(bpf::alu | bpf::end | bpf::by_x, to, 0, 0, size == bpf::half ? 16 : 32);
    return true;
  }

  // Loads what lies at `k` behind the packet's start, or behind the index register if `base` is `pointer`. False when
  // no packet is so long: then the program ends here.
  bool fetch(unsigned size, std::uint32_t k, unsigned base, unsigned to) {
    const std::uint32_t bytes = bpf::make(size, 0, 0, 0, 0).bytes();
    if (k > longest - bytes) return leave(0), false;
    if (base == pointer) {  // the verifier wants an access that can be inside
      emit(bpf::jmp32 | bpf::jle, index_register, 0, 2, longest - bytes - k);
      leave(0);
    }
    if (base == pointer || k > max_offset) emit(bpf::alu64 | bpf::mov | bpf::by_x, pointer, packet, 0, 0);
    if (base == pointer) emit(bpf::alu64 | bpf::add | bpf::by_x, pointer, index_register, 0, 0);
    if (k > max_offset) {
      emit(bpf::alu64 | bpf::add, pointer, 0, 0, k);
      base = pointer;
      k = 0;
    }
    emit(bpf::ldx | bpf::mem | size, to, base, static_cast<int>(k), 0);
    return true;
  }

  // --- arithmetic and jumps
  // ---------------------------------------------------------------------------------------------

  bool arithmetic(const ClassicInstruction& c) {
    const unsigned operation = c.code & 0xf0u, by_x = c.code & operand_x;
    const bool divides = operation == bpf::div || operation == bpf::mod,
               shifts = operation == bpf::lsh || operation == bpf::rsh;
    if (c.code >= 0x100 || operation > bpf::bit_xor) return wrong(ClassicFault::unknown_instruction);
    if (operation == bpf::neg) {
      if (by_x != 0) return wrong(ClassicFault::unknown_instruction);
      return emit(bpf::alu | bpf::neg, accumulator, 0, 0, 0), true;
    }
    if (by_x == 0) {
      if (divides && c.k == 0) return wrong(ClassicFault::division_by_zero);
      if (shifts && c.k >= 32) return set(accumulator, 0), true;
      return emit(bpf::alu | operation, accumulator, 0, 0, c.k), true;
    }
    if (divides) {  // by 0: not the filter's
      emit(bpf::jmp32 | bpf::jne, index_register, 0, 2, 0);
      leave(0);
    }
    if (shifts) {  // by 32 or more: nothing is left
      emit(bpf::jmp32 | bpf::jlt, index_register, 0, 2, 32);
      set(accumulator, 0);
      emit(bpf::jmp | bpf::ja, 0, 0, 1, 0);
    }
    return emit(bpf::alu | operation | bpf::by_x, accumulator, index_register, 0, 0), true;
  }

  // Goes to the classic instruction `target` when the condition holds; `always` is none.
  bool jump_to(unsigned opcode, const ClassicInstruction& c, std::int64_t target) {
    if (target < 0 || target >= static_cast<std::int64_t>(classic_.size())) return wrong(ClassicFault::jump_outside);
    jumps_back_ = jumps_back_ || target <= at_;
    const int distance = int{place_[static_cast<std::size_t>(target)]} - static_cast<int>(emitted_) - 1;
    const bool conditional = (opcode & 0xf0) != bpf::ja, by_x = (opcode & bpf::by_x) != 0;
    emit(opcode, accumulator, by_x ? index_register : 0, distance, conditional && !by_x ? c.k : 0);
    return true;
  }

  bool jump(const ClassicInstruction& c) {
    const std::int64_t next = std::int64_t{at_} + 1;
    const unsigned operation = c.code & 0xf0u, operand = c.code & operand_x;
    constexpr unsigned go = bpf::jmp | bpf::ja;
    if (c.code == (jmp | always)) return jump_to(go, c, next + static_cast<std::int32_t>(c.k));
    unsigned holds = 0, fails = 0;
    switch (operation) {
      case equal: holds = bpf::jeq, fails = bpf::jne; break;
      case greater: holds = bpf::jgt, fails = bpf::jle; break;
      case at_least: holds = bpf::jge, fails = bpf::jlt; break;
      case any_bit: holds = bpf::jset; break;
      default: return wrong(ClassicFault::unknown_instruction);
    }
    if (c.code >= 0x100) return wrong(ClassicFault::unknown_instruction);
    if (c.if_true == c.if_false) return jump_to(go, c, next + c.if_true);
    if (c.if_true == 0 && fails != 0) return jump_to(bpf::jmp32 | fails | operand, c, next + c.if_false);
    if (!jump_to(bpf::jmp32 | holds | operand, c, next + c.if_true)) return false;
    return c.if_false == 0 || jump_to(go, c, next + c.if_false);
  }

  std::span<const ClassicInstruction> classic_;
  std::span<bpf::Instruction> out_;
  std::uint32_t at_ = 0, emitted_ = 0;
  ClassicFault fault_ = ClassicFault::empty;
  bool jumps_back_ = false;
  std::array<std::uint16_t, abi::max_program_length> place_{};  // of each classic instruction in the program
};

}  // namespace

base::Expected<Translation, ClassicFailure> translate(std::span<const ClassicInstruction> classic,
                                                      std::span<bpf::Instruction> out) {
  return Translator{classic, out}.go();
}

}  // namespace parts::program
