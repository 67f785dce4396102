// SPDX-License-Identifier: MIT
#include "exo/size.hpp"

#include <array>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace exo {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array units{
    Unit{"", mib},           Unit{"b", 1},
    Unit{"k", 1024},         Unit{"kb", 1024},        Unit{"kib", 1024},
    Unit{"m", mib},          Unit{"mb", mib},         Unit{"mib", mib},
    Unit{"g", 1024 * mib},   Unit{"gb", 1024 * mib},  Unit{"gib", 1024 * mib},
};
constexpr double largest = 1ull << 46;

}  // namespace

std::optional<std::uint64_t> parse_size(std::string_view text) {
  const std::string number{text.substr(0, text.find_first_not_of("0123456789."))};
  if (number.empty() || number.size() > 20) return std::nullopt;
  std::string unit;
  for (const char c : text.substr(number.size()))
    unit += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));

  char* end = nullptr;
  const double value = std::strtod(number.c_str(), &end);
  if (*end != '\0' || !std::isfinite(value)) return std::nullopt;
  for (const Unit& u : units) {
    if (u.name != unit) continue;
    const double bytes = value * static_cast<double>(u.bytes);
    if (bytes < 1 || bytes > largest) return std::nullopt;
    return static_cast<std::uint64_t>(bytes);
  }
  return std::nullopt;
}

std::string show_size(std::uint64_t bytes) {
  std::array<char, 32> text{};
  const double value = static_cast<double>(bytes) / static_cast<double>(mib);
  std::snprintf(text.data(), text.size(), bytes % mib == 0 ? "%.0f MiB" : "%.1f MiB", value);
  return text.data();
}

}  // namespace exo
