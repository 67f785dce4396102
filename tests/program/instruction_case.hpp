// SPDX-License-Identifier: MIT
// What the tests of single instructions share: boundary values, and a run both ways beside the right answer.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "tests/program/harness.hpp"

namespace program_test {

using u64 = std::uint64_t;
using u32 = std::uint32_t;
using s64 = std::int64_t;
using s32 = std::int32_t;

inline const std::vector<u64> edges{0,
                                    1,
                                    2,
                                    7,
                                    8,
                                    31,
                                    32,
                                    33,
                                    63,
                                    64,
                                    0x7f,
                                    0x80,
                                    0xff,
                                    0x7fff,
                                    0x8000,
                                    0xffff,
                                    0x10000,
                                    0x7fff'ffff,
                                    0x8000'0000,
                                    0xffff'ffff,
                                    0x1'0000'0000,
                                    0x7fff'ffff'ffff'ffff,
                                    0x8000'0000'0000'0000,
                                    0xffff'ffff'8000'0000,
                                    0xffff'ffff'7fff'ffff,
                                    ~u64{0},
                                    ~u64{1},
                                    0x1122'3344'5566'7788};

inline std::mt19937_64& dice() {
  static std::mt19937_64 engine{20'26};
  return engine;
}
inline u64 below(u64 bound) { return dice()() % bound; }
inline u64 any_value() { return below(3) == 0 ? edges[below(edges.size())] : dice()() >> below(64); }

inline std::vector<std::byte> bytes_of(std::initializer_list<u64> words) {
  std::vector<std::byte> bytes(words.size() * 8);
  std::memcpy(bytes.data(), std::data(words), bytes.size());
  return bytes;
}

// The program finds a and b in its context; runs it both ways.
inline void expect(const Program& program, u64 a, u64 b, u64 value, const std::string& what) {
  const auto context = bytes_of({a, b});
  const Outcome one = program.interpret(context), other = program.execute(context);
  ASSERT_EQ(one.fault, Refusal::none) << what;
  ASSERT_EQ(one.value, value) << what << std::hex << " a=" << a << " b=" << b;
  ASSERT_TRUE(one == other) << what << std::hex << " a=" << a << " b=" << b << " native " << other.value
                            << " interpreted " << one.value;
}

}  // namespace program_test
