// SPDX-License-Identifier: MIT
// Memory instructions in every place that a program has: context, stack, data region; at offsets that are known and at
// such as only the run tells; with every register in every part. The right answer comes from a plain copy of the bytes.
#include "tests/program/instruction_case.hpp"

namespace program_test {
namespace {

constexpr std::array<unsigned, 4> sizes{bpf::byte, bpf::half, bpf::word, bpf::double_word};
constexpr std::array<unsigned, 4> widths{1, 2, 4, 8};
enum Place { context, stack, region };

// `reg` points at `bytes` (64 of them, first copied there from the context), less `bias`, which the access adds again.
// r9 holds the context. Clobbers r0 and r8 unless told otherwise.
struct Ground {
  Place place = static_cast<Place>(below(3));
  bool moving = below(2) == 0;
  int at = static_cast<int>(below(40)), bias = static_cast<int>(below(2000)) - 1000;

  // With one more step of an unknown but even offset that is always 0.
  void point(Code& c, unsigned reg) const {
    c.push_back(code::movx(9, 1));
    const unsigned helper = reg == 8 ? 7 : 8;
    if (place != context) {
      for (int word = 0; word < 64; word += 8) {
        c.push_back(code::load(bpf::double_word, helper, 9, word));
        if (place == stack) c.push_back(code::store(bpf::double_word, 10, word - 256, helper));
      }
    }
    if (place == context) c.push_back(code::movx(reg, 9));
    if (place == stack) c.push_back(code::movx(reg, 10)), c.push_back(code::alu64(bpf::add, reg, -256));
    if (place == region) code::wide(c, reg, 0, bpf::imm_map_value_index);
    if (moving) {
      c.push_back(code::load(bpf::byte, helper, 9, 64));  // 0, which the verifier does not know
      c.push_back(code::alu64(bpf::bit_and, helper, 8));
      c.push_back(code::alu64x(bpf::add, reg, helper));
    }
    c.push_back(code::alu64(bpf::add, reg, at - bias));
  }
  // What the place holds after a run.
  [[nodiscard]] std::vector<std::byte> found(const Outcome& outcome) const {
    const auto& bytes = place == region ? outcome.regions[0] : outcome.context;
    const std::ptrdiff_t start = place == stack ? 72 : 0;  // the program copies its stack there at the end
    return {bytes.begin() + start, bytes.begin() + start + 64};
  }
  void finish(Code& c) const {
    if (place == stack) {
      for (int word = 0; word < 64; word += 8) {
        c.push_back(code::load(bpf::double_word, 5, 10, word - 256));
        c.push_back(code::store(bpf::double_word, 9, 72 + word, 5));
      }
    }
    c.push_back(code::exit());
  }
};

std::vector<std::byte> random_bytes() {
  std::vector<std::byte> bytes(136);
  for (std::size_t i = 0; i < 64; ++i) bytes[i] = static_cast<std::byte>(dice()());
  return bytes;
}

// Runs it both ways on `bytes` as context and first bytes of the region; what differs ends the test.
Outcome run(const Code& c, const std::vector<std::byte>& bytes) {
  const Program program{c, {.min_context = 136, .regions = {{0, 1, 1}}}};
  EXPECT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
  if (!program.accepted()) return {};
  const std::vector<std::vector<std::byte>> regions{{bytes.begin(), bytes.begin() + 64}};
  Outcome one = program.interpret(bytes, regions);
  EXPECT_TRUE(one == program.execute(bytes, regions));
  EXPECT_EQ(one.fault, Refusal::none);
  EXPECT_EQ(one.end, ProgramEnd::value);
  return one;
}

u64 read(const std::vector<std::byte>& bytes, int at, unsigned width, bool sign) {
  u64 raw = 0;
  std::memcpy(&raw, bytes.data() + at, width);
  const unsigned unused = 64 - width * 8;
  return sign ? static_cast<u64>(static_cast<s64>(raw << unused) >> unused) : raw;
}

TEST(Memory, LoadsFromEverywhere) {
  for (int i = 0; i < 3000; ++i) {
    const Ground ground;
    const std::size_t s = below(4);
    const bool sign = s != 3 && below(2) == 0;
    const unsigned pointer = static_cast<unsigned>(below(9)),
                   dst = static_cast<unsigned>(below(10));  // the same one too
    const auto bytes = random_bytes();
    Code c;
    ground.point(c, pointer);
    c.push_back(bpf::make(bpf::ldx | (sign ? bpf::memsx : bpf::mem) | sizes[s], dst, pointer, ground.bias, 0));
    c.push_back(code::movx(0, dst));
    c.push_back(code::exit());
    ASSERT_EQ(run(c, bytes).value, read(bytes, ground.at, widths[s], sign))
        << "place " << ground.place << " width " << widths[s] << " sign " << sign << " moving " << ground.moving
        << " at " << i;
  }
}

TEST(Memory, StoresToEverywhere) {
  for (int i = 0; i < 4000; ++i) {
    const Ground ground;
    const std::size_t s = below(4);
    const bool immediate = i % 2 == 0;
    const u64 value = any_value();
    const auto k = static_cast<s32>(value);
    const unsigned pointer = static_cast<unsigned>(below(9)), src = static_cast<unsigned>((pointer + 1 + below(8)) % 9);
    const auto bytes = random_bytes();
    Code c;
    ground.point(c, pointer);
    if (!immediate) code::wide(c, src, value);
    c.push_back(immediate ? code::store_k(sizes[s], pointer, ground.bias, k)
                          : code::store(sizes[s], pointer, ground.bias, src));
    c.push_back(code::mov(0, 3));
    ground.finish(c);
    std::vector<std::byte> right{bytes.begin(), bytes.begin() + 64};
    const u64 stored = immediate ? static_cast<u64>(s64{k}) : value;
    std::memcpy(right.data() + ground.at, &stored, widths[s]);
    const Outcome outcome = run(c, bytes);
    ASSERT_EQ(outcome.value, 3u);
    ASSERT_EQ(ground.found(outcome), right)
        << "place " << ground.place << " width " << widths[s] << " moving " << ground.moving << " at " << i;
  }
}

struct Update {
  s32 operation;
  u64 (*changed)(u64 old, u64 operand);
};
const std::vector<Update> updates{{bpf::add, [](u64 a, u64 b) { return a + b; }},
                                  {bpf::bit_or, [](u64 a, u64 b) { return a | b; }},
                                  {bpf::bit_and, [](u64 a, u64 b) { return a & b; }},
                                  {bpf::bit_xor, [](u64 a, u64 b) { return a ^ b; }}};

TEST(Memory, UpdatesEverywhere) {
  std::array<int, 10> cases{};
  for (int i = 0; i < 5000; ++i) {
    Ground ground;
    const bool wide = below(2) == 0;
    ground.at = static_cast<int>(below(wide ? 5 : 10)) * (wide ? 8 : 4);
    const auto kind = static_cast<std::size_t>(i % 10);  // four updates, the same with fetch, exchange, compare
    const bool exchanges = kind == 8, compares = kind == 9, fetches = kind >= 4;
    const u64 operand = any_value(), mask = wide ? ~u64{0} : 0xffff'ffff;
    const auto pointer = static_cast<unsigned>(1 + below(8));
    auto src = static_cast<unsigned>(below(9));
    if (src == pointer) src = pointer == 8 ? 7 : pointer + 1;
    const auto bytes = random_bytes();
    const u64 old = read(bytes, ground.at, wide ? 8 : 4, false);
    const u64 wanted = src == 0 ? operand : below(2) == 0 ? old : any_value();
    Code c;
    ground.point(c, pointer);
    code::wide(c, 0, wanted);
    code::wide(c, src, operand);
    const s32 operation = exchanges  ? bpf::atomic_exchange
                          : compares ? bpf::atomic_compare
                                     : updates[kind % 4].operation | (fetches ? 1 : 0);
    c.push_back(code::update(wide ? bpf::double_word : bpf::word, pointer, ground.bias, src, operation));
    if (!compares) c.push_back(code::movx(0, src));
    ground.finish(c);
    const u64 stored = exchanges  ? operand
                       : compares ? ((wanted & mask) == old ? operand : old)
                                  : updates[kind % 4].changed(old, operand);
    std::vector<std::byte> right{bytes.begin(), bytes.begin() + 64};
    std::memcpy(right.data() + ground.at, &stored, wide ? 8 : 4);
    const Outcome outcome = run(c, bytes);
    ASSERT_EQ(outcome.value, fetches ? old : operand) << "operation " << operation << " wide " << wide << " at " << i;
    ASSERT_EQ(ground.found(outcome), right)
        << "operation " << operation << " wide " << wide << " place " << ground.place << " at " << i;
    ++cases[kind];
  }
  for (const int count : cases) EXPECT_GE(count, 500);
}

// Of the 64-bit immediate: numbers, and places in a region by both forms.
TEST(Memory, WideImmediates) {
  std::vector<std::byte> first(4096), second(8192);
  for (auto* bytes : {&first, &second})
    for (auto& b : *bytes) b = static_cast<std::byte>(dice()());
  for (int i = 0; i < 2400; ++i) {
    const bool other = below(2) == 0;
    const auto& bytes = other ? second : first;
    const u64 offset = below(4) == 0 ? bytes.size() - 8 : below(bytes.size() - 7);
    const auto dst = static_cast<unsigned>(below(10));
    Code c;
    code::wide(c, dst, offset << 32 | (other ? 1 : 0), i % 2 == 0 ? bpf::imm_map_value : bpf::imm_map_value_index);
    c.push_back(code::load(bpf::double_word, 0, dst, 0));
    c.push_back(code::exit());
    const Program program{c, {.regions = {{0, 1, 1}, {0, 2, 0}}}};
    ASSERT_TRUE(program.accepted()) << describe(program.refusal());
    const Outcome one = program.interpret({}, std::vector{first, second});
    ASSERT_TRUE(one == program.execute({}, std::vector{first, second}));
    ASSERT_EQ(one.value, read(bytes, static_cast<int>(offset), 8, false));
  }
}

}  // namespace
}  // namespace program_test
