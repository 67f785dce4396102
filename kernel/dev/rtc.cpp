// SPDX-License-Identifier: MIT
#include "kernel/dev/rtc.hpp"

#include "kernel/arch/x86_64/instructions.hpp"

namespace aegis::dev {
namespace {

// MC146818 registers [mc146818 figure 10]
constexpr std::uint8_t status_a = 0x0a, status_b = 0x0b, updating = 1u << 7, hours_24 = 1u << 1, binary = 1u << 2;
constexpr std::uint8_t afternoon = 1u << 7;

std::uint8_t read(std::uint8_t index) {
  x86::out8(0x70, static_cast<std::uint8_t>(index | 0x80));
  return x86::in8(0x71);
}

struct Reading {
  std::uint32_t second, minute, hour, day, month, year;
  bool operator==(const Reading&) const = default;
};
Reading read_once() { return {read(0), read(2), read(4), read(7), read(8), read(9)}; }

// Days from 1970-01-01 in the Gregorian calendar; March is the year's first month, so that leap days come last.
constexpr std::uint64_t days_since_1970(std::uint32_t year, std::uint32_t month, std::uint32_t day) {
  const std::uint32_t y = month <= 2 ? year - 1 : year, m = month <= 2 ? month + 9 : month - 3;
  constexpr std::uint64_t until_1970 = 719'468;
  return std::uint64_t{365} * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - until_1970;
}
static_assert(days_since_1970(1970, 1, 1) == 0 && days_since_1970(2024, 3, 1) == 19'783);

}  // namespace

std::optional<std::uint64_t> read_wall_clock() {
  Reading r = read_once();
  for (int attempt = 0;; ++attempt) {  // twice the same, and not in the middle of an update
    if (attempt == 100) return std::nullopt;
    const bool busy = (read(status_a) & updating) != 0;
    const Reading again = read_once();
    if (!busy && again == r) break;
    r = again;
  }
  const std::uint8_t format = read(status_b);
  const bool pm = (format & hours_24) == 0 && (r.hour & afternoon) != 0;
  r.hour &= 0x7f;
  const auto decode = [&](std::uint32_t n) { return (format & binary) != 0 ? n : (n >> 4) * 10 + (n & 15); };
  r = {decode(r.second), decode(r.minute), decode(r.hour), decode(r.day), decode(r.month), decode(r.year)};
  if ((format & hours_24) == 0) r.hour = r.hour % 12 + (pm ? 12 : 0);
  if (r.second > 59 || r.minute > 59 || r.hour > 23 || r.day < 1 || r.day > 31 || r.month < 1 || r.month > 12 ||
      r.year > 99)
    return std::nullopt;
  const std::uint64_t days = days_since_1970(2000 + r.year, r.month, r.day);
  return (((days * 24 + r.hour) * 60 + r.minute) * 60 + r.second) * 1'000'000'000;
}

}  // namespace aegis::dev
