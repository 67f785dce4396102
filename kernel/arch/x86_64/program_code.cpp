// SPDX-License-Identifier: MIT
// The generator of native code, first half: the instructions of eBPF.
//
//   eBPF   r0  r1  r2  r3  r4 r5 r6  r7  r8  r9  r10
//   here   rax rdi rsi rdx r9 r8 rbx r13 r14 r15 a constant
//   rbp: the Run   r12: start of the context   rcx r10 r11: scratch   rsp: return addresses and saved registers only
//
// A jump's or a call's 32-bit distance is the last thing that is emitted for it: connect() finds it there.
#include "kernel/program/arithmetic.hpp"
#include "kernel/arch/x86_64/program_machine.hpp"

namespace aegis::program {

using namespace machine;

Generator::Generator(const Source& source, std::span<std::byte> out, std::uint64_t secret)
    : source_{source}, out_{out}, secret_{secret | 1} {}

bool Generator::advance(std::uint64_t& steps) {
  for (; steps > 0 && phase_ != Phase::done; --steps) {
    const bool last = pc_ == source_.code.size();
    switch (phase_) {
      case Phase::registers: last ? begin_code() : note_registers(); break;
      case Phase::code:
        if (!last) generate();
        else phase_ = Phase::jumps, pc_ = 0;
        break;
      default:
        if (!last) connect();
        else phase_ = Phase::done;
    }
  }
  return phase_ == Phase::done;
}

void Generator::note_registers() {
  const bpf::Instruction at = source_.code[pc_];
  if (source_.notes[pc_].has(note::start)) function_ = source_.functions.at(pc_);
  uses_length_ |= at.dst() == 2 || at.src() == 2;
  for (const std::uint8_t r : {at.dst(), at.src()})
    if (r >= 6 && r <= 9) saves_[function_] = static_cast<std::uint8_t>(saves_[function_] | 1u << (r - 6));
  ++pc_;
}

void Generator::begin_code() {
  phase_ = Phase::code;
  pc_ = function_ = 0;
  // A run may end inside any function: the first one keeps what the kernel had in the registers that any of them uses.
  for (std::uint32_t f = 1; f < source_.functions.count; ++f) saves_[0] = static_cast<std::uint8_t>(saves_[0] | saves_[f]);
  outside_ = at_;
  constant(rax, static_cast<std::uint64_t>(ProgramEnd::outside));
  const std::size_t over = skip();
  exhausted_ = at_;
  constant(rax, static_cast<std::uint64_t>(ProgramEnd::steps));
  land(over);
  memory(0x89, true, rax, {rbp, none, offsetof(Run, end)});
  memory(0x8b, true, rsp, {rbp, none, offsetof(Run, stack_pointer)});
  between(0x31, false, rax, rax);
  epilogue(0);
  entry_ = at_;
}

void Generator::prologue(std::uint32_t function) {
  if (function == 0) byte(0x50 + rbp), byte(0x41), byte(0x50 + r12 - 8);
  for (unsigned i = 0; i < 4; ++i) {
    if ((saves_[function] >> i & 1) == 0) continue;
    if (saved[i] >= 8) byte(0x41);
    byte(0x50 + saved[i] % 8);
  }
  if (function != 0) return;
  between(0x89, true, rdi, rbp);
  memory(0x89, true, rsp, {rbp, none, offsetof(Run, stack_pointer)});
  memory(0x8b, true, r12, {rbp, none, region_start(Region::context)});
  if (uses_length_) memory(0x8b, true, host[2], {rbp, none, region_size(Region::context)});
  between(0x31, false, rdi, rdi);
}

void Generator::epilogue(std::uint32_t function) {
  for (unsigned i = 4; i-- > 0;) {
    if ((saves_[function] >> i & 1) == 0) continue;
    if (saved[i] >= 8) byte(0x41);
    byte(0x58 + saved[i] % 8);
  }
  if (function == 0) byte(0x41), byte(0x58 + r12 - 8), byte(0x58 + rbp);
  byte(0xc3);
}

std::uint32_t Generator::frame_top() const { return (source_.functions.depth[function_] + 1u) * abi::program_frame_size; }

unsigned Generator::operand(bpf::Instruction at) {
  if (at.by_register() && at.src() != bpf::frame_register) return host[at.src()];
  constant(r10, at.by_register() ? frame_top() : immediate_of(at));
  return r10;
}

void Generator::generate() {
  const bpf::Instruction at = source_.code[pc_];
  Note& note = source_.notes[pc_];
  if (note.has(note::start)) {
    function_ = source_.functions.at(pc_);
    prologue(function_);
  }
  // A called function's jumps come behind its prologue; a call is connected to the prologue itself.
  note.state = static_cast<std::uint32_t>(at_);
  const std::uint32_t length = at.opcode == bpf::load_immediate ? 2 : 1;
  if (!note.has(note::reached)) {
    jump_to(outside_);
    pc_ += length;
    return;
  }
  switch (at.group()) {
    case bpf::alu: case bpf::alu64: arithmetic(at); break;
    case bpf::jmp: case bpf::jmp32: jump(at); break;
    case bpf::ld: {
      const auto low = static_cast<std::uint32_t>(at.immediate);
      const auto high = static_cast<std::uint32_t>(source_.code[pc_ + 1].immediate);
      constant(host[at.dst()], at.src() == bpf::imm_plain ? std::uint64_t{high} << 32 | low : high);
      break;
    }
    case bpf::ldx: load(at); break;
    default: at.mode() == bpf::atomic ? atomic(at) : store(at);
  }
  if (length == 2) source_.notes[pc_ + 1].state = static_cast<std::uint32_t>(at_);
  pc_ += length;
}

// Fills in where a jump or call goes.
void Generator::connect() {
  const bpf::Instruction at = source_.code[pc_];
  const std::uint32_t index = pc_++;
  const bool local_call = is_call(at) && at.src() == bpf::call_local;
  if (source_.notes[index].has(note::tail) || !source_.notes[index].has(note::reached)) return;
  if ((!is_jump(at) && !local_call) || out_.empty()) return;
  const auto target = static_cast<std::uint32_t>(local_call ? call_target(at, index) : jump_target(at, index));
  const Note* next = index + 1 < source_.notes.size() ? &source_.notes[index + 1] : nullptr;
  std::size_t end = next == nullptr ? at_ : next->state;
  std::size_t to = source_.notes[target].state;
  const auto prologue_size = [&](std::uint32_t function) {
    std::size_t size = 0;
    for (unsigned i = 0; i < 4; ++i)
      if ((saves_[function] >> i & 1) != 0) size += saved[i] >= 8 ? 2 : 1;
    return size;
  };
  if (next != nullptr && next->has(note::start)) end -= prologue_size(source_.functions.at(index + 1));
  if (local_call) to -= prologue_size(source_.functions.at(target));
  const auto relative = static_cast<std::uint32_t>(to - end);
  std::memcpy(out_.data() + end - 4, &relative, 4);
}

// --- arithmetic ---------------------------------------------------------------------------------------------------------

void Generator::arithmetic(bpf::Instruction at) {
  const bool wide = at.group() == bpf::alu64;
  const unsigned dst = host[at.dst()];
  switch (at.operation()) {
    case bpf::mov: return move(at);
    case bpf::mul: return multiplication(at);
    case bpf::div: case bpf::mod: return division(at);
    case bpf::lsh: case bpf::rsh: case bpf::arsh: return shift(at);
    case bpf::end: return conversion(at);
    case bpf::neg: return between(0xf7, wide, 3, dst);
    default: break;
  }
  if (!at.by_register() && is_small(at.immediate))
    return with_immediate(extension_of(at.operation()), wide, dst, static_cast<std::uint32_t>(at.immediate));
  between(extension_of(at.operation()) * 8 + 1, wide, operand(at), dst);
}

void Generator::move(bpf::Instruction at) {
  const bool wide = at.group() == bpf::alu64;
  const unsigned dst = host[at.dst()];
  if (!at.by_register() || at.src() == bpf::frame_register) {
    const std::uint64_t value = at.by_register() ? frame_top() : immediate_of(at);
    return constant(dst, wide ? value : value & low_word);
  }
  const unsigned src = host[at.src()];
  switch (at.offset) {
    case 8: return between_long(0xbe, wide, dst, src);
    case 16: return between_long(0xbf, wide, dst, src);
    case 32: return between(0x63, true, dst, src);
    default: return between(0x89, wide, src, dst);
  }
}

void Generator::multiplication(bpf::Instruction at) {
  between_long(0xaf, at.group() == bpf::alu64, host[at.dst()], operand(at));
}

void Generator::shift(bpf::Instruction at) {
  const bool wide = at.group() == bpf::alu64;
  const unsigned dst = host[at.dst()];
  const unsigned extension = at.operation() == bpf::lsh ? 4 : at.operation() == bpf::rsh ? 5 : 7;
  if (!at.by_register()) {
    between(0xc1, wide, extension, dst);
    return byte(static_cast<std::uint32_t>(at.immediate) & (wide ? 63 : 31));
  }
  between(0x89, false, operand(at), rcx);
  between(0xd3, wide, extension, dst);
}

void Generator::division(bpf::Instruction at) {
  const bool wide = at.group() == bpf::alu64, is_signed = at.offset == 1, quotient = at.operation() == bpf::div;
  const unsigned dst = host[at.dst()];
  between(0x89, wide, operand(at), rcx);
  between(0x85, wide, rcx, rcx);
  const std::size_t by_zero = skip_if(equal);
  std::size_t by_minus_one = 0;
  if (is_signed) {
    with_immediate(7, wide, rcx, static_cast<std::uint32_t>(-1));
    by_minus_one = skip_if(equal);
  }
  between(0x89, true, rax, r10);
  between(0x89, true, rdx, r11);
  between(0x89, wide, dst, rax);
  if (is_signed) {
    if (wide) byte(0x48);
    byte(0x99);  // the sign of rax all over rdx
  } else {
    between(0x31, false, rdx, rdx);
  }
  between(0xf7, wide, is_signed ? 7 : 6, rcx);
  between(0x89, wide, quotient ? rax : rdx, rcx);
  between(0x89, true, r10, rax);
  between(0x89, true, r11, rdx);
  between(0x89, true, rcx, dst);
  const std::size_t done = skip();
  std::size_t done_too = 0;
  if (is_signed) {
    land(by_minus_one);
    if (quotient) between(0xf7, wide, 3, dst);
    else between(0x31, false, dst, dst);
    done_too = skip();
  }
  land(by_zero);
  if (quotient) between(0x31, false, dst, dst);
  else if (!wide) between(0x89, false, dst, dst);
  land(done);
  if (is_signed) land(done_too);
}

void Generator::conversion(bpf::Instruction at) {
  const unsigned dst = host[at.dst()];
  const bool swap = order_of(at) != Order::little;
  if (at.immediate == 16) {
    if (swap) {  // rol dst, 8 in 16 bits
      byte(0x66);
      between(0xc1, false, 0, dst);
      byte(8);
    }
    return between_long(0xb7, false, dst, dst);
  }
  const bool wide = at.immediate == 64;
  if (swap) {
    prefix(wide, 0, 0, dst);
    byte(0x0f);
    return byte(0xc8 + dst % 8);
  }
  if (!wide) between(0x89, false, dst, dst);
}

// --- control ------------------------------------------------------------------------------------------------------------

void Generator::take_fuel(std::uint32_t steps) {
  const Place fuel{rbp, none, offsetof(Run, fuel)};
  memory(0x81, true, 5, fuel);
  word(steps);
  jump_if(negative, exhausted_);
}

void Generator::jump(bpf::Instruction at) {
  if (is_call(at)) return call(at);
  if (is_exit(at)) return epilogue(function_);
  const bool wide = at.group() == bpf::jmp;
  const auto target = static_cast<std::uint32_t>(jump_target(at, pc_));
  const bool back = target <= pc_;
  std::size_t not_taken = 0;
  if (at.operation() != bpf::ja) {
    unsigned dst = at.dst() == bpf::frame_register ? r11 : host[at.dst()];
    if (at.dst() == bpf::frame_register) constant(r11, frame_top());
    const bool bits = at.operation() == bpf::jset;
    if (!at.by_register() && is_small(at.immediate)) {
      if (bits) between(0xf7, wide, 0, dst), word(static_cast<std::uint32_t>(at.immediate));
      else with_immediate(7, wide, dst, static_cast<std::uint32_t>(at.immediate));
    } else {
      between(bits ? 0x85 : 0x39, wide, operand(at), dst);
    }
    const unsigned condition = condition_of(at.operation());
    if (!back) return jump_if(condition, at_);  // connected later
    not_taken = skip_if(condition ^ 1);
  }
  if (back) take_fuel(distance(pc_, target));
  if (at.operation() == bpf::ja) return jump_to(at_);  // connected later, as the next one
  jump_to(at_);
  land(not_taken);
}

void Generator::call(bpf::Instruction at) {
  if (at.src() == bpf::call_helper) {
    const bool now = at.immediate == static_cast<std::int32_t>(abi::ProgramHelper::now);
    return memory(0x8b, true, rax, {rbp, none, static_cast<std::uint32_t>(now ? offsetof(Run, now) : offsetof(Run, caller))});
  }
  const auto target = static_cast<std::uint32_t>(call_target(at, pc_));
  take_fuel(source_.functions.length(source_.functions.at(target)));
  byte(0xe8);
  word(0);
}

}  // namespace aegis::program
