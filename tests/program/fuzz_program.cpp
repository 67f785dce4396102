// SPDX-License-Identifier: MIT
// Random programs through the verifier. What it accepts must run the same in the interpreter and in native code, end
// within its steps, commit no fault that the interpreter can see, do what the verifier believes at each place where
// ways meet, and write nowhere beside its memory. What it refuses carries a reason (harness.cpp). A finding aborts.
#include <cstdio>
#include <cstdlib>

#include "tests/program/harness.hpp"
#include "tests/program/packed_corpus.hpp"

namespace {

using namespace program_test;

constexpr std::size_t bytes_per_instruction = 6, settings = 8;

const std::array<std::int32_t, 24> numbers{
    0,       1,  -1, 8, 16, 32, 63,     64,   255, 256,  4095, 4096, 0x7fffffff, -0x7fffffff - 1,
    0x10000, -8, 2,  3, 7,  31, 0xffff, 4088, 127, -4096};

// Six bytes choose an instruction that is mostly well formed, so that the fuzzer gets behind the first checks.
struct Shape {
  const std::uint8_t* p;
  std::size_t index, count;

  [[nodiscard]] unsigned dst() const { return p[2] % 10; }
  [[nodiscard]] unsigned any() const { return p[2] % 11; }
  [[nodiscard]] unsigned src() const { return (p[2] >> 4) % 11; }
  [[nodiscard]] unsigned operand_kind() const { return p[1] & 8u; }
  [[nodiscard]] unsigned operation() const { return p[1] >> 4; }
  [[nodiscard]] bool narrow() const { return (p[0] & 16) != 0; }
  [[nodiscard]] unsigned size() const { return p[1] >> 1 & 0x18u; }
  [[nodiscard]] int near() const { return static_cast<std::int8_t>(p[3]); }
  [[nodiscard]] std::int32_t number() const {
    return p[5] % 2 == 0 ? numbers[p[5] / 2 % numbers.size()] : static_cast<std::int8_t>(p[5]);
  }
  // A few instructions forward, now and then back.
  [[nodiscard]] int distance() const {
    if (p[4] % 8 != 0) return p[3] % 12;
    return -1 - static_cast<int>(p[3] % std::min<std::size_t>(index + 1, 24));
  }

  [[nodiscard]] bpf::Instruction arithmetic() const {
    const unsigned op = operation() % 14u * 16, x = operand_kind(), group = narrow() ? bpf::alu : bpf::alu64;
    if (op == bpf::neg) return bpf::make(group | op, dst(), 0, 0, 0);
    if (op == bpf::end) return bpf::make(narrow() ? bpf::alu | op | x : bpf::alu64 | op, dst(), 0, 0, 16 << p[5] % 3);
    int off = (op == bpf::div || op == bpf::mod) && p[3] % 2 == 0 ? 1 : 0;
    if (op == bpf::mov && x != 0 && p[3] % 4 == 0) off = 8 << p[4] % (narrow() ? 2 : 3);
    return bpf::make(group | op | x, dst(), x != 0 ? src() : 0, off, x != 0 ? 0 : number());
  }
  [[nodiscard]] bpf::Instruction jump() const {
    static constexpr std::array<unsigned, 12> ops{bpf::jeq,  bpf::jgt, bpf::jge, bpf::jset, bpf::jne,  bpf::jsgt,
                                                  bpf::jsge, bpf::jlt, bpf::jle, bpf::jslt, bpf::jsle, bpf::ja};
    const unsigned op = ops[operation() % 12u], group = narrow() ? bpf::jmp32 : bpf::jmp, x = operand_kind();
    if (op == bpf::ja)
      return narrow() ? bpf::make(group | op, 0, 0, 0, distance()) : bpf::make(group | op, 0, 0, distance(), 0);
    return bpf::make(group | op | x, any(), x != 0 ? src() : 0, distance(), x != 0 ? 0 : number());
  }
  [[nodiscard]] bpf::Instruction load() const {
    const unsigned mode = operand_kind() != 0 && size() != bpf::double_word ? bpf::memsx : bpf::mem;
    return bpf::make(bpf::ldx | mode | size(), dst(), src(), near(), 0);
  }
  [[nodiscard]] bpf::Instruction store() const {
    if (operand_kind() != 0) return bpf::make(bpf::st | bpf::mem | size(), any(), 0, near(), number());
    return bpf::make(bpf::stx | bpf::mem | size(), any(), src(), near(), 0);
  }
  [[nodiscard]] bpf::Instruction update() const {
    static constexpr std::array<std::int32_t, 10> ops{0, 0x40, 0x50, 0xa0, 1, 0x41, 0x51, 0xa1, 0xe1, 0xf1};
    return bpf::make(bpf::stx | bpf::atomic | (narrow() ? bpf::word : bpf::double_word), any(), src(), near() & ~3,
                     ops[p[5] % 10]);
  }
  [[nodiscard]] bpf::Instruction call() const {
    if (p[1] % 4 == 0) return bpf::make(bpf::jmp | bpf::call, 0, bpf::call_local, 0, p[3] % (count + 1));
    if (p[1] % 4 == 1) return bpf::make(bpf::jmp | bpf::call, 0, 0, 0, 1 + p[3] % 2);
    return bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0);
  }
  [[nodiscard]] bpf::Instruction as_it_comes() const {
    return bpf::make(p[0], p[2] & 15u, p[2] >> 4, static_cast<std::int16_t>(p[3] | p[4] << 8),
                     static_cast<std::int8_t>(p[5]));
  }
  // A number of 64 bits, or a pointer into region 0 (writable) or 1.
  void add_wide(Code& out) const {
    const auto low = static_cast<std::uint32_t>(number());
    if (operand_kind() == 0) return code::wide(out, dst(), std::uint64_t{p[3]} << 32 << p[4] % 25 | low);
    code::wide(out, dst(), std::uint64_t{p[3] * 16u} << 32 | p[4] % 2,
               p[4] % 4 < 2 ? bpf::imm_map_value : bpf::imm_map_value_index);
  }
  void add(Code& out) const {
    if (p[1] % 16 == 15) return out.push_back(as_it_comes());
    switch (p[0] % 10) {
      case 0:
      case 1:
      case 2: return out.push_back(arithmetic());
      case 3:
      case 4: return out.push_back(jump());
      case 5: return out.push_back(load());
      case 6: return out.push_back(store());
      case 7: return out.push_back(update());
      case 8: return add_wide(out);
      default: return out.push_back(call());
    }
  }
};

