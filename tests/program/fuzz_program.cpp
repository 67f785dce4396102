// SPDX-License-Identifier: MIT
// Random programs through the verifier. What it accepts must run the same in the interpreter and in native code, end
// within its steps, commit no fault that the interpreter can see, and write nowhere beside its memory. What it refuses
// carries a reason (harness.cpp). A finding aborts.
#include <cstdio>
#include <cstdlib>

#include "tests/program/harness.hpp"

namespace {

using namespace program_test;

// Bytes choose instructions that are mostly well formed, so that the fuzzer gets behind the first checks.
bpf::Instruction shape(const std::uint8_t* p, std::size_t index, std::size_t count) {
  std::uint8_t opcode = p[0];
  if (p[1] % 16 == 15)  // as it comes
    return bpf::make(opcode, p[2] & 15u, p[2] >> 4, static_cast<std::int16_t>(p[3] | p[4] << 8), static_cast<std::int8_t>(p[5]));
  const unsigned dst = p[2] % 11, src = (p[2] >> 4) % 11;
  static constexpr std::array<std::int32_t, 16> numbers{0, 1, -1, 8, 16, 32, 63, 64, 255, 256, 4095, 4096, 0x7fffffff, -0x7fffffff - 1, 0x10000, -8};
  const std::int32_t k = p[5] % 2 == 0 ? numbers[p[5] / 2 % 16] : static_cast<std::int8_t>(p[5]);
  const auto near = static_cast<std::int16_t>(p[3] % (count + 1)) - static_cast<std::int16_t>(p[4] % 8 == 0 ? index + 1 : 0);
  switch (opcode % 8) {
    case 0: case 1: {  // arithmetic
      const unsigned op = (p[1] >> 4) % 14u * 16, x = p[1] & 8u;
      const unsigned group = opcode & 16u ? bpf::alu : bpf::alu64;
      if (op == bpf::neg) return bpf::make(group | op, dst, 0, 0, 0);
      if (op == bpf::end) return bpf::make(bpf::alu | op | x, dst, 0, 0, 16 << p[5] % 3);
      int off = (op == bpf::div || op == bpf::mod) && p[3] % 2 == 0 ? 1 : 0;
      if (op == bpf::mov && x != 0 && p[3] % 4 == 0) off = p[4] % 2 == 0 ? 8 : 16;
      return bpf::make(group | op | x, dst, x != 0 ? src : 0, off, x != 0 ? 0 : k);
    }
    case 2: case 3: {  // jumps
      static constexpr std::array<unsigned, 12> ops{bpf::jeq, bpf::jgt, bpf::jge, bpf::jset, bpf::jne, bpf::jsgt, bpf::jsge,
                                                    bpf::jlt, bpf::jle, bpf::jslt, bpf::jsle, bpf::ja};
      const unsigned op = ops[(p[1] >> 4) % 12u], x = op == bpf::ja ? 0 : p[1] & 8u;
      if (op == bpf::ja) return bpf::make(bpf::jmp | op, 0, 0, near % 6, 0);
      return bpf::make((opcode & 16u ? bpf::jmp32 : bpf::jmp) | op | x, dst, x != 0 ? src : 0, near % 12, x != 0 ? 0 : k);
    }
    case 4: return bpf::make(bpf::ldx | (p[1] & 8u && (p[1] & 0x30u) != 0x30u ? bpf::memsx : bpf::mem) | (p[1] >> 1 & 0x18u), dst, src, static_cast<std::int8_t>(p[3]), 0);
    case 5: return bpf::make(bpf::stx | bpf::mem | (p[1] >> 1 & 0x18u), dst, src, static_cast<std::int8_t>(p[3]), 0);
    case 6: {
      if (p[1] & 8u) return bpf::make(bpf::st | bpf::mem | (p[1] >> 1 & 0x18u), dst, 0, static_cast<std::int8_t>(p[3]), k);
      static constexpr std::array<std::int32_t, 10> ops{0, 0x40, 0x50, 0xa0, 1, 0x41, 0x51, 0xa1, 0xe1, 0xf1};
      return bpf::make(bpf::stx | bpf::atomic | (p[1] & 16u ? bpf::double_word : bpf::word), dst, src, static_cast<std::int8_t>(p[3]) & ~3, ops[p[5] % 10]);
    }
    default:
      if (p[1] % 4 == 0) return bpf::make(bpf::jmp | bpf::call, 0, bpf::call_local, 0, p[3] % (count + 1));
      if (p[1] % 4 == 1) return bpf::make(bpf::jmp | bpf::call, 0, 0, 0, 1 + p[3] % 2);
      return bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0);
  }
}

Code program_of(const std::uint8_t* data, std::size_t size) {
  Code c;
  // The registers begin with something.
  c.push_back(bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, 6, 1, 0, 0));
  c.push_back(bpf::make(bpf::ldx | bpf::mem | bpf::double_word, 0, 1, 0, 0));
  c.push_back(bpf::make(bpf::ldx | bpf::mem | bpf::byte, 3, 1, 8, 0));
  c.push_back(bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, 4, 10, 0, 0));
  code::wide(c, 5, std::uint64_t{64} << 32, bpf::imm_map_value_index);
  c.push_back(bpf::make(bpf::st | bpf::mem | bpf::double_word, 10, 0, -8, 5));
  const std::size_t count = size / 6;
  for (std::size_t i = 0; i < count; ++i) c.push_back(shape(data + i * 6, i, count));
  c.push_back(bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, 1));
  c.push_back(bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0));
  return c;
}

void fail(const Program& program, const Outcome& one, const Outcome& other) {
  std::fprintf(stderr, "interpreter: end %u value %llx fault %s; native: end %u value %llx; %zu bytes of code\n",
               static_cast<unsigned>(one.end), static_cast<unsigned long long>(one.value), std::string{name(one.fault)}.c_str(),
               static_cast<unsigned>(other.end), static_cast<unsigned long long>(other.value), program.native().size());
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 14) return -1;
  const Program program{program_of(data + 8, size - 8), {.steps = 2000, .regions = {{0, 1, 1}, {0, 1, 0}}}};
  if (!program.accepted()) return 0;
  for (const std::size_t length : {std::size_t{64}, std::size_t{9}, std::size_t{8}, std::size_t{0}}) {
    std::vector<std::byte> context(length);
    for (std::size_t i = 0; i < length; ++i) context[i] = static_cast<std::byte>(data[i % 8] + i / 8);
    const Outcome one = program.interpret(context), other = program.execute(context);
    if (one.fault != Refusal::none || !(one == other)) fail(program, one, other);
  }
  return 0;
}
