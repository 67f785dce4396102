// SPDX-License-Identifier: MIT
// A classic BPF program through the translation, the verifier and both ways of running, beside libpcap's own
// interpreter.
#pragma once

#include <pcap/pcap.h>

#include "libos/parts/program/classic.hpp"
#include "tests/program/harness.hpp"

namespace program_test {

using ClassicCode = std::vector<bpf_insn>;

class ClassicCase {
 public:
  explicit ClassicCase(const ClassicCode& classic) : classic_{classic} {
    std::vector<parts::program::ClassicInstruction> source;
    for (const bpf_insn& c : classic) source.push_back({c.code, c.jt, c.jf, c.k});
    Code code(abi::max_program_length);
    const auto translation = parts::program::translate(source, code);
    if (!translation) {
      failure = translation.error();
      return;
    }
    code.resize(translation->length);
    program = std::make_unique<Program>(code, Options{.kind = abi::ProgramKind::filter, .steps = translation->steps});
  }

  // Empty, or what differs.
  [[nodiscard]] std::string compare(std::span<const std::byte> packet) const {
    const auto* bytes = reinterpret_cast<const u_char*>(packet.data());
    const auto size = static_cast<u_int>(packet.size());
    const std::uint64_t right = bpf_filter(classic_.data(), bytes, size, size);
    const Outcome one = program->interpret(packet), other = program->execute(packet);
    if (one.fault != Refusal::none) return "the verifier accepted: " + std::string{describe(one.fault)};
    if (!(one == other))
      return "native code: " + std::to_string(other.value) + ", interpreter: " + std::to_string(one.value);
    if (one.end == ProgramEnd::steps) return "ran out of steps";
    if (one.value != right) return "libpcap: " + std::to_string(right) + ", translated: " + std::to_string(one.value);
    return {};
  }

  std::optional<parts::program::ClassicFailure> failure;
  std::unique_ptr<Program> program;  // when there is no failure

 private:
  const ClassicCode& classic_;
};

// A valid program made of bytes, six for an instruction. All scratch memory is written first: what libpcap reads
// otherwise is not defined.
[[nodiscard]] inline ClassicCode classic_of(std::span<const std::uint8_t> bytes) {
  constexpr std::size_t each = 6;
  ClassicCode code;
  const auto add = [&](unsigned op, std::uint32_t k, unsigned jt = 0, unsigned jf = 0) {
    code.push_back({static_cast<u_short>(op), static_cast<u_char>(jt), static_cast<u_char>(jf), k});
  };
  add(BPF_LD | BPF_IMM, 0x01020304);
  for (std::uint32_t i = 0; i < BPF_MEMWORDS; ++i) add(BPF_ST, i);
  const std::size_t count = bytes.size() / each;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint8_t* p = bytes.data() + i * each;
    std::uint32_t wide = 0;
    std::memcpy(&wide, p + 2, sizeof wide);
    const std::uint32_t k = p[1] % 4 == 0 ? wide : p[1] % 4 == 1 ? p[2] : p[1] % 4 == 2 ? wide & 0xffff : p[2] % 80u;
    const std::size_t left = count - i;  // instructions that follow, the return counted
    const auto ahead = [&](std::uint8_t b) { return static_cast<unsigned>(b % std::min<std::size_t>(left, 12)); };
    constexpr std::array<unsigned, 3> sizes{BPF_W, BPF_H, BPF_B};
    constexpr std::array<unsigned, 9> binary{BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_OR,
                                             BPF_AND, BPF_LSH, BPF_RSH, BPF_MOD};
    constexpr std::array<unsigned, 4> tests{BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET};
    const unsigned by_x = p[1] & 8u;
    switch (p[0] % 16) {
      case 0:
      case 1: add(BPF_LD | BPF_ABS | sizes[p[1] / 16u % 3], k); break;
      case 2:
      case 3: add(BPF_LD | BPF_IND | sizes[p[1] / 16u % 3], k); break;
      case 4: add(BPF_LDX | BPF_MSH | BPF_B, k); break;
      case 5: add(p[1] & 16 ? BPF_LD | BPF_IMM : BPF_LDX | BPF_IMM, k); break;
      case 6: add(p[1] & 16 ? BPF_LD | BPF_MEM : BPF_LDX | BPF_MEM, k % BPF_MEMWORDS); break;
      case 7: add(p[1] & 16 ? BPF_ST : BPF_STX, k % BPF_MEMWORDS); break;
      case 8: add(p[1] & 16 ? BPF_LD | BPF_W | BPF_LEN : BPF_LDX | BPF_W | BPF_LEN, 0); break;
      case 9: add(p[1] & 16 ? BPF_MISC | BPF_TAX : BPF_MISC | BPF_TXA, 0); break;
      case 10:
      case 11:
      case 12: {
        const unsigned op = p[1] / 16u % 11;
        if (op == 10)
          add(BPF_ALU | BPF_NEG, 0);
        else {
          const unsigned which = op == 9 ? unsigned{BPF_XOR} : binary[op];
          const bool divides = which == BPF_DIV || which == BPF_MOD, shifts = which == BPF_LSH || which == BPF_RSH;
          add(BPF_ALU | which | by_x, by_x != 0 ? 0 : divides && k == 0 ? 3 : shifts ? k % 32 : k);
        }
        break;
      }
      case 13:
      case 14: add(BPF_JMP | tests[p[1] / 16u % 4] | by_x, by_x != 0 ? 0 : k, ahead(p[3]), ahead(p[5])); break;
      default:
        if (p[1] % 4 == 0)
          add(p[1] & 16 ? BPF_RET | BPF_A : BPF_RET | BPF_K, k);
        else
          add(BPF_JMP | BPF_JA, ahead(p[3]));
    }
  }
  add(BPF_RET | BPF_A, 0);
  return code;
}

}  // namespace program_test
