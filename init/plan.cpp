// SPDX-License-Identifier: MIT
#include "init/plan.hpp"

namespace init {

namespace {

// A decimal number at the start of `text`, which is shortened by it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
    if (value > (~std::uint64_t{0} - 9) / 10) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(text[digits] - '0');
  }
  text.remove_prefix(digits);
  return digits == 0 ? std::nullopt : std::optional{value};
}

bool take(std::string_view& text, char expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(1);
  return true;
}

// FRAMES@NS:NS or PERCENT%25@NS:NS ("%25" is how the description writes a per cent sign).
std::optional<Reclaim> read_reclaim(std::string_view text) {
  Reclaim reclaim;
  const auto amount = take_number(text);
  const bool percent = text.starts_with("%25");
  if (percent) text.remove_prefix(3);
  if (!amount || *amount == 0 || (percent && *amount > 100) || !take(text, '@')) return std::nullopt;
  (percent ? reclaim.percent : reclaim.frames) = *amount;
  const auto at = take_number(text);
  if (!at || !take(text, ':')) return std::nullopt;
  const auto grace = take_number(text);
  if (!grace || !text.empty()) return std::nullopt;
  reclaim.at_ns = *at;
  reclaim.grace_ns = *grace;
  return reclaim;
}

bool read_line(std::string_view line, Plan& plan) {
  constexpr std::string_view swap = "swap=", reclaim = "reclaim=";
  if (line.starts_with(swap)) {
    line.remove_prefix(swap.size());
    const auto frames = take_number(line);
    if (!frames || !line.empty()) return false;
    plan.swap_frames = *frames;
    return true;
  }
  if (!line.starts_with(reclaim)) return true;
  line.remove_prefix(reclaim.size());
  const auto read = read_reclaim(line);
  if (!read || plan.reclaim_count == Plan::most_reclaims) return false;
  plan.reclaims[plan.reclaim_count++] = *read;
  return true;
}

}  // namespace

std::optional<Plan> read_plan(std::string_view description) {
  Plan plan;
  while (!description.empty()) {
    const std::size_t end = description.find('\n');
    if (!read_line(description.substr(0, end), plan)) return std::nullopt;
    description.remove_prefix(end == std::string_view::npos ? description.size() : end + 1);
  }
  // In the order of time.
  const auto reclaims = std::span{plan.reclaims}.first(plan.reclaim_count);
  for (std::size_t i = 1; i < reclaims.size(); ++i)
    for (std::size_t j = i; j > 0 && reclaims[j].at_ns < reclaims[j - 1].at_ns; --j) std::swap(reclaims[j], reclaims[j - 1]);
  return plan;
}

}  // namespace init
