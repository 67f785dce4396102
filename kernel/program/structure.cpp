// SPDX-License-Identifier: MIT
// The verifier's first part: every instruction is one of RFC 9669 with its unused fields 0, and control stays in functions
// that end and do not recurse.
#include "kernel/program/arithmetic.hpp"
#include "kernel/program/verifier.hpp"

namespace aegis::program {

bool Verifier::check_header() {
  const abi::ProgramRules* rules = abi::rules_of(header_.kind);
  if (rules == nullptr || code_.empty() || code_.size() > abi::max_program_length || code_.size() != header_.length ||
      header_.reserved != 0 || header_.steps > rules->max_steps || header_.min_context > rules->max_context ||
      header_.region_count > abi::max_program_regions)
    return refuse(Refusal::bad_header, 0);
  for (std::uint32_t i = 0; i < header_.region_count; ++i) {
    const abi::ProgramRegion& region = header_.regions[i];
    if (region.count == 0 || region.count > abi::max_region_frames || region.writable > 1)
      return refuse(Refusal::bad_header, 0);
  }
  rules_ = *rules;
  return true;
}

// --- one instruction ----------------------------------------------------------------------------------------------------

bool Verifier::check_encoding() {
  if (pc_ == code_.size()) {
    phase_ = Phase::functions;
    pc_ = 0;
    notes_[0].set(note::start | note::target);
    return true;
  }
  const bpf::Instruction at = code_[pc_];
  if (at.dst() >= bpf::registers || at.src() >= bpf::registers) return refuse(Refusal::bad_register);
  if (!check_fields(at)) return false;
  pc_ += at.opcode == bpf::load_immediate ? 2 : 1;
  return true;
}

bool Verifier::check_fields(bpf::Instruction at) {
  switch (at.group()) {
    case bpf::alu: case bpf::alu64: return check_arithmetic(at);
    case bpf::jmp: case bpf::jmp32: return check_jump(at);
    default: return check_memory(at);
  }
}

bool Verifier::check_arithmetic(bpf::Instruction at) {
  const bool wide = at.group() == bpf::alu64;
  if (at.dst() == bpf::frame_register) return refuse(Refusal::bad_register);
  if (at.operation() > bpf::end) return refuse(Refusal::bad_opcode);
  if (at.operation() == bpf::end) {
    if (wide && at.by_register()) return refuse(Refusal::bad_opcode);
    const bool width_good = at.immediate == 16 || at.immediate == 32 || at.immediate == 64;
    return (at.src() == 0 && at.offset == 0 && width_good) || refuse(Refusal::reserved_field);
  }
  if (at.operation() == bpf::neg) {
    if (at.by_register()) return refuse(Refusal::bad_opcode);
    return (at.src() == 0 && at.offset == 0 && at.immediate == 0) || refuse(Refusal::reserved_field);
  }
  if (at.by_register() ? at.immediate != 0 : at.src() != 0) return refuse(Refusal::reserved_field);
  if (at.offset == 0) return true;
  if (at.operation() == bpf::div || at.operation() == bpf::mod) return at.offset == 1 || refuse(Refusal::reserved_field);
  const bool extends = at.operation() == bpf::mov && at.by_register() &&
                       (at.offset == 8 || at.offset == 16 || (at.offset == 32 && wide));
  return extends || refuse(Refusal::reserved_field);
}

bool Verifier::check_jump(bpf::Instruction at) {
  const bool wide = at.group() == bpf::jmp;
  switch (at.operation()) {
    case bpf::ja: {
      if (at.by_register()) return refuse(Refusal::bad_opcode);
      const bool unused = wide ? at.immediate == 0 : at.offset == 0;
      return (unused && at.registers == 0) || refuse(Refusal::reserved_field);
    }
    case bpf::exit:
      if (!wide || at.by_register()) return refuse(Refusal::bad_opcode);
      return (at.registers == 0 && at.offset == 0 && at.immediate == 0) || refuse(Refusal::reserved_field);
    case bpf::call:
      if (!wide || at.by_register()) return refuse(Refusal::bad_opcode);
      return check_call(at);
    default:
      if (at.operation() > bpf::jsle) return refuse(Refusal::bad_opcode);
      return (at.by_register() ? at.immediate == 0 : at.src() == 0) || refuse(Refusal::reserved_field);
  }
}

bool Verifier::check_call(bpf::Instruction at) {
  if (at.dst() != 0 || at.offset != 0) return refuse(Refusal::reserved_field);
  if (at.src() == bpf::call_helper) {
    const auto number = static_cast<std::uint32_t>(at.immediate);
    return (number < 32 && (rules_.helpers >> number & 1) != 0) || refuse(Refusal::unknown_helper);
  }
  if (at.src() != bpf::call_local) return refuse(Refusal::unknown_helper);
  const std::int64_t target = call_target(at, pc_);
  if (target < 0 || target >= static_cast<std::int64_t>(code_.size())) return refuse(Refusal::jump_outside);
  if (edge_count_ == edges_.size()) return refuse(Refusal::too_many_functions);
  edges_[edge_count_++] = {static_cast<std::uint16_t>(pc_), static_cast<std::uint16_t>(target)};
  notes_[target].set(note::start | note::target);
  return true;
}

bool Verifier::check_memory(bpf::Instruction at) {
  const std::uint8_t mode = at.mode();
  if (at.group() == bpf::ld && (mode == bpf::abs || mode == bpf::ind)) return refuse(Refusal::legacy_load);
  if (at.group() == bpf::ld) return check_wide_immediate(at);
  if (at.group() == bpf::ldx) {
    if (at.dst() == bpf::frame_register) return refuse(Refusal::bad_register);
    if (mode != bpf::mem && (mode != bpf::memsx || at.bytes() == 8)) return refuse(Refusal::bad_opcode);
    return at.immediate == 0 || refuse(Refusal::reserved_field);
  }
  if (at.group() == bpf::st) {
    if (mode != bpf::mem) return refuse(Refusal::bad_opcode);
    return at.src() == 0 || refuse(Refusal::reserved_field);
  }
  if (mode == bpf::mem) return at.immediate == 0 || refuse(Refusal::reserved_field);
  if (mode != bpf::atomic || at.bytes() < 4) return refuse(Refusal::bad_opcode);
  if (at.immediate == bpf::atomic_exchange || at.immediate == bpf::atomic_compare) {
    if (at.immediate == bpf::atomic_exchange && at.src() == bpf::frame_register) return refuse(Refusal::bad_register);
    return true;
  }
  switch (at.immediate & ~bpf::atomic_fetch) {
    case bpf::add: case bpf::bit_or: case bpf::bit_and: case bpf::bit_xor: break;
    default: return refuse(Refusal::reserved_field);
  }
  const bool writes_frame = (at.immediate & bpf::atomic_fetch) != 0 && at.src() == bpf::frame_register;
  return !writes_frame || refuse(Refusal::bad_register);
}

bool Verifier::check_wide_immediate(bpf::Instruction at) {
  if (at.opcode != bpf::load_immediate) return refuse(Refusal::bad_opcode);
  if (at.dst() == bpf::frame_register) return refuse(Refusal::bad_register);
  if (pc_ + 1 >= code_.size()) return refuse(Refusal::bad_immediate_form);
  const bpf::Instruction second = code_[pc_ + 1];
  if (second.opcode != 0) return refuse(Refusal::bad_immediate_form);
  if (at.offset != 0 || second.registers != 0 || second.offset != 0) return refuse(Refusal::reserved_field);
  notes_[pc_ + 1].set(note::tail);
  if (at.src() == bpf::imm_plain) return true;
  if (at.src() != bpf::imm_map_value && at.src() != bpf::imm_map_value_index) return refuse(Refusal::bad_immediate_form);
  return static_cast<std::uint32_t>(at.immediate) < header_.region_count || refuse(Refusal::bad_immediate_form);
}

// --- where control goes -------------------------------------------------------------------------------------------------

bool Verifier::find_functions() {
  if (pc_ == code_.size()) {
    functions_.start[functions_.count] = pc_;
    if (header_.steps < functions_.length(0)) return refuse(Refusal::steps_too_few, 0);
    begin_control();
    return true;
  }
  if (notes_[pc_].has(note::start)) {
    if (notes_[pc_].has(note::tail)) return refuse(Refusal::jump_inside_immediate);
    if (functions_.count == abi::max_program_functions) return refuse(Refusal::too_many_functions);
    functions_.start[functions_.count++] = pc_;
  }
  ++pc_;
  return true;
}

void Verifier::begin_control() {
  phase_ = Phase::control;
  pc_ = function_ = 0;
  for (const std::uint64_t bound : {std::uint64_t{0}, low_word, low_word >> 1, sign_bit - 1, sign_bit, all_ones})
    thresholds_.add(bound);
}

bool Verifier::check_control() {
  if (pc_ == code_.size()) {
    phase_ = Phase::depth;
    return true;
  }
  if (pc_ == functions_.start[function_ + 1]) ++function_;
  const std::uint32_t begin = functions_.start[function_], end = functions_.start[function_ + 1];
  const bpf::Instruction at = code_[pc_];
  const std::uint32_t next = pc_ + (at.opcode == bpf::load_immediate ? 2 : 1);
  const bool goes_on = !is_exit(at) && (!is_jump(at) || is_conditional(at));
  if (goes_on && next >= end) return refuse(Refusal::falls_through);
  if (is_jump(at)) {
    const std::int64_t to = jump_target(at, pc_);
    if (to < begin || to >= end) return refuse(Refusal::jump_outside);
    const auto target = static_cast<std::uint32_t>(to);
    if (notes_[target].has(note::tail)) return refuse(Refusal::jump_inside_immediate);
    notes_[target].set(target <= pc_ ? note::target | note::loop : note::target);
  }
  note_thresholds(at);
  pc_ = next;
  return true;
}

void Verifier::note_thresholds(bpf::Instruction at) {
  const std::uint64_t value = immediate_of(at);
  const bool assigns = at.opcode == (bpf::alu64 | bpf::mov) || at.opcode == (bpf::alu | bpf::mov) || at.opcode == (bpf::alu64 | bpf::add);
  if (assigns || (is_conditional(at) && !at.by_register()))
    for (const std::uint64_t bound : {value - 1, value, value + 1}) thresholds_.add(bound);
}

// The longest chain of calls to each function, by going over the calls again and again; a cycle makes it grow for ever.
bool Verifier::find_depths() {
  bool changed = false;
  for (std::uint32_t i = 0; i < edge_count_; ++i) {
    pc_ = edges_[i].at;
    const auto deeper = static_cast<std::uint8_t>(functions_.depth[functions_.at(pc_)] + 1);
    std::uint8_t& depth = functions_.depth[functions_.at(edges_[i].target)];
    if (depth >= deeper) continue;
    if (deeper >= abi::max_program_depth) return refuse(Refusal::recursion);
    depth = deeper;
    changed = true;
  }
  work_ += edge_count_;
  if (!changed) begin_flow();
  return true;
}

}  // namespace aegis::program