Code program_of(std::span<const std::uint8_t> data, std::uint32_t min_context) {
  Code c;
  // The registers begin with something.
  c.push_back(bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, 6, 1, 0, 0));
  c.push_back(bpf::make(bpf::ldx | bpf::mem | bpf::double_word, 0, 1, 0, 0));
  c.push_back(bpf::make(bpf::ldx | bpf::mem | bpf::byte, 3, 1, min_context > 8 ? 9 : 8, 0));
  c.push_back(bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, 4, 10, 0, 0));
  code::wide(c, 5, std::uint64_t{64} << 32, bpf::imm_map_value_index);
  c.push_back(bpf::make(bpf::st | bpf::mem | bpf::double_word, 10, 0, -8, 5));
  const std::size_t count = data.size() / bytes_per_instruction;
  for (std::size_t i = 0; i < count; ++i) Shape{data.data() + i * bytes_per_instruction, i, count}.add(c);
  c.push_back(bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, 1));
  c.push_back(bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0));
  return c;
}

// Takes out what the verifier refuses, until it accepts or `c` has been mended too often: most random programs would
// otherwise end at their first instruction.
std::unique_ptr<Program> load(Code c, const Options& options) {
  constexpr int mends = 48;
  for (int i = 0;; ++i) {
    auto program = std::make_unique<Program>(c, options);
    if (program->accepted() || i == mends || program->refused_at() >= c.size()) return program;
    const std::uint32_t at = program->refused_at();
    if (at > 0 && c[at - 1].opcode == bpf::load_immediate) return program;
    if (c[at].opcode == bpf::load_immediate && at + 1 < c.size() && c[at + 1].opcode == 0)
      c[at + 1] = code::movx(at % 10, 10);
    c[at] = code::mov(at * 7 % 10, static_cast<std::int32_t>(at));
  }
}

// That the fuzzer gets through to programs that run is seen in its last line.
struct Counts {
  unsigned long long inputs = 0, accepted = 0, whole = 0, exhausted = 0, outside = 0;
  ~Counts() {
    std::fprintf(
        stderr,
        "%llu programs, %llu accepted; their runs: %llu to the end, %llu at the step limit, %llu outside the context\n",
        inputs, accepted, whole, exhausted, outside);
  }
};
Counts counts;

void show(const Program& program) {
  std::uint32_t i = 0;
  for (const bpf::Instruction at : program.code())
    std::fprintf(stderr, "%4u: %02x dst %u src %u off %d imm %d\n", i++, at.opcode, at.dst(), at.src(), at.offset,
                 at.immediate);
}

void fail(const Program& program, const Outcome& one, const Outcome& other) {
  std::fprintf(stderr, "interpreter: end %u value %llx fault %s; native: end %u value %llx; %zu bytes of code\n",
               static_cast<unsigned>(one.end), static_cast<unsigned long long>(one.value),
               std::string{name(one.fault)}.c_str(), static_cast<unsigned>(other.end),
               static_cast<unsigned long long>(other.value), program.native().size());
  show(program);
  std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments);
extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) { return program_test::unpack_corpus(count, arguments); }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < settings + bytes_per_instruction) return -1;
  constexpr std::array kinds{abi::ProgramKind::function, abi::ProgramKind::filter, abi::ProgramKind::predicate};
  constexpr std::array<std::uint32_t, 4> least{0, 8, 9, 64};
  const Options options{.kind = kinds[data[0] % 3],
                        .min_context = least[data[1] % 4],
                        .steps = 2000,
                        .regions = {{0, 1, 1}, {0, 1, 0}},
                        .workspace = 40'000};
  const auto loaded = load(program_of({data + settings, size - settings}, options.min_context), options);
  const Program& program = *loaded;
  ++counts.inputs;
  if (!program.accepted()) return 0;
  ++counts.accepted;
  if (std::getenv("SHOW_PROGRAM") != nullptr) show(program);
  std::vector<std::byte> region(256);
  for (std::size_t i = 0; i < region.size(); ++i) region[i] = static_cast<std::byte>(data[i % size] ^ i);
  for (const std::size_t length : {std::size_t{64}, std::size_t{9}, std::size_t{8}, std::size_t{0}, std::size_t{128}}) {
    std::vector<std::byte> context(length);
    for (std::size_t i = 0; i < length; ++i) context[i] = static_cast<std::byte>(data[i % settings] + i / 8);
    const Outcome one = program.interpret(context, std::vector{region, region}),
                  other = program.execute(context, std::vector{region, region});
    if (one.fault != Refusal::none || !(one == other)) fail(program, one, other);
    ++(one.end == ProgramEnd::value ? counts.whole : one.end == ProgramEnd::steps ? counts.exhausted : counts.outside);
  }
  return 0;
}
