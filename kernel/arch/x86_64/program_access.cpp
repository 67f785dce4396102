// SPDX-License-Identifier: MIT
// The generator of native code, second half: memory, and how instructions are encoded. [intel/vol2 2.1]
#include "kernel/arch/x86_64/program_machine.hpp"

namespace aegis::program {

using namespace machine;

// --- where an access goes -----------------------------------------------------------------------------------------------

Generator::Place Generator::place_of(bpf::Instruction at, std::uint8_t pointer) {
  const Note& note = source_.notes[pc_];
  if (!note.has(note::moves)) return fixed_place(note, at.bytes());
  if (pointer == bpf::frame_register || note.region == Region::none) {  // never moves, and always is a region
    jump_to(outside_);
    return {rbp, none, offsetof(Run, stack)};
  }
  return moving_place(note, host[pointer], at.offset, at.bytes());
}

Generator::Place Generator::fixed_place(const Note& note, std::uint32_t size) {
  const std::uint64_t end = std::uint64_t{note.offset} + size;
  switch (note.region) {
    case Region::stack:
      if (end > abi::program_stack_size) break;
      return {rbp, none, static_cast<std::uint32_t>(offsetof(Run, stack)) + note.offset};
    case Region::context: {
      const std::uint64_t readable = std::max(source_.header.min_context, abi::rules_of(source_.header.kind)->room);
      if (end > readable) {
        constant(r10, note.offset);
        return moving_context(r10, 0, size);
      }
      if (note.has(note::may_end)) {
        memory(0x81, true, 7, {rbp, none, region_size(Region::context)});
        word(static_cast<std::uint32_t>(end));
        jump_if(below, outside_);
      }
      return {r12, none, note.offset};
    }
    case Region::none: break;
    default: {
      const abi::ProgramRegion& region = source_.header.regions[slot_of(note.region) - slot_of(Region::data)];
      if (end > region.count * base::page_size) break;
      memory(0x8b, true, r10, {rbp, none, region_start(note.region)});
      return {r10, none, note.offset};
    }
  }
  jump_to(outside_);  // the verifier does not let this happen
  return {rbp, none, offsetof(Run, stack)};
}

// The offset is compared, and then forced: a processor that guesses the comparison stays inside too.
Generator::Place Generator::moving_place(const Note& note, unsigned pointer, std::int16_t offset, std::uint32_t size) {
  if (note.region == Region::context) return moving_context(pointer, offset, size);
  const bool stack = note.region == Region::stack;
  const std::uint32_t bottom = stack ? frame_top() - abi::program_frame_size : 0;
  const std::uint64_t bytes =
      stack ? abi::program_frame_size
            : source_.header.regions[slot_of(note.region) - slot_of(Region::data)].count * base::page_size;
  memory(0x8d, true, r10, {pointer, none, static_cast<std::uint32_t>(std::int32_t{offset}) - bottom});
  with_immediate(7, true, r10, static_cast<std::uint32_t>(bytes - size));
  jump_if(above, outside_);
  byte(0x41), byte(0xbb), word(0);          // mov r11d, 0: leaves the flags
  between_long(0x40 | above, true, r10, r11);
  if (stack) return {rbp, r10, static_cast<std::uint32_t>(offsetof(Run, stack)) + bottom};
  memory(0x8b, true, rcx, {rbp, none, region_start(note.region)});
  return {rcx, r10, 0};
}

Generator::Place Generator::moving_context(unsigned pointer, std::int32_t offset, std::uint32_t size) {
  memory(0x8d, true, r10, {pointer, none, static_cast<std::uint32_t>(offset)});
  memory(0x8b, true, r11, {rbp, none, region_size(Region::context)});
  with_immediate(5, true, r11, size);
  jump_if(below, outside_);
  byte(0xb9), word(0);                      // mov ecx, 0
  between_long(0x40 | below, true, r11, rcx);
  between(0x39, true, r10, r11);            // cmp r11, r10
  jump_if(below, outside_);
  between_long(0x40 | below, true, r10, rcx);
  return {r12, r10, 0};
}

void Generator::load(bpf::Instruction at) {
  const Place place = place_of(at, at.src());
  const unsigned dst = host[at.dst()];
  const bool extends = at.mode() == bpf::memsx;
  switch (at.bytes()) {
    case 1: return memory_long(extends ? 0xbe : 0xb6, extends, dst, place);
    case 2: return memory_long(extends ? 0xbf : 0xb7, extends, dst, place);
    case 4: return extends ? memory(0x63, true, dst, place) : memory(0x8b, false, dst, place);
    default: return memory(0x8b, true, dst, place);
  }
}

void Generator::store(bpf::Instruction at) {
  const Place place = place_of(at, at.dst());
  unsigned value = 0;
  if (at.group() == bpf::st || at.src() == bpf::frame_register) {
    constant(r11, at.group() == bpf::st ? static_cast<std::uint64_t>(std::int64_t{at.immediate}) : frame_top());
    value = r11;
  } else {
    value = host[at.src()];
  }
  if (at.bytes() == 2) byte(0x66);
  memory(at.bytes() == 1 ? 0x88 : 0x89, at.bytes() == 8, value, place);
}

void Generator::atomic(bpf::Instruction at) {
  const bool wide = at.bytes() == 8;
  const Note& note = source_.notes[pc_];
  if (!note.has(note::moves) && note.offset % at.bytes() != 0) {
    (void)place_of(at, at.dst());
    return jump_to(outside_);
  }
  Place place = place_of(at, at.dst());
  if (note.has(note::moves)) {
    between(0xf7, false, 0, r10);  // stack frames and regions begin aligned, so the offset tells
    word(at.bytes() - 1);
    jump_if(not_equal, outside_);
    memory(0x8d, true, r10, place);
    place = {r10, none, 0};
  }
  const unsigned src = host[at.src()];
  constexpr unsigned lock = 0xf0;
  switch (at.immediate) {
    case bpf::atomic_exchange: return memory(0x87, wide, src, place);
    case bpf::atomic_compare:
      byte(lock);
      memory_long(0xb1, wide, src, place);
      if (!wide) between(0x89, false, rax, rax);
      return;
    case bpf::add | bpf::atomic_fetch:
      byte(lock);
      return memory_long(0xc1, wide, src, place);
    case bpf::add: case bpf::bit_or: case bpf::bit_and: case bpf::bit_xor:
      byte(lock);
      return memory(extension_of(static_cast<std::uint8_t>(at.immediate)) * 8 + 1, wide, src, place);
    default: break;
  }
  // Fetch and change by an operation that has no instruction of its own. rax takes part, so it waits in r11.
  between(0x89, true, rax, r11);
  memory(0x8b, wide, rax, place);
  const std::size_t again = at_;
  between(0x89, wide, rax, rcx);
  const auto operation = static_cast<std::uint8_t>(at.immediate & ~bpf::atomic_fetch);
  between(extension_of(operation) * 8 + 1, wide, src == rax ? r11 : src, rcx);
  byte(lock);
  memory_long(0xb1, wide, rcx, place);
  jump_if(not_equal, again);
  between(0x89, wide, rax, rcx);
  between(0x89, true, r11, rax);
  between(0x89, true, rcx, src);
}

// --- encoding -----------------------------------------------------------------------------------------------------------

void Generator::byte(unsigned value) {
  if (at_ < out_.size()) out_[at_] = static_cast<std::byte>(value);
  ++at_;
}

void Generator::word(std::uint32_t value) {
  if (at_ + sizeof value <= out_.size()) std::memcpy(out_.data() + at_, &value, sizeof value);
  at_ += sizeof value;
}

// Always there: without it the byte registers would be others.
void Generator::prefix(bool wide, unsigned reg, unsigned index, unsigned base) {
  byte(0x40 | (wide ? 8u : 0u) | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3);
}

void Generator::between(unsigned opcode, bool wide, unsigned reg, unsigned rm) {
  prefix(wide, reg, 0, rm);
  byte(opcode);
  byte(0xc0 | reg % 8 << 3 | rm % 8);
}

void Generator::between_long(unsigned opcode, bool wide, unsigned reg, unsigned rm) {
  prefix(wide, reg, 0, rm);
  byte(0x0f);
  byte(opcode);
  byte(0xc0 | reg % 8 << 3 | rm % 8);
}

void Generator::address(unsigned reg, const Place& place) {
  const bool extended = place.index != none || place.base % 8 == rsp;
  byte(0x80 | reg % 8 << 3 | (extended ? 4u : place.base % 8));
  if (extended) byte(place.index % 8 << 3 | place.base % 8);
  word(place.offset);
}

void Generator::memory(unsigned opcode, bool wide, unsigned reg, const Place& place) {
  prefix(wide, reg, place.index, place.base);
  byte(opcode);
  address(reg, place);
}

void Generator::memory_long(unsigned opcode, bool wide, unsigned reg, const Place& place) {
  prefix(wide, reg, place.index, place.base);
  byte(0x0f);
  byte(opcode);
  address(reg, place);
}

void Generator::with_immediate(unsigned extension, bool wide, unsigned rm, std::uint32_t value) {
  between(0x81, wide, extension, rm);
  word(value);
}

std::uint32_t Generator::key() {
  secret_ ^= secret_ << 13;
  secret_ ^= secret_ >> 7;
  secret_ ^= secret_ << 17;
  return static_cast<std::uint32_t>(secret_ >> 16);
}

// Large ones are put together from two halves that the program did not choose. Uses no other register.
void Generator::constant(unsigned reg, std::uint64_t value) {
  const auto low = static_cast<std::uint32_t>(value), high = static_cast<std::uint32_t>(value >> 32);
  const auto move = [&](std::uint32_t bits) { prefix(false, 0, 0, reg), byte(0xb8 + reg % 8), word(bits); };
  const auto hidden = [&](std::uint32_t bits) {
    const std::uint32_t mask = key();
    move(bits ^ mask);
    with_immediate(6, false, reg, mask);
  };
  if (high == 0) return low <= 0xffff ? move(low) : hidden(low);
  if (is_small(static_cast<std::int64_t>(value))) {
    between(0xc7, true, 0, reg);
    return word(low);
  }
  const std::uint32_t mask = key(), extended = low >> 31 != 0 ? ~high : high;  // both masks are sign-extended below
  hidden(extended);
  between(0xc1, true, 4, reg);
  byte(32);
  with_immediate(6, true, reg, low ^ mask);
  with_immediate(6, true, reg, mask);
}

void Generator::jump_to(std::size_t target) {
  byte(0xe9);
  word(static_cast<std::uint32_t>(target - (at_ + 4)));
}

void Generator::jump_if(unsigned condition, std::size_t target) {
  byte(0x0f);
  byte(0x80 | condition);
  word(static_cast<std::uint32_t>(target - (at_ + 4)));
}

std::size_t Generator::skip_if(unsigned condition) {
  byte(0x70 | condition);
  byte(0);
  return at_;
}

std::size_t Generator::skip() {
  byte(0xeb);
  byte(0);
  return at_;
}

void Generator::land(std::size_t from) {
  if (from - 1 < out_.size()) out_[from - 1] = static_cast<std::byte>(at_ - from);
}

}  // namespace aegis::program
