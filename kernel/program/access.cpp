// SPDX-License-Identifier: MIT
// The verifier's third part: what loads, stores and atomic operations reach, and what the stack holds.
#include "kernel/program/arithmetic.hpp"
#include "kernel/program/verifier.hpp"

namespace aegis::program {

// `offset`: of the access in its region.
bool Verifier::check_access(const Value& pointer, Access access, Range& offset) {
  if (!pointer.is_pointer()) return refuse(Refusal::not_a_pointer);
  const bpf::Instruction at = code_[pc_];
  offset = plus(pointer.range, Range::constant(static_cast<std::uint64_t>(std::int64_t{at.offset})));
  if (access != Access::load) {
    const bool data = pointer.region >= Region::data;
    if (pointer.region == Region::context && !rules_.writable) return refuse(Refusal::read_only);
    if (data && header_.regions[slot_of(pointer.region) - slot_of(Region::data)].writable == 0)
      return refuse(Refusal::read_only);
  }
  return check_bounds(pointer.region, offset, at.bytes()) && note_access(pointer.region, offset, at.bytes());
}

bool Verifier::check_bounds(Region region, const Range& offset, std::uint32_t size) {
  if (region == Region::stack) {
    const std::uint64_t bottom = frame_top() - abi::program_frame_size;
    const bool inside = offset.lo <= offset.hi && offset.lo >= bottom && offset.hi <= frame_top() - size;
    return inside || refuse(Refusal::outside_stack);
  }
  if (region == Region::context) {  // the end is looked for when it runs; what can never be inside is an error
    const bool can_be = offset.least() <= rules_.max_context - std::min(size, rules_.max_context) &&
                        (rules_.max_context >= size);
    return can_be || refuse(Refusal::outside_region);
  }
  const std::uint64_t bytes = header_.regions[slot_of(region) - slot_of(Region::data)].count * base::page_size;
  const bool inside = offset.lo <= offset.hi && offset.hi <= bytes - size;
  return inside || refuse(Refusal::outside_region);
}

bool Verifier::note_access(Region region, const Range& offset, std::uint32_t size) {
  Note& note = notes_[pc_];
  const bool first = note.region == Region::none;
  if (!first && note.region != region) return refuse(Refusal::unclear_pointer);
  note.region = region;
  if (!offset.is_constant() || (!first && note.offset != offset.lo)) note.set(note::moves);
  note.offset = static_cast<std::uint32_t>(offset.lo);
  if (region != Region::context) return true;
  const bool proved = offset.lo <= offset.hi && size <= now_.min_context && offset.hi <= now_.min_context - size;
  if (!proved) note.set(note::may_end);
  // Behind this instruction the context is known to reach this far.
  if (!proved && offset.least() <= rules_.max_context - size)
    now_.min_context = std::max(now_.min_context, static_cast<std::uint32_t>(offset.least()) + size);
  return true;
}

bool Verifier::load() {
  const bpf::Instruction at = code_[pc_];
  if (!usable(at.src())) return false;
  const Value pointer = get(at.src());
  Range offset;
  if (!check_access(pointer, Access::load, offset)) return false;
  const unsigned bits = at.bytes() * 8;
  Value value = Value::number(bits == 64 ? Range{} : Range::arc(0, all_ones >> (64 - bits)));
  if (pointer.region == Region::stack && !read_stack(offset, at.bytes(), value)) return false;
  if (at.mode() == bpf::memsx) value = Value::number(sign_extended(value.range, bits));
  now_.reg[at.dst()] = value;
  return true;
}

bool Verifier::store(const Value& value) {
  const bpf::Instruction at = code_[pc_];
  if (!usable(at.dst())) return false;
  const Value pointer = get(at.dst());
  Range offset;
  if (!check_access(pointer, Access::store, offset)) return false;
  const bool whole_word = pointer.region == Region::stack && at.bytes() == 8 && offset.is_constant() && offset.lo % 8 == 0;
  if (value.is_pointer() && !whole_word) return refuse(Refusal::pointer_leak);
  if (pointer.region == Region::stack) write_stack(offset, at.bytes(), value);
  return true;
}

bool Verifier::atomic() {
  const bpf::Instruction at = code_[pc_];
  if (!usable(at.dst()) || !usable(at.src())) return false;
  const bool compares = at.immediate == bpf::atomic_compare;
  if (compares && !usable(0)) return false;
  if (get(at.src()).is_pointer() || (compares && get(0).is_pointer())) return refuse(Refusal::pointer_leak);
  const Value pointer = get(at.dst());
  Range offset;
  if (!check_access(pointer, Access::update, offset)) return false;
  if (pointer.region == Region::stack) {
    Value old;
    if (!read_stack(offset, at.bytes(), old)) return false;
    if (old.is_pointer()) return refuse(Refusal::pointer_leak);
    write_stack(offset, at.bytes(), Value::number({}));
  }
  const Value loaded = Value::number(at.bytes() == 8 ? Range{} : Range::arc(0, low_word));
  if (compares) now_.reg[0] = loaded;
  else if ((at.immediate & bpf::atomic_fetch) != 0) now_.reg[at.src()] = loaded;
  return true;
}

// --- the stack ----------------------------------------------------------------------------------------------------------

Value& Verifier::stack_word(std::uint32_t index) {
  for (; now_.depth <= index; ++now_.depth) now_.word[now_.depth] = {};
  return now_.word[index];
}

bool Verifier::read_stack(const Range& offset, std::uint32_t size, Value& value) {
  const std::uint64_t top = frame_top();
  const bool whole_word = size == 8 && offset.is_constant() && offset.lo % 8 == 0;
  const std::uint64_t lowest = offset.lo, end = offset.hi + size;  // bytes that may be read
  work_ += (end - lowest) / 8;
  for (std::uint64_t byte = lowest; byte < end; ++byte) {
    const auto index = static_cast<std::uint32_t>((top - 1 - byte) / 8);
    if (index >= now_.depth) return refuse(Refusal::uninitialised_stack);
    const Value& word = now_.word[index];
    if (word.what == What::mixed || word.what == What::outer) return refuse(Refusal::unclear_pointer);
    if (word.is_pointer() && !whole_word) return refuse(Refusal::pointer_leak);
    const bool written = word.is_number() || word.is_pointer() || (word.what == What::bytes && (word.mask >> byte % 8 & 1) != 0);
    if (!written) return refuse(Refusal::uninitialised_stack);
  }
  const Value& word = now_.word[(top - 1 - lowest) / 8];
  if (whole_word) value = word.what == What::bytes ? Value::number({}) : word;
  else value = Value::number(size == 8 ? Range{} : Range::arc(0, all_ones >> (64 - size * 8)));
  return true;
}

void Verifier::write_stack(const Range& offset, std::uint32_t size, const Value& value) {
  const std::uint64_t top = frame_top();
  if (size == 8 && offset.is_constant() && offset.lo % 8 == 0) {
    stack_word(static_cast<std::uint32_t>((top - 1 - offset.lo) / 8)) = value;
    return;
  }
  const bool certain = offset.is_constant();
  work_ += offset.size() / 8;
  for (std::uint64_t byte = offset.lo; byte < offset.hi + size; ++byte) {
    const auto index = static_cast<std::uint32_t>((top - 1 - byte) / 8);
    if (!certain && index >= now_.depth) continue;  // may be written: still unset
    Value& word = stack_word(index);
    const auto bit = static_cast<std::uint8_t>(1u << byte % 8);
    if (word.is_number()) word = {Range{}, What::bytes, Region::none, 0xff};
    if (word.what == What::bytes || (certain && word.what == What::unset)) {
      const std::uint8_t known = word.what == What::bytes ? word.mask : std::uint8_t{0};
      word = {Range{}, What::bytes, Region::none, certain ? static_cast<std::uint8_t>(known | bit) : known};
    } else if (word.what != What::unset) {
      // Part of a pointer is gone, or may be: what is left is no number either.
      word = certain ? Value{Range{}, What::bytes, Region::none, bit} : Value{Range::constant(0), What::mixed};
    }
  }
}

}  // namespace aegis::program
