// SPDX-License-Identifier: MIT
// Where control goes: jumps of both widths forward and back over any distance, calls, and which opcodes there are at
// all.
#include <set>

#include "tests/program/instruction_case.hpp"

namespace program_test {
namespace {

TEST(Control, JumpsForwardAndBack) {
  std::size_t cases = 0;
  for (int i = 0; i < 2200; ++i) {
    // Goes forward over what would spoil the value, back to where it is made, forward to the end.
    const bool narrow = i % 2 == 0;
    const int over = static_cast<int>(below(i % 50 == 0 ? 1900 : 12)), back_over = static_cast<int>(below(12));
    const auto go = [&](int distance) {
      return narrow ? bpf::make(bpf::jmp32 | bpf::ja, 0, 0, 0, distance)
                    : bpf::make(bpf::jmp | bpf::ja, 0, 0, distance, 0);
    };
    const u64 a = any_value();
    Code c{code::mov(0, 0), go(3 + back_over)};
    c.push_back(code::load(bpf::double_word, 0, 1, 0));  // 2: reached from behind
    for (int n = 0; n < back_over; ++n) c.push_back(code::alu64(bpf::add, 0, 1));
    c.push_back(go(over + 2));
    c.push_back(code::mov(0, 99));  // never
    c.push_back(go(-(4 + back_over - 1) - 1));
    for (int n = 0; n < over; ++n) c.push_back(code::mov(0, 98));
    c.push_back(code::exit());
    c[1] = go(3 + back_over);  // to the jump back
    const Program program{c, {.min_context = 16}};
    ASSERT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at() << " of "
                                    << c.size();
    ASSERT_NO_FATAL_FAILURE(expect(program, a, 0, a + static_cast<u64>(back_over), "jumps"));
    ++cases;
  }
  EXPECT_GE(cases, 2000u);
}

TEST(Control, ConditionalJumpsBack) {
  constexpr std::array<unsigned, 10> relations{bpf::jeq,  bpf::jgt, bpf::jge, bpf::jne,  bpf::jsgt,
                                               bpf::jsge, bpf::jlt, bpf::jle, bpf::jslt, bpf::jsle};
  // A loop that counts up by `step` while `counter relation bound` holds, and at most 200 rounds.
  const auto right = [](unsigned op, bool wide, u64 start, u64 step, u64 bound) {
    u64 rounds = 0;
    for (u64 counter = start; rounds < 200;) {
      ++rounds;
      counter = wide ? counter + step : u32(counter + step);
      const u64 x = wide ? counter : static_cast<u64>(s64{static_cast<s32>(counter)}),
                y = wide ? bound : static_cast<u64>(s64{static_cast<s32>(bound)});
      const auto sx = static_cast<s64>(x), sy = static_cast<s64>(y);
      const bool holds = op == bpf::jeq    ? x == y
                         : op == bpf::jgt  ? x > y
                         : op == bpf::jge  ? x >= y
                         : op == bpf::jne  ? x != y
                         : op == bpf::jlt  ? x < y
                         : op == bpf::jle  ? x <= y
                         : op == bpf::jsgt ? sx > sy
                         : op == bpf::jsge ? sx >= sy
                         : op == bpf::jslt ? sx < sy
                                           : sx <= sy;
      if (!holds) break;
    }
    return rounds;
  };
  for (int i = 0; i < 2400; ++i) {
    const unsigned op = relations[below(relations.size())];
    const bool wide = below(2) == 0, by_register = below(2) == 0;
    const auto step = static_cast<s32>(1 + below(1000));
    const u64 start = any_value(),
              bound = by_register ? start + below(100'000) : static_cast<u64>(s64{static_cast<s32>(any_value())});
    const unsigned group = wide ? bpf::jmp : bpf::jmp32;
    Code c{code::load(bpf::double_word, 3, 1, 0),
           code::load(bpf::double_word, 4, 1, 8),
           code::mov(0, 0),
           code::mov(5, 200),
           /* 4 */ code::alu64(bpf::add, 0, 1),
           wide ? code::alu64(bpf::add, 3, step) : code::alu32(bpf::add, 3, step),
           code::whenx(bpf::jge, 0, 5, 1),
           by_register ? bpf::make(group | op | bpf::by_x, 3, 4, -4, 0)
                       : bpf::make(group | op, 3, 0, -4, static_cast<s32>(bound)),
           code::exit()};
    const Program program{c, {.min_context = 16}};
    ASSERT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
    ASSERT_NO_FATAL_FAILURE(
        expect(program, start, bound, right(op, wide, start, static_cast<u64>(s64{step}), bound), "loop"));
  }
}

// Calls of functions of the program with all arguments; r1 to r5 are the caller's to lose, r6 to r9 and the stack come
// back.
TEST(Control, CallsPassFiveArguments) {
  for (int i = 0; i < 2000; ++i) {
    const u64 a = any_value(), b = any_value();
    Code c{code::load(bpf::double_word, 3, 1, 8),
           code::load(bpf::double_word, 1, 1, 0),
           code::movx(2, 3),
           code::movx(4, 1),
           code::alu64x(bpf::bit_xor, 4, 3),
           code::movx(5, 1),
           code::alu64x(bpf::add, 5, 3),
           code::alu64(bpf::neg, 3, 0)};
    for (unsigned r = 6; r < 10; ++r) c.push_back(code::movx(r, 1));
    c.push_back(code::store(bpf::double_word, 10, -8, 2));
    const auto padding = static_cast<int>(below(6));
    c.push_back(code::call(6 + padding));
    for (unsigned r = 6; r < 10; ++r) c.push_back(code::alu64x(r % 2 == 0 ? bpf::add : bpf::sub, 0, r));
    c.push_back(code::load(bpf::double_word, 2, 10, -8));
    c.push_back(code::alu64x(bpf::add, 0, 2));
    for (int n = 0; n < padding; ++n) c.push_back(code::alu64(bpf::add, 0, n));
    c[13] = code::call(6 + padding + 1);
    c.push_back(code::exit());
    for (unsigned r = 6; r < 10; ++r) c.push_back(code::mov(r, 77));  // the function
    c.push_back(code::store_k(bpf::double_word, 10, -8, 55));
    c.push_back(code::movx(0, 1));
    for (unsigned r = 2; r <= 5; ++r)
      c.push_back(code::alu64(bpf::mul, 0, 31)), c.push_back(code::alu64x(bpf::add, 0, r));
    c.push_back(code::exit());
    const Program program{c, {.min_context = 16}};
    ASSERT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
    u64 value = a;
    for (const u64 argument : {b, 0 - b, a ^ b, a + b}) value = value * 31 + argument;
    ASSERT_NO_FATAL_FAILURE(expect(program, a, b, value + b + static_cast<u64>(padding * (padding - 1) / 2), "call"));
  }
}

// [RFC 9669, appendix A], less packet loads: every other opcode is unknown, each of these is known.
TEST(Control, TheOpcodesOfTheRfc) {
  std::set<unsigned> known{bpf::load_immediate, bpf::jmp | bpf::ja, bpf::jmp32 | bpf::ja, bpf::jmp | bpf::call,
                           bpf::jmp | bpf::exit};
  for (unsigned group : {bpf::alu, bpf::alu64}) {
    for (unsigned op = bpf::add; op <= bpf::arsh; op += 0x10) {
      known.insert(group | op);
      if (op != bpf::neg) known.insert(group | op | bpf::by_x);
    }
    known.insert(group | bpf::end);
  }
  known.insert(bpf::alu | bpf::end | bpf::by_x);
  for (unsigned group : {bpf::jmp, bpf::jmp32})
    for (unsigned op = bpf::jeq; op <= bpf::jsle; op += 0x10)
      if (op != bpf::call && op != bpf::exit) known.insert(group | op), known.insert(group | op | bpf::by_x);
  for (unsigned size : {bpf::byte, bpf::half, bpf::word, bpf::double_word}) {
    for (unsigned group : {bpf::ldx, bpf::st, bpf::stx}) known.insert(group | bpf::mem | size);
    if (size != bpf::double_word) known.insert(bpf::ldx | bpf::memsx | size);
    if (size == bpf::word || size == bpf::double_word) known.insert(bpf::stx | bpf::atomic | size);
  }
  EXPECT_EQ(known.size(), 5u + 25u * 2 + 2 + 1 + 11u * 2 * 2 + 12 + 3 + 2);
  for (unsigned opcode = 0; opcode < 256; ++opcode) {
    const Program program{{bpf::make(opcode, 0, 0, 0, 0), code::mov(0, 0), code::exit()}};
    const Refusal refusal = program.refusal();
    const bool legacy = opcode % 8 == bpf::ld && ((opcode & 0xe0) == bpf::abs || (opcode & 0xe0) == bpf::ind);
    if (legacy)
      EXPECT_EQ(refusal, Refusal::legacy_load) << opcode;
    else
      EXPECT_EQ(refusal != Refusal::bad_opcode, known.contains(opcode)) << opcode;
  }
}

}  // namespace
}  // namespace program_test
