// SPDX-License-Identifier: MIT
#include "kernel/program/interpreter.hpp"

#include "kernel/program/arithmetic.hpp"

namespace aegis::program {
namespace {

using Value = Register;

struct Frame {
  std::uint32_t back;                   // where the caller goes on
  std::uint32_t start;
  std::array<Value, 4> saved;           // r6 - r9
};

class Machine {
 public:
  Machine(const Image& image, Run& run, std::span<const std::uint32_t> starts) : image_{image}, run_{run}, starts_{starts} {
    reg_[1] = {0, Region::context, true};
    reg_[2] = {run.regions[slot_of(Region::context)].size, Region::none, true};
    reg_[10] = {abi::program_frame_size, Region::stack, true};
  }

  Result go() {
    while (!done_) {
      ++result_.steps;
      at_ = image_.code[pc_];
      if (image_.observer.step != nullptr) image_.observer.step(image_.observer.self, pc_, reg_);
      next_ = pc_ + 1;
      step();
      if (!done_) pc_ = next_;
    }
    if (result_.end != ProgramEnd::value || result_.fault != Refusal::none) result_.value = 0;
    run_.end = static_cast<std::uint64_t>(result_.end);
    return result_;
  }

 private:
  void stop(ProgramEnd end) { result_.end = end, done_ = true; }
  void fault(Refusal reason) { result_.fault = reason, result_.fault_at = pc_, done_ = true; }

  Value& dst() { return reg_[at_.dst()]; }
  Value read(std::uint8_t number) {
    if (!reg_[number].set) fault(Refusal::uninitialised_register);
    return reg_[number];
  }
  Value operand() {
    if (at_.by_register()) return read(at_.src());
    return {immediate_of(at_), Region::none, true};
  }
  void set(std::uint8_t number, std::uint64_t bits, Region region = Region::none) {
    if (!done_) reg_[number] = {bits, region, true};
  }

  void step() {
    switch (at_.group()) {
      case bpf::alu: return arithmetic(Width::narrow);
      case bpf::alu64: return arithmetic(Width::wide);
      case bpf::jmp: return jump(Width::wide);
      case bpf::jmp32: return jump(Width::narrow);
      case bpf::ld: return load_immediate();
      case bpf::ldx: return load();
      case bpf::st: return store({immediate_of(at_), Region::none, true});
      default: return at_.mode() == bpf::atomic ? atomic() : store(read(at_.src()));
    }
  }

  void arithmetic(Width width) {
    const std::uint8_t operation = at_.operation();
    if (operation == bpf::end) {
      const Value value = read(at_.dst());
      if (value.region != Region::none) return fault(Refusal::pointer_arithmetic);
      return set(at_.dst(), convert(order_of(at_), at_.immediate, value.bits));
    }
    const Value b = operation == bpf::neg ? Value{0, Region::none, true} : operand();
    const Value a = operation == bpf::mov ? Value{0, Region::none, true} : read(at_.dst());
    Region region = Region::none;
    if (a.region != Region::none || b.region != Region::none) {
      const bool plain = width == Width::wide && at_.offset == 0;
      if (plain && operation == bpf::mov) region = b.region;
      else if (plain && operation == bpf::add && (a.region == Region::none || b.region == Region::none))
        region = a.region == Region::none ? b.region : a.region;
      else if (plain && operation == bpf::sub && b.region == Region::none) region = a.region;
      else if (!plain || operation != bpf::sub || a.region != b.region) return fault(Refusal::pointer_arithmetic);
    }
    set(at_.dst(), compute(operation, width, at_.offset, a.bits, b.bits), region);
  }

  void take_fuel(std::uint32_t steps) {
    run_.fuel -= steps;
    if (run_.fuel < 0) stop(ProgramEnd::steps);
  }

  void jump(Width width) {
    if (is_call(at_)) return call();
    if (is_exit(at_)) return leave();
    if (at_.operation() != bpf::ja) {
      const Value a = read(at_.dst()), b = operand();
      if (done_) return;
      if (a.region != b.region || (a.region != Region::none && (width == Width::narrow || at_.operation() == bpf::jset)))
        return fault(Refusal::pointer_comparison);
      if (!holds(at_.operation(), width, a.bits, b.bits)) return;
    }
    next_ = static_cast<std::uint32_t>(jump_target(at_, pc_));
    if (next_ <= pc_) take_fuel(distance(pc_, next_));
  }

