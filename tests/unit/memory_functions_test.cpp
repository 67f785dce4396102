// SPDX-License-Identifier: MIT
// The C functions of the kernel and the library, under other names than the host's.
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#define memcpy own_memcpy
#define memmove own_memmove
#define memset own_memset
#define memcmp own_memcmp
#define strlen own_strlen
#define memchr own_memchr
#include "base/freestanding/memory.cpp"   // NOLINT(bugprone-suspicious-include)
#undef memcpy
#undef memmove
#undef memset
#undef memcmp
#undef strlen
#undef memchr

namespace {

constexpr std::size_t longest = 40;

int sign(int number) { return (number > 0) - (number < 0); }

// Exactly as long as it is, so that the sanitiser sees a step beyond either end.
std::vector<unsigned char> letters(std::size_t size) {
  std::vector<unsigned char> bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<unsigned char>('a' + i % 26);
  return bytes;
}

TEST(memory_functions, memcmp_tells_by_the_first_byte_that_differs) {
  for (std::size_t size = 0; size <= longest; ++size) {
    const auto a = letters(size);
    EXPECT_EQ(own_memcmp(a.data(), letters(size).data(), size), 0) << size;
    for (std::size_t first = 0; first < size; ++first)
      for (std::size_t last = first; last < size; ++last) {
        auto b = a;
        b[last] = 0;
        b[first] = 0xff;
        EXPECT_EQ(sign(own_memcmp(a.data(), b.data(), size)), -1) << size << ' ' << first << ' ' << last;
        EXPECT_EQ(sign(own_memcmp(b.data(), a.data(), size)), 1) << size << ' ' << first << ' ' << last;
      }
  }
}

TEST(memory_functions, memchr_finds_the_first) {
  for (std::size_t size = 0; size <= longest; ++size) {
    auto bytes = letters(size);
    EXPECT_EQ(own_memchr(bytes.data(), '/', size), nullptr) << size;
    for (std::size_t at = size; at-- > 0;) {
      bytes[at] = '/';
      EXPECT_EQ(own_memchr(bytes.data(), '/', size), bytes.data() + at) << size << ' ' << at;
    }
  }
}

}  // namespace
