// SPDX-License-Identifier: MIT
// Every instruction on boundary values and on random ones: interpreter, native code and plain C must agree.
#include "tests/program/instruction_case.hpp"

namespace program_test {
namespace {

// Plain C, by the words of the RFC.
u64 plain(unsigned op, bool wide, int off, u64 a, u64 b) {
  const u32 x = static_cast<u32>(a), y = static_cast<u32>(b);
  switch (op) {
    case bpf::add: return wide ? a + b : u32{x + y};
    case bpf::sub: return wide ? a - b : u32{x - y};
    case bpf::mul: return wide ? a * b : u32{x * y};
    case bpf::div:
      if (off == 0) return wide ? (b == 0 ? 0 : a / b) : (y == 0 ? 0 : x / y);
      if (wide) return b == 0 ? 0 : static_cast<s64>(b) == -1 ? 0 - a : static_cast<u64>(static_cast<s64>(a) / static_cast<s64>(b));
      return y == 0 ? 0 : static_cast<s32>(y) == -1 ? u32{0 - x} : static_cast<u32>(static_cast<s32>(x) / static_cast<s32>(y));
    case bpf::mod:
      if (off == 0) return wide ? (b == 0 ? a : a % b) : (y == 0 ? x : x % y);
      if (wide) return b == 0 ? a : static_cast<s64>(b) == -1 ? 0 : static_cast<u64>(static_cast<s64>(a) % static_cast<s64>(b));
      return y == 0 ? x : static_cast<s32>(y) == -1 ? 0 : static_cast<u32>(static_cast<s32>(x) % static_cast<s32>(y));
    case bpf::bit_or: return wide ? a | b : (x | y);
    case bpf::bit_and: return wide ? a & b : (x & y);
    case bpf::bit_xor: return wide ? a ^ b : (x ^ y);
    case bpf::lsh: return wide ? a << (b % 64) : u32{x << (y % 32)};
    case bpf::rsh: return wide ? a >> (b % 64) : x >> (y % 32);
    case bpf::arsh: return wide ? static_cast<u64>(static_cast<s64>(a) >> (b % 64)) : static_cast<u32>(static_cast<s32>(x) >> (y % 32));
    case bpf::neg: return wide ? 0 - a : u32{0 - x};
    default: break;  // mov
  }
  s64 moved = static_cast<s64>(b);
  if (off == 8) moved = static_cast<std::int8_t>(b);
  if (off == 16) moved = static_cast<std::int16_t>(b);
  if (off == 32) moved = static_cast<s32>(b);
  return wide ? static_cast<u64>(moved) : static_cast<u32>(moved);
}

bool compared(unsigned op, bool wide, u64 a, u64 b) {
  if (!wide) a = static_cast<u64>(s64{static_cast<s32>(a)}), b = static_cast<u64>(s64{static_cast<s32>(b)});
  const auto x = static_cast<s64>(a), y = static_cast<s64>(b);
  switch (op) {  // sign extension keeps the unsigned order too
    case bpf::jeq: return a == b;
    case bpf::jne: return a != b;
    case bpf::jgt: return a > b;
    case bpf::jge: return a >= b;
    case bpf::jlt: return a < b;
    case bpf::jle: return a <= b;
    case bpf::jsgt: return x > y;
    case bpf::jsge: return x >= y;
    case bpf::jslt: return x < y;
    case bpf::jsle: return x <= y;
    default: return (a & b & (wide ? ~u64{0} : u64{0xffff'ffff})) != 0;
  }
}

struct Operation {
  unsigned op;
  int off;
};
const std::vector<Operation> operations{{bpf::add, 0}, {bpf::sub, 0}, {bpf::mul, 0}, {bpf::div, 0}, {bpf::div, 1}, {bpf::mod, 0},
                                        {bpf::mod, 1}, {bpf::bit_or, 0}, {bpf::bit_and, 0}, {bpf::bit_xor, 0}, {bpf::lsh, 0},
                                        {bpf::rsh, 0}, {bpf::arsh, 0}, {bpf::mov, 0}, {bpf::mov, 8}, {bpf::mov, 16}, {bpf::mov, 32}};

std::string title(unsigned op, bool wide, int off) {
  return "op " + std::to_string(op) + (wide ? " wide" : " narrow") + " offset " + std::to_string(off);
}

TEST(Instructions, ArithmeticBetweenAllRegisters) {
  std::size_t cases = 0;
  for (const auto& [op, off] : operations) {
    for (const bool wide : {true, false}) {
      if (off == 32 && !wide) continue;
      for (unsigned dst = 0; dst < 10; ++dst) {
        for (unsigned src = 0; src < 10; ++src) {
          Code c;
          const unsigned base = dst == 9 || src == 9 ? (dst == 8 || src == 8 ? 7u : 8u) : 9u;
          c.push_back(code::movx(base, 1));
          c.push_back(code::load(bpf::double_word, dst, base, 0));
          if (src != dst) c.push_back(code::load(bpf::double_word, src, base, 8));
          c.push_back(wide ? code::alu64x(op, dst, src, off) : code::alu32x(op, dst, src, off));
          c.push_back(code::movx(0, dst));
          c.push_back(code::exit());
          const Program program{c, {.min_context = 16}};
          ASSERT_TRUE(program.accepted()) << describe(program.refusal());
          for (int i = 0; i < 6; ++i, ++cases) {
            const u64 a = any_value(), b = any_value();
            ASSERT_NO_FATAL_FAILURE(expect(program, a, b, plain(op, wide, off, a, src == dst ? a : b), title(op, wide, off)));
          }
        }
      }
    }
  }
  EXPECT_GE(cases, 2000u * 8);
}

TEST(Instructions, ArithmeticOnAllPairsOfEdges) {
  for (const auto& [op, off] : operations) {
    for (const bool wide : {true, false}) {
      if (off == 32 && !wide) continue;
      const Program program{{code::load(bpf::double_word, 0, 1, 0), code::load(bpf::double_word, 3, 1, 8),
                             wide ? code::alu64x(op, 0, 3, off) : code::alu32x(op, 0, 3, off), code::exit()},
                            {.min_context = 16}};
      for (const u64 a : edges)
        for (const u64 b : edges)
          ASSERT_NO_FATAL_FAILURE(expect(program, a, b, plain(op, wide, off, a, b), title(op, wide, off)));
    }
  }
}

TEST(Instructions, ArithmeticWithImmediates) {
  std::size_t cases = 0;
  for (const auto& [op, off] : operations) {
    if (op == bpf::mov && off != 0) continue;
    for (const bool wide : {true, false}) {
      for (int i = 0; i < 140; ++i) {
        const auto k = static_cast<s32>(any_value());
        const unsigned dst = static_cast<unsigned>(dice()() % 10), base = dst == 9 ? 8 : 9;
        const Program program{{code::movx(base, 1), code::load(bpf::double_word, dst, base, 0),
                               wide ? code::alu64(op, dst, k, off) : code::alu32(op, dst, k, off), code::movx(0, dst), code::exit()},
                              {.min_context = 16}};
        ASSERT_TRUE(program.accepted());
        for (int j = 0; j < 4; ++j, ++cases) {
          const u64 a = any_value();
          ASSERT_NO_FATAL_FAILURE(expect(program, a, 0, plain(op, wide, off, a, static_cast<u64>(s64{k})), title(op, wide, off)));
        }
      }
    }
  }
  EXPECT_GE(cases, 2000u);
}

TEST(Instructions, NegationAndByteOrder) {
  std::size_t cases = 0;
  for (unsigned dst = 0; dst < 10; ++dst) {
    const unsigned base = dst == 9 ? 8 : 9;
    const auto check = [&](bpf::Instruction at, auto right) {
      const Program program{{code::movx(base, 1), code::load(bpf::double_word, dst, base, 0), at, code::movx(0, dst), code::exit()},
                            {.min_context = 16}};
      ASSERT_TRUE(program.accepted());
      for (int i = 0; i < 30; ++i, ++cases) {
        const u64 a = any_value();
        ASSERT_NO_FATAL_FAILURE(expect(program, a, 0, right(a), "unary"));
      }
    };
    check(code::alu64(bpf::neg, dst, 0), [](u64 a) { return 0 - a; });
    check(code::alu32(bpf::neg, dst, 0), [](u64 a) { return u64{u32{0 - static_cast<u32>(a)}}; });
    const auto swap16 = [](u64 a) { return u64{__builtin_bswap16(static_cast<std::uint16_t>(a))}; };
    const auto swap32 = [](u64 a) { return u64{__builtin_bswap32(static_cast<u32>(a))}; };
    const auto swap64 = [](u64 a) { return u64{__builtin_bswap64(a)}; };
    for (const unsigned to_big : {unsigned{bpf::alu | bpf::end | bpf::by_x}, unsigned{bpf::alu64 | bpf::end}}) {
      check(bpf::make(to_big, dst, 0, 0, 16), swap16);
      check(bpf::make(to_big, dst, 0, 0, 32), swap32);
      check(bpf::make(to_big, dst, 0, 0, 64), swap64);
    }
    check(bpf::make(bpf::alu | bpf::end, dst, 0, 0, 16), [](u64 a) { return a & 0xffff; });
    check(bpf::make(bpf::alu | bpf::end, dst, 0, 0, 32), [](u64 a) { return a & 0xffff'ffff; });
    check(bpf::make(bpf::alu | bpf::end, dst, 0, 0, 64), [](u64 a) { return a; });
  }
  EXPECT_GE(cases, 2000u);
}

TEST(Instructions, Jumps) {
  std::size_t cases = 0;
  for (const unsigned op : {bpf::jeq, bpf::jgt, bpf::jge, bpf::jset, bpf::jne, bpf::jsgt, bpf::jsge, bpf::jlt, bpf::jle, bpf::jslt, bpf::jsle}) {
    for (const bool wide : {true, false}) {
      const Program program{{code::load(bpf::double_word, 3, 1, 0), code::load(bpf::double_word, 4, 1, 8), code::mov(0, 1),
                             bpf::make((wide ? bpf::jmp : bpf::jmp32) | op | bpf::by_x, 3, 4, 1, 0), code::mov(0, 0), code::exit()},
                            {.min_context = 16}};
      ASSERT_TRUE(program.accepted());
      for (const u64 a : edges)
        for (const u64 b : edges) {
          ++cases;
          ASSERT_NO_FATAL_FAILURE(expect(program, a, b, compared(op, wide, a, b), title(op, wide, 0)));
        }
      for (int i = 0; i < 60; ++i) {
        const auto k = static_cast<s32>(any_value());
        const Program with_k{{code::load(bpf::double_word, 3, 1, 0), code::mov(0, 1), bpf::make((wide ? bpf::jmp : bpf::jmp32) | op, 3, 0, 1, k),
                              code::mov(0, 0), code::exit()}, {.min_context = 16}};
        for (const u64 a : {any_value(), static_cast<u64>(s64{k}), u64{static_cast<u32>(k)}, static_cast<u64>(s64{k}) + 1, static_cast<u64>(s64{k}) - 1}) {
          ++cases;
          ASSERT_NO_FATAL_FAILURE(expect(with_k, a, 0, compared(op, wide, a, static_cast<u64>(s64{k})), title(op, wide, 0)));
        }
      }
    }
  }
  EXPECT_GE(cases, 2000u);
}

TEST(Instructions, LongJumpAndWideImmediate) {
  for (int i = 0; i < 2000; ++i) {
    const u64 value = any_value();
    Code c{bpf::make(bpf::jmp32 | bpf::ja, 0, 0, 0, 2), code::mov(0, 5), code::exit()};
    code::wide(c, static_cast<unsigned>(i % 9 + 1), value);
    c.push_back(code::movx(0, static_cast<unsigned>(i % 9 + 1)));
    c.push_back(code::exit());
    ASSERT_NO_FATAL_FAILURE(expect(Program{c}, 0, 0, value, "wide immediate"));
  }
}

TEST(Instructions, LoadsAndStores) {
  std::size_t cases = 0;
  const std::array<unsigned, 4> sizes{bpf::byte, bpf::half, bpf::word, bpf::double_word};
  const std::array<unsigned, 4> widths{1, 2, 4, 8};
  for (int i = 0; i < 1200; ++i) {
    const std::size_t s = dice()() % 4;
    const int off = static_cast<int>(dice()() % 40);
    std::vector<std::byte> context(64);
    for (auto& b : context) b = static_cast<std::byte>(dice()());
    u64 raw = 0;
    std::memcpy(&raw, context.data() + off, widths[s]);
    const unsigned unused = 64 - widths[s] * 8;
    const unsigned dst = static_cast<unsigned>(dice()() % 10), src = static_cast<unsigned>(1 + dice()() % 9);
    const bool moving = dice()() % 2 == 0;
    const auto run = [&](const Code& c, u64 value, const std::vector<std::byte>& after) {
      const Program program{c, {.min_context = 64}};
      ASSERT_TRUE(program.accepted()) << describe(program.refusal());
      const Outcome one = program.interpret(context), other = program.execute(context);
      ++cases;
      ASSERT_EQ(one.value, value);
      ASSERT_TRUE(one == other);
      ASSERT_TRUE(one.context == after);
    };
    // The pointer's offset is either known or not.
    const auto point = [&](Code& c, unsigned reg) {
      c.push_back(code::movx(reg, 1));
      if (!moving) return c.push_back(code::alu64(bpf::add, reg, off));
      const unsigned other = reg == 5 ? 4 : 5;
      c.push_back(code::load(bpf::byte, other, 1, 63));
      c.push_back(code::alu64(bpf::bit_and, other, 1));
      c.push_back(code::alu64x(bpf::add, reg, other));
      c.push_back(code::alu64x(bpf::sub, reg, other));
      c.push_back(code::alu64(bpf::add, reg, off));
    };
    Code c;
    point(c, src);
    c.push_back(code::load(sizes[s], dst, src, 0));
    c.push_back(code::movx(0, dst));
    c.push_back(code::exit());
    ASSERT_NO_FATAL_FAILURE(run(c, raw, context));
    if (s != 3) {
      c[c.size() - 3] = bpf::make(bpf::ldx | bpf::memsx | sizes[s], dst, src, 0, 0);
      ASSERT_NO_FATAL_FAILURE(run(c, static_cast<u64>(static_cast<s64>(raw << unused) >> unused), context));
    }
    const auto k = static_cast<s32>(any_value());
    const u64 stored = static_cast<u64>(s64{k});
    auto after = context;
    std::memcpy(after.data() + off, &stored, widths[s]);
    Code k_store;
    point(k_store, src);
    k_store.push_back(code::store_k(sizes[s], src, 0, k));
    k_store.push_back(code::mov(0, 3));
    k_store.push_back(code::exit());
    ASSERT_NO_FATAL_FAILURE(run(k_store, 3, after));
    const unsigned value_reg = src == 3 ? 2 : 3;
    Code x_store;
    point(x_store, src);
    x_store.push_back(code::mov(value_reg, k));
    x_store.push_back(code::store(sizes[s], src, 0, value_reg));
    x_store.push_back(code::mov(0, 3));
    x_store.push_back(code::exit());
    ASSERT_NO_FATAL_FAILURE(run(x_store, 3, after));
  }
  EXPECT_GE(cases, 2000u);
}

TEST(Instructions, Atomics) {
  std::size_t cases = 0;
  for (int i = 0; i < 2600; ++i, ++cases) {
    constexpr std::array<s32, 10> all{bpf::add, bpf::bit_or, bpf::bit_and, bpf::bit_xor, bpf::add | 1, bpf::bit_or | 1,
                                      bpf::bit_and | 1, bpf::bit_xor | 1, bpf::atomic_exchange, bpf::atomic_compare};
    const s32 op = all[dice()() % all.size()];
    const bool wide = dice()() % 2 == 0, in_region = dice()() % 2 == 0, moving = dice()() % 2 == 0;
    const u64 old = any_value(), wanted = dice()() % 2 == 0 ? old : any_value();
    const unsigned src = static_cast<unsigned>(dice()() % 10);
    const unsigned ptr = src == 6 ? 7 : 6, ctx = src == 8 ? 9 : 8;
    Code c{code::movx(ctx, 1)};
    if (in_region) {
      code::wide(c, ptr, 16ull << 32, bpf::imm_map_value_index);
      c.push_back(code::load(bpf::double_word, 0, ctx, 0));
      c.push_back(code::store(bpf::double_word, ptr, 0, 0));
    } else {
      c.push_back(code::movx(ptr, ctx));
    }
    if (moving) {
      c.push_back(code::load(bpf::byte, 5, ctx, 24));
      c.push_back(code::alu64(bpf::bit_and, 5, 8));
      c.push_back(code::alu64x(bpf::add, ptr, 5));
    }
    c.push_back(code::load(bpf::double_word, 0, ctx, 8));   // what compare-and-exchange expects
    c.push_back(code::load(bpf::double_word, src, ctx, 16));
    c.push_back(code::update(wide ? bpf::double_word : bpf::word, ptr, 0, src, op));
    c.push_back(code::store(bpf::double_word, ctx, 32, 0));
    c.push_back(code::movx(0, src));
    c.push_back(code::exit());
    const Program program{c, {.min_context = 64, .regions = {{0, 1, 1}}}};
    ASSERT_TRUE(program.accepted()) << describe(program.refusal());
    const u64 operand = src == 0 && false ? wanted : any_value();
    std::vector<std::byte> context = bytes_of({old, wanted, operand, 0, 0, 0, 0, 0});
    const Outcome one = program.interpret(context), other = program.execute(context);
    ASSERT_EQ(one.end, ProgramEnd::value);
    ASSERT_TRUE(one == other) << "op " << op << " src " << src << " wide " << wide << " interpreted " << one.value << " native " << other.value;
    // Plain C.
    const u64 mask = wide ? ~u64{0} : 0xffff'ffff;
    const u64 r0 = src == 0 ? operand : wanted;
    u64 stored = 0;
    switch (op & ~1) {
      case bpf::add: stored = old + operand; break;
      case bpf::bit_or: stored = old | operand; break;
      case bpf::bit_and: stored = old & operand; break;
      case bpf::bit_xor: stored = old ^ operand; break;
      default: stored = op == bpf::atomic_exchange || (old & mask) == (r0 & mask) ? operand : old;
    }
    const u64 right = (stored & mask) | (old & ~mask);
    u64 found = 0;
    std::memcpy(&found, in_region ? one.regions[0].data() + 16 : one.context.data(), 8);
    ASSERT_EQ(found, right) << "op " << op;
    u64 r0_after = 0;
    std::memcpy(&r0_after, one.context.data() + 32, 8);
    const bool fetches = op != bpf::atomic_compare && (op & 1) != 0;
    ASSERT_EQ(one.value, op == bpf::atomic_compare && src == 0 ? (old & mask) : fetches ? (old & mask) : operand);
    if (op == bpf::atomic_compare) ASSERT_EQ(r0_after, old & mask);
    else if (src != 0) ASSERT_EQ(r0_after, wanted);
  }
  EXPECT_GE(cases, 2000u);
}

TEST(Instructions, CallsKeepRegistersAndStack) {
  // f(n) = n == 0 ? 7 : g(n) * 2, three deep, each with stack and saved registers of its own.
  for (int i = 0; i < 2000; ++i) {
    const u64 a = any_value();
    Code c{code::movx(6, 1), code::load(bpf::double_word, 1, 6, 0), code::movx(9, 1), code::store(bpf::double_word, 10, -8, 1),
           code::call(4), code::load(bpf::double_word, 2, 10, -8), code::alu64x(bpf::add, 0, 2), code::alu64x(bpf::add, 0, 9),
           code::exit(),
           /* 9 */ code::movx(6, 1), code::alu64(bpf::add, 6, 1), code::store(bpf::double_word, 10, -8, 6), code::movx(1, 6),
           code::call(3), code::load(bpf::double_word, 2, 10, -8), code::alu64x(bpf::bit_xor, 0, 2), code::exit(),
           /* 17 */ code::movx(9, 1), code::alu64(bpf::mul, 9, 3), code::store(bpf::double_word, 10, -512, 9),
           code::load(bpf::double_word, 0, 10, -512), code::exit()};
    const Program program{c, {.min_context = 16}};
    ASSERT_TRUE(program.accepted()) << describe(program.refusal()) << program.refused_at();
    ASSERT_NO_FATAL_FAILURE(expect(program, a, 0, (((a + 1) * 3) ^ (a + 1)) + a + a, "calls"));
  }
}

TEST(Instructions, Helpers) {
  const Program program{{code::helper(1), code::movx(6, 0), code::helper(2), code::alu64x(bpf::add, 0, 6), code::exit()}};
  expect(program, 0, 0, 123'456'789'012 + 77, "helpers");
}

}  // namespace
}  // namespace program_test
