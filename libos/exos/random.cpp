// SPDX-License-Identifier: MIT
// ChaCha20 in counter mode over a key from RDRAND, or from the clock's jitter where there is none; the key is replaced by
// the generator's own output at every request, so earlier output cannot be recomputed. [rfc 8439]
#include "libos/exos/random.hpp"

#include "abi/address_map.hpp"
#include "abi/info.hpp"
#include "libos/rt/clock.hpp"
#include "libos/rt/random.hpp"

namespace exos {

namespace {

using Block = std::array<std::uint32_t, 16>;
constinit std::array<std::uint32_t, 8> key{};
constinit std::uint64_t counter = 0;
constinit bool seeded = false;

void quarter(std::uint32_t& a, std::uint32_t& b, std::uint32_t& c, std::uint32_t& d) {
  a += b, d = std::rotl(d ^ a, 16);
  c += d, b = std::rotl(b ^ c, 12);
  a += b, d = std::rotl(d ^ a, 8);
  c += d, b = std::rotl(b ^ c, 7);
}

Block next_block() {
  Block start{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
  std::copy(key.begin(), key.end(), start.begin() + 4);
  start[12] = static_cast<std::uint32_t>(counter);
  start[13] = static_cast<std::uint32_t>(counter++ >> 32);
  Block x = start;
  for (int round = 0; round < 10; ++round) {
    quarter(x[0], x[4], x[8], x[12]), quarter(x[1], x[5], x[9], x[13]);
    quarter(x[2], x[6], x[10], x[14]), quarter(x[3], x[7], x[11], x[15]);
    quarter(x[0], x[5], x[10], x[15]), quarter(x[1], x[6], x[11], x[12]);
    quarter(x[2], x[7], x[8], x[13]), quarter(x[3], x[4], x[9], x[14]);
  }
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += start[i];
  return x;
}

void renew_key() {
  const Block block = next_block();
  std::copy(block.begin(), block.begin() + 8, key.begin());
}

void seed() {
  const auto& info = *reinterpret_cast<const abi::SystemInfo*>(abi::map::state_system_info);
  const bool hardware = (info.features & abi::cpu_rdrand) != 0;
  for (std::size_t i = 0; i < key.size(); i += 2) {
    std::uint64_t word = rt::read_tsc() * 0x9e37'79b9'7f4a'7c15 ^ info.wall_base_ns;
    if (hardware) word ^= rt::hardware_random().value_or(0);
    key[i] ^= static_cast<std::uint32_t>(word);
    key[i + 1] ^= static_cast<std::uint32_t>(word >> 32);
    renew_key();
  }
  seeded = true;
}

}  // namespace

void fill_random(void* to, std::size_t size) {
  if (!seeded) seed();
  auto* out = static_cast<std::byte*>(to);
  while (size > 0) {
    const Block block = next_block();
    const std::size_t n = std::min(size, sizeof block);
    std::memcpy(out, block.data(), n);
    out += n;
    size -= n;
  }
  renew_key();
}

}  // namespace exos
