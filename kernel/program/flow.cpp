// SPDX-License-Identifier: MIT
// The verifier's second part: follows the values along every way. A way ends where it brings nothing new.
#include "kernel/program/arithmetic.hpp"
#include "kernel/program/branch.hpp"
#include "kernel/program/verifier.hpp"

namespace aegis::program {
namespace {

constexpr std::uint64_t work_per_instruction = 64;  // how often each may be looked at, on average
constexpr std::uint8_t exact_joins = 2, threshold_joins = 12;

}  // namespace

Verifier::Verifier(const abi::ProgramHeader& header, std::span<const bpf::Instruction> code, std::span<std::byte> workspace)
    : header_{header}, code_{code}, workspace_{workspace}, notes_{reinterpret_cast<Note*>(workspace.data())} {
  used_ = base::align_up<std::size_t>(least_workspace(code.size()), 8);
  if (!check_header()) return;
  if (workspace.size() < used_) {
    (void)refuse(Refusal::too_complex, 0);
    return;
  }
  for (std::size_t i = 0; i <= code.size(); ++i) new (&notes_[i]) Note;
  work_limit_ = (code.size() + 64) * work_per_instruction;
}

bool Verifier::refuse(Refusal reason, std::uint32_t at) {
  refusal_ = reason;
  refused_at_ = at;
  phase_ = Phase::refused;
  return false;
}

Progress Verifier::advance(std::uint64_t& steps) {
  while (steps > 0 && phase_ != Phase::refused && phase_ != Phase::accepted) {
    const std::uint64_t before = work_++;
    bool good = false;
    switch (phase_) {
      case Phase::encoding: good = check_encoding(); break;
      case Phase::functions: good = find_functions(); break;
      case Phase::control: good = check_control(); break;
      case Phase::depth: good = find_depths(); break;
      default: good = follow(); break;
    }
    if (good && work_ > work_limit_) (void)refuse(Refusal::too_complex);
    const std::uint64_t done = work_ - before;
    steps -= done < steps ? done : steps;
  }
  if (phase_ == Phase::refused) return Progress::refused;
  return phase_ == Phase::accepted ? Progress::accepted : Progress::more;
}

void Verifier::begin_flow() {
  phase_ = Phase::flow;
  now_.min_context = header_.min_context;
  now_.reg[1] = Value::pointer(Region::context, Range::constant(0));
  now_.reg[2] = {Range::arc(header_.min_context, rules_.max_context), What::length};
  pc_ = 0;
  function_ = 0;
  flowing_ = arrive(0) && resume_somewhere();
}

// --- ways ---------------------------------------------------------------------------------------------------------------

bool Verifier::follow() {
  if (flowing_) return step();
  if (resume_somewhere()) {
    flowing_ = true;
    return true;
  }
  pc_ = 0;
  if (!can_end_) return refuse(Refusal::endless);
  phase_ = Phase::accepted;
  return true;
}

bool Verifier::resume_somewhere() {
  for (; lowest_dirty_ < code_.size(); ++lowest_dirty_) {
    Note& note = notes_[lowest_dirty_];
    if (!note.has(note::dirty)) continue;
    note.clear(note::dirty);
    const State& from = kept(note);
    std::memcpy(static_cast<void*>(&now_), &from, State::bytes_for(from.depth));
    pc_ = lowest_dirty_;
    function_ = functions_.at(pc_);
    return true;
  }
  return false;
}

// `now_` gets to a target of jumps.
bool Verifier::arrive(std::uint32_t target) {
  Note& note = notes_[target];
  if (note.state == 0) {
    const std::size_t size = State::bytes_for(now_.depth);
    if (workspace_.size() - used_ < size) return refuse(Refusal::too_complex);
    note.state = static_cast<std::uint32_t>(used_);
    used_ += size;
    std::memcpy(static_cast<void*>(&kept(note)), &now_, size);
    kept(note).visits = 0;
  } else {
    State& there = kept(note);
    const bool grows = note.has(note::loop) || note.has(note::start);
    const Growth growth = !grows || there.visits < exact_joins ? Growth::exact
                          : there.visits < threshold_joins     ? Growth::threshold
                                                               : Growth::everything;
    work_ += (tracked_registers + there.depth) / 8;
    if (!join_into(there, now_, growth, thresholds_)) return true;
    if (there.visits < 255) ++there.visits;
  }
  note.set(note::dirty);
  lowest_dirty_ = std::min(lowest_dirty_, target);
  return true;
}

// Control goes on at the next instruction, alone or joining others.
bool Verifier::fall_to(std::uint32_t next) {
  if (!notes_[next].has(note::target)) {
    pc_ = next;
    return true;
  }
  flowing_ = false;
  return arrive(next);
}

bool Verifier::step() {
  notes_[pc_].set(note::reached);
  const bpf::Instruction at = code_[pc_];
  switch (at.group()) {
    case bpf::alu: case bpf::alu64:
      if (!arithmetic()) return false;
      break;
    case bpf::ld: return load_wide_immediate() && fall_to(pc_ + 2);
    case bpf::ldx:
      if (!load()) return false;
      break;
    case bpf::st:
      if (!store(Value::constant(immediate_of(at)))) return false;
      break;
    case bpf::stx:
      if (at.mode() == bpf::atomic ? !atomic() : !usable(at.src()) || !store(get(at.src()))) return false;
      break;
    default:
      if (is_call(at)) return call();
      if (is_exit(at)) return leave();
      return branch();
  }
  return fall_to(pc_ + 1);
}

// --- values -------------------------------------------------------------------------------------------------------------

std::uint64_t Verifier::frame_top() const { return (functions_.depth[function_] + 1u) * abi::program_frame_size; }

Value Verifier::get(std::uint8_t number) const {
  if (number == bpf::frame_register) return Value::pointer(Region::stack, Range::constant(frame_top()));
  return now_.reg[number];
}

Value Verifier::operand() const {
  const bpf::Instruction at = code_[pc_];
  return at.by_register() ? get(at.src()) : Value::constant(immediate_of(at));
}

bool Verifier::usable(std::uint8_t number) {
  const Value value = get(number);
  if (value.is_number() || value.is_pointer()) return true;
  if (value.what == What::mixed) return refuse(Refusal::unclear_pointer);
  if (value.what == What::outer) return refuse(Refusal::outer_stack);
  return refuse(Refusal::uninitialised_register);
}

bool Verifier::arithmetic() {
  const bpf::Instruction at = code_[pc_];
  const bool wide = at.group() == bpf::alu64;
  const unsigned bits = wide ? 64 : 32;
  Value& dst = now_.reg[at.dst()];
  const bool unary = at.operation() == bpf::neg || at.operation() == bpf::end;
  if (at.operation() != bpf::mov && !usable(at.dst())) return false;
  if (!unary && at.by_register() && !usable(at.src())) return false;
  const Value b = unary ? Value::constant(0) : operand();
  const Value a = at.operation() == bpf::mov ? b : dst;
  if (a.is_pointer() || b.is_pointer()) return pointer_arithmetic(a, b);
  if (at.operation() == bpf::end) {
    dst = Value::number(Range::arc(0, all_ones >> (64 - at.immediate)));
    return true;
  }
  if (at.operation() == bpf::mov && wide && at.offset == 0) {
    dst = b;
    return true;
  }
  const Range x = wide ? a.range : truncate(a.range), y = wide ? b.range : truncate(b.range);
  if (x.is_constant() && y.is_constant()) {
    dst = Value::constant(compute(at.operation(), wide ? Width::wide : Width::narrow, at.offset, x.lo, y.lo));
    return true;
  }
  Range result;
  if (at.operation() == bpf::mov) {
    result = at.offset == 0 ? y : sign_extended(y, static_cast<unsigned>(at.offset));
  } else if (at.offset == 1 && !(x.at_most(all_ones >> (65 - bits)) && y.at_most(all_ones >> (65 - bits)))) {
    result = {};  // signed division where something may be negative
  } else {
    result = compute(at.operation(), bits, x, y);
  }
  dst = Value::number(wide ? result : truncate(result));
  return true;
}

bool Verifier::pointer_arithmetic(const Value& a, const Value& b) {
  const bpf::Instruction at = code_[pc_];
  Value& dst = now_.reg[at.dst()];
  if (at.group() == bpf::alu || at.offset != 0) return refuse(Refusal::pointer_arithmetic);
  switch (at.operation()) {
    case bpf::mov: dst = b; return true;
    case bpf::add:
      if (a.is_pointer() && b.is_pointer()) return refuse(Refusal::pointer_arithmetic);
      dst = Value::pointer(a.is_pointer() ? a.region : b.region, plus(a.range, b.range));
      return true;
    case bpf::sub:
      if (!a.is_pointer()) return refuse(Refusal::pointer_arithmetic);
      if (b.is_pointer() && b.region != a.region) return refuse(Refusal::pointer_arithmetic);
      dst = b.is_pointer() ? Value::number(minus(a.range, b.range)) : Value::pointer(a.region, minus(a.range, b.range));
      return true;
    default: return refuse(Refusal::pointer_arithmetic);
  }
}

bool Verifier::load_wide_immediate() {
  const bpf::Instruction at = code_[pc_];
  const auto low = static_cast<std::uint32_t>(at.immediate), high = static_cast<std::uint32_t>(code_[pc_ + 1].immediate);
  Value& dst = now_.reg[at.dst()];
  if (at.src() == bpf::imm_plain) dst = Value::constant(std::uint64_t{high} << 32 | low);
  else dst = Value::pointer(data_region(low), Range::constant(high));
  return true;
}

// --- control ------------------------------------------------------------------------------------------------------------

bool Verifier::branch() {
  const bpf::Instruction at = code_[pc_];
  const auto target = static_cast<std::uint32_t>(jump_target(at, pc_));
  if (at.operation() == bpf::ja) {
    flowing_ = false;
    return arrive(target);
  }
  if (!usable(at.dst()) || (at.by_register() && !usable(at.src()))) return false;
  const Value a = get(at.dst()), b = operand();
  const bool wide = at.group() == bpf::jmp;
  if (a.is_pointer() || b.is_pointer()) {
    const bool same = a.is_pointer() && b.is_pointer() && a.region == b.region;
    if (!same || !wide || at.operation() == bpf::jset) return refuse(Refusal::pointer_comparison);
  }
  const std::uint32_t known = now_.min_context;
  const auto assume = [&](bool taken) {
    Value x = a, y = b;
    if (!narrow_down(at.operation(), wide ? Width::wide : Width::narrow, taken, x.range, y.range)) return false;
    now_.min_context = known;
    for (const Value& v : {x, y})
      if (v.what == What::length) now_.min_context = std::max(now_.min_context, static_cast<std::uint32_t>(v.range.least()));
    if (at.dst() != bpf::frame_register) now_.reg[at.dst()] = x;
    if (at.by_register() && at.src() != bpf::frame_register && at.src() != at.dst()) now_.reg[at.src()] = y;
    return true;
  };
  if (assume(true) && !arrive(target)) return false;
  flowing_ = assume(false);
  return !flowing_ || fall_to(pc_ + 1);
}

bool Verifier::call() {
  const bpf::Instruction at = code_[pc_];
  if (at.src() == bpf::call_local) {
    const auto target = static_cast<std::uint32_t>(call_target(at, pc_));
    const auto saved = now_.reg;
    const std::uint16_t depth = now_.depth;
    for (std::uint8_t r = 0; r < tracked_registers; ++r) {
      Value& value = now_.reg[r];
      if (r == 0 || r > 5) value = {};
      else if (value.is_pointer() && value.region == Region::stack) value = {Range::constant(0), What::outer};
    }
    now_.depth = 0;
    const bool good = arrive(target);
    now_.reg = saved;
    now_.depth = depth;
    if (!good) return false;
  }
  now_.reg[0] = Value::number({});
  for (std::uint8_t r = 1; r <= 5; ++r) now_.reg[r] = {};
  return fall_to(pc_ + 1);
}

bool Verifier::leave() {
  if (!usable(0)) return false;
  if (now_.reg[0].is_pointer()) return refuse(Refusal::pointer_leak);
  if (function_ == 0) can_end_ = true;
  flowing_ = false;
  return true;
}

}  // namespace aegis::program