  std::uint32_t length_of(std::uint32_t start) const {
    auto end = static_cast<std::uint32_t>(image_.code.size());
    for (const std::uint32_t other : starts_)
      if (other > start && other < end) end = other;
    return end - start;
  }

  void call() {
    if (at_.src() == bpf::call_helper) {
      const bool now = at_.immediate == static_cast<std::int32_t>(abi::ProgramHelper::now);
      for (std::uint8_t r = 1; r <= 5; ++r) reg_[r].set = false;
      return set(0, now ? run_.now : run_.caller);
    }
    if (depth_ + 1 == abi::max_program_depth) return fault(Refusal::recursion);
    Frame& frame = frames_[depth_++];
    frame.back = next_;
    std::copy_n(reg_.begin() + 6, 4, frame.saved.begin());
    next_ = static_cast<std::uint32_t>(call_target(at_, pc_));
    frame.start = next_;
    for (std::uint8_t r = 6; r <= 9; ++r) reg_[r].set = false;
    reg_[0].set = false;
    reg_[10].bits = (depth_ + 1) * abi::program_frame_size;
    for (std::size_t word = 0; word < 64; ++word) word_region_[depth_ * 64 + word] = Region::none, written_[depth_ * 64 + word] = 0;
    take_fuel(length_of(next_));
  }

  void leave() {
    const Value value = read(0);
    if (done_) return;
    if (value.region != Region::none) return fault(Refusal::pointer_leak);
    if (depth_ == 0) {
      result_.value = value.bits;
      return stop(ProgramEnd::value);
    }
    const Frame& frame = frames_[--depth_];
    std::copy_n(frame.saved.begin(), 4, reg_.begin() + 6);
    for (std::uint8_t r = 1; r <= 5; ++r) reg_[r].set = false;
    reg_[10].bits = (depth_ + 1) * abi::program_frame_size;
    next_ = frame.back;
  }

  void load_immediate() {
    const std::uint64_t high = static_cast<std::uint32_t>(image_.code[pc_ + 1].immediate);
    const std::uint64_t low = static_cast<std::uint32_t>(at_.immediate);
    next_ = pc_ + 2;
    if (at_.src() == bpf::imm_plain) return set(at_.dst(), high << 32 | low);
    set(at_.dst(), high, data_region(static_cast<std::uint32_t>(low)));
  }

  // Where [pointer + offset, + size) lies, or nullptr: the run is over then.
  std::byte* reach(const Value& pointer, std::uint32_t size, bool writes) {
    if (done_) return nullptr;
    if (pointer.region == Region::none) return fault(Refusal::not_a_pointer), nullptr;
    const Memory& memory = run_.regions[slot_of(pointer.region)];
    if (writes && !image_.writable[slot_of(pointer.region)]) return fault(Refusal::read_only), nullptr;
    offset_ = pointer.bits + static_cast<std::uint64_t>(std::int64_t{at_.offset});
    if (offset_ > memory.size || size > memory.size - offset_) {
      if (pointer.region == Region::context) return stop(ProgramEnd::outside), nullptr;
      return fault(pointer.region == Region::stack ? Refusal::outside_stack : Refusal::outside_region), nullptr;
    }
    if (pointer.region == Region::stack && offset_ / abi::program_frame_size != depth_)
      return fault(Refusal::outer_stack), nullptr;
    if (pointer.region == Region::stack && (offset_ + size - 1) / abi::program_frame_size != depth_)
      return fault(Refusal::outside_stack), nullptr;
    return memory.start + offset_;
  }

  static std::uint64_t fetch(const std::byte* from, std::uint32_t size) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, from, size);
    return bits;
  }

