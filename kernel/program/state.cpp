// SPDX-License-Identifier: MIT
#include "kernel/program/state.hpp"

namespace aegis::program {
namespace {

// `wider` covers `old`; the ends that moved go on to the next threshold, so that a loop is gone round a few times only.
Range widen(const Range& old, const Range& wider, Growth growth, const Thresholds& thresholds) {
  if (growth == Growth::exact || wider == old) return wider;
  const unsigned shift = wider.shift;
  const std::uint64_t residue = wider.lo & ((std::uint64_t{1} << shift) - 1);
  const Range all = Range::arc(residue, all_ones, shift);
  if (growth == Growth::everything) return all;
  std::uint64_t up = all_ones, down = all_ones;  // how far the ends go
  const bool hi_moved = wider.hi != old.hi, lo_moved = wider.lo != old.lo;
  for (std::uint32_t i = 0; i < thresholds.count; ++i) {
    if (hi_moved) up = std::min(up, thresholds.at[i] - wider.hi);
    if (lo_moved) down = std::min(down, wider.lo - thresholds.at[i]);
  }
  if (!hi_moved) up = 0;
  if (!lo_moved) down = 0;
  down = down >> shift << shift;
  const std::uint64_t room = all_ones - wider.size();
  if (up > room || down > room - up) return all;
  return Range::arc(wider.lo - down, wider.hi + up, shift);
}

Value join_values(const Value& a, const Value& b, Growth growth, const Thresholds& thresholds) {
  if (a == b) return a;
  if (a.what == What::unset || b.what == What::unset) return {};
  if (a.is_number() && b.is_number()) {
    const Range range = widen(a.range, join(a.range, b.range), growth, thresholds);
    return {range, a.what == b.what ? a.what : What::number};
  }
  if (a.is_pointer() && b.is_pointer() && a.region == b.region)
    return Value::pointer(a.region, widen(a.range, join(a.range, b.range), growth, thresholds));
  // Words of the stack that hold numbers, wholly or in part.
  const auto mask = [](const Value& v) { return v.is_number() ? std::uint8_t{0xff} : v.mask; };
  const auto plain = [](const Value& v) { return v.is_number() || v.what == What::bytes; };
  if (plain(a) && plain(b)) return {Range{}, What::bytes, Region::none, static_cast<std::uint8_t>(mask(a) & mask(b))};
  return {Range::constant(0), What::mixed};
}

}  // namespace

bool join_into(State& kept, const State& come, Growth growth, const Thresholds& thresholds) {
  bool changed = false;
  const auto merge = [&](Value& to, const Value& from) {
    if (to == from) return;
    const Value joined = join_values(to, from, growth, thresholds);
    if (joined == to) return;
    to = joined;
    changed = true;
  };
  for (std::size_t i = 0; i < tracked_registers; ++i) merge(kept.reg[i], come.reg[i]);
  if (come.depth < kept.depth) kept.depth = come.depth, changed = true;
  for (std::size_t i = 0; i < kept.depth; ++i) merge(kept.word[i], come.word[i]);
  if (come.min_context < kept.min_context) kept.min_context = come.min_context, changed = true;
  return changed;
}

}  // namespace aegis::program
