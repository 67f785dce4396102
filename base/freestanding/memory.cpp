// SPDX-License-Identifier: MIT
// The C functions that compilers call by name. Without SSE, string instructions are the fastest copies there are.
#include <bit>
#include <cstddef>
#include <cstdint>

extern "C" {
void* memcpy(void* to, const void* from, std::size_t size);
void* memmove(void* to, const void* from, std::size_t size);
void* memset(void* to, int byte, std::size_t size);
int memcmp(const void* a, const void* b, std::size_t size);
std::size_t strlen(const char* text);
void* memchr(const void* memory, int byte, std::size_t size);

namespace {
constexpr std::size_t word_size = 8;
std::uint64_t word_at(const unsigned char* from) {
  std::uint64_t word;
  __builtin_memcpy(&word, from, sizeof word);   // one load
  return word;
}
constexpr std::size_t half_size = 4;
std::uint32_t half_at(const unsigned char* from) {
  std::uint32_t half;
  __builtin_memcpy(&half, from, sizeof half);
  return half;
}
}  // namespace

// Words first: `rep movsb` is a byte per step on processors (and emulators) without fast strings.
void* memcpy(void* to, const void* from, std::size_t size) {
  void* out = to;
  std::size_t words = size / 8, rest = size % 8;
  asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
  return out;
}

void* memmove(void* to, const void* from, std::size_t size) {
  auto* t = static_cast<unsigned char*>(to);
  const auto* f = static_cast<const unsigned char*>(from);
  if (t <= f || t >= f + size) return memcpy(to, from, size);
  while (size >= 8) {
    size -= 8;
    std::uint64_t word;
    __builtin_memcpy(&word, f + size, 8);
    __builtin_memcpy(t + size, &word, 8);
  }
  while (size > 0) {
    --size;
    t[size] = f[size];
  }
  return to;
}

void* memset(void* to, int byte, std::size_t size) {
  void* out = to;
  std::uint64_t value = static_cast<unsigned char>(byte) * 0x0101'0101'0101'0101ull;
  std::size_t words = size / 8, rest = size % 8;
  asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(value) : "memory");
  asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(value) : "memory");
  return out;
}

int memcmp(const void* a, const void* b, std::size_t size) {
  const auto* x = static_cast<const unsigned char*>(a);
  const auto* y = static_cast<const unsigned char*>(b);
  std::size_t i = 0;
  for (; i + word_size <= size && word_at(x + i) == word_at(y + i); i += word_size) {}
  // The rest of what is the same, with bytes before it once more; of what is not, the first byte that differs is looked for.
  if (i + word_size > size && size >= word_size && word_at(x + size - word_size) == word_at(y + size - word_size)) return 0;
  if (size >= half_size && size < word_size && half_at(x) == half_at(y) && half_at(x + size - half_size) == half_at(y + size - half_size)) return 0;
  for (; i < size; ++i)
    if (x[i] != y[i]) return x[i] - y[i];
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t n = 0;
  while (text[n] != '\0') ++n;
  return n;
}

void* memchr(const void* memory, int byte, std::size_t size) {
  auto* bytes = static_cast<unsigned char*>(const_cast<void*>(memory));
  constexpr std::uint64_t ones = 0x0101'0101'0101'0101, tops = ones << 7;
  std::size_t i = 0;
  for (; i + word_size <= size; i += word_size) {   // a byte that is zero now was the one; the lowest such is marked rightly
    const std::uint64_t word = word_at(bytes + i) ^ static_cast<unsigned char>(byte) * ones;
    const std::uint64_t found = (word - ones) & ~word & tops;
    if (found != 0) return bytes + i + static_cast<std::size_t>(std::countr_zero(found)) / 8;
  }
  for (; i < size; ++i)
    if (bytes[i] == static_cast<unsigned char>(byte)) return bytes + i;
  return nullptr;
}
}