  void load() {
    const Value pointer = read(at_.src());
    const std::uint32_t size = at_.bytes();
    const std::byte* from = reach(pointer, size, false);
    if (from == nullptr) return;
    std::uint64_t bits = fetch(from, size);
    if (at_.mode() == bpf::memsx) bits = sign_extend(bits, size * 8);
    if (pointer.region != Region::stack) return set(at_.dst(), bits);
    for (std::uint32_t i = 0; i < size; ++i)
      if ((written_[(offset_ + i) / 8] >> (offset_ + i) % 8 & 1) == 0) return fault(Refusal::uninitialised_stack);
    Region kept = Region::none;
    for (std::uint32_t i = 0; i < size; ++i) {
      const Region there = word_region_[(offset_ + i) / 8];
      if (there != Region::none && (size != 8 || offset_ % 8 != 0)) return fault(Refusal::pointer_leak);
      kept = there;
    }
    set(at_.dst(), bits, kept);
  }

  void note_written(std::uint32_t size, Region region) {
    for (std::uint32_t i = 0; i < size; ++i) {
      const std::uint64_t word = (offset_ + i) / 8;
      // A pointer of which a part is overwritten is no longer one, and its other bytes may not be read.
      if (word_region_[word] != Region::none) written_[word] = 0;
      word_region_[word] = region;
      written_[word] = static_cast<std::uint8_t>(written_[word] | 1u << (offset_ + i) % 8);
    }
    if (region != Region::none) written_[offset_ / 8] = 0xff;
  }

  void store(const Value& value) {
    const Value pointer = read(at_.dst());
    const std::uint32_t size = at_.bytes();
    std::byte* to = reach(pointer, size, true);
    if (to == nullptr) return;
    const bool whole_word = pointer.region == Region::stack && size == 8 && offset_ % 8 == 0;
    if (value.region != Region::none && !whole_word) return fault(Refusal::pointer_leak);
    if (pointer.region == Region::stack) note_written(size, value.region);
    std::memcpy(to, &value.bits, size);
  }

  void atomic() {
    const Value operand = read(at_.src()), pointer = read(at_.dst());
    const std::uint32_t size = at_.bytes();
    std::byte* to = reach(pointer, size, true);
    if (to == nullptr) return;
    if (operand.region != Region::none) return fault(Refusal::pointer_leak);
    if (offset_ % size != 0) return stop(ProgramEnd::outside);
    if (pointer.region == Region::stack) {
      const std::uint32_t mask = (size == 8 ? 0xffu : 0xfu) << offset_ % 8;
      if ((written_[offset_ / 8] & mask) != mask) return fault(Refusal::uninitialised_stack);
      if (word_region_[offset_ / 8] != Region::none) return fault(Refusal::pointer_leak);
    }
    const std::uint64_t old = fetch(to, size);
    if (at_.immediate == bpf::atomic_compare) {
      const Value wanted = read(0);
      if (wanted.region != Region::none) return fault(Refusal::pointer_leak);
      const std::uint64_t mask = size == 8 ? ~std::uint64_t{0} : 0xffff'ffff;
      if (old == (wanted.bits & mask)) std::memcpy(to, &operand.bits, size);
      return set(0, old);
    }
    const std::uint64_t changed = atomic_result(at_.immediate, old, operand.bits);
    std::memcpy(to, &changed, size);
    if ((at_.immediate & bpf::atomic_fetch) != 0) set(at_.src(), old);
  }

  const Image& image_;
  Run& run_;
  std::span<const std::uint32_t> starts_;
  std::array<Value, bpf::registers> reg_{};
  std::array<Frame, abi::max_program_depth> frames_{};
  std::array<Region, abi::program_stack_size / 8> word_region_{};
  std::array<std::uint8_t, abi::program_stack_size / 8> written_{};  // bit per byte
  std::uint32_t depth_ = 0, pc_ = 0, next_ = 0;
  std::uint64_t offset_ = 0;
  bpf::Instruction at_;
  bool done_ = false;
  Result result_;
};

}  // namespace

Result interpret(const Image& image, Run& run, std::span<const std::uint32_t> starts) {
  if (run.regions[slot_of(Region::context)].size < image.min_context) {
    run.end = static_cast<std::uint64_t>(ProgramEnd::outside);
    return {.end = ProgramEnd::outside};
  }
  return Machine{image, run, starts}.go();
}

}  // namespace aegis::program
