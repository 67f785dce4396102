// SPDX-License-Identifier: MIT
#include "libos/parts/program/products.hpp"

namespace parts::program {
namespace {

namespace bpf = abi::bpf;

// Registers: r1, or r6 behind a call for the time, leads to the words; r3 and r4 are compared.
constexpr unsigned words_at_start = 1, words_kept = 6, left = 3, right = 4;
constexpr std::uint64_t everything = ~std::uint64_t{0};

constexpr bool is_short(std::uint64_t value) {
  return static_cast<std::uint64_t>(std::int64_t{static_cast<std::int32_t>(value)}) == value;
}

// The jump that leaves the product: the relation does not hold.
constexpr unsigned opposite(Relation relation) {
  switch (relation) {
    case Relation::equal: return bpf::jne;
    case Relation::not_equal: return bpf::jeq;
    case Relation::below: return bpf::jge;
    case Relation::at_least: return bpf::jlt;
    case Relation::above: return bpf::jle;
    case Relation::at_most: return bpf::jgt;
  }
  return 0;
}

bool uses_time(Sum sum) {
  for (const Product product : sum)
    for (const Atom& atom : product)
      if (atom.left.what == Term::What::time) return true;
  return false;
}

class Compiler {
 public:
  Compiler(Sum sum, std::span<bpf::Instruction> out) : out_{out}, keeps_words_{uses_time(sum)} {}

  std::optional<SumFailure> run(Sum sum) {
    if (keeps_words_) emit(bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, words_kept, words_at_start, 0, 0));
    for (std::uint32_t p = 0; p < sum.size(); ++p) {
      leaves_ = none;
      for (std::uint32_t a = 0; a < sum[p].size(); ++a)
        if (const auto fault = add(sum[p][a])) return SumFailure{*fault, p, a};
      finish(p + 1);
      connect();
      if (too_long()) return SumFailure{SumFault::too_long, p, 0};
    }
    finish(0);
    return too_long() ? std::optional{SumFailure{SumFault::too_long, static_cast<std::uint32_t>(sum.size()), 0}} : std::nullopt;
  }
  [[nodiscard]] std::uint32_t length() const { return at_; }
  [[nodiscard]] std::uint32_t words() const { return words_; }

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  [[nodiscard]] bool too_long() const { return at_ > out_.size() || at_ > abi::max_program_length; }
  void emit(bpf::Instruction instruction) {
    if (at_ < out_.size()) out_[at_] = instruction;
    ++at_;
  }
  void load_constant(unsigned reg, std::uint64_t value) {
    emit(bpf::make(bpf::load_immediate, reg, bpf::imm_plain, 0, static_cast<std::int32_t>(value)));
    emit(bpf::make(0, 0, 0, 0, static_cast<std::int32_t>(value >> 32)));
  }
  void load_word(unsigned reg, std::uint64_t place) {
    const auto number = static_cast<std::uint32_t>(place);
    if (number >= words_) words_ = number + 1;
    emit(bpf::make(bpf::ldx | bpf::mem | bpf::double_word, reg, keeps_words_ ? words_kept : words_at_start, static_cast<int>(number * 8), 0));
  }
  void load_time() {
    emit(bpf::make(bpf::jmp | bpf::call, 0, bpf::call_helper, 0, static_cast<std::int32_t>(abi::ProgramHelper::now)));
    emit(bpf::make(bpf::alu64 | bpf::mov | bpf::by_x, left, 0, 0, 0));
  }
  void mask_left(std::uint64_t mask) {
    if (mask == everything) return;
    if (is_short(mask)) return emit(bpf::make(bpf::alu64 | bpf::bit_and, left, 0, 0, static_cast<std::int32_t>(mask)));
    load_constant(right, mask);
    emit(bpf::make(bpf::alu64 | bpf::bit_and | bpf::by_x, left, right, 0, 0));
  }

  // A jump out of the product. Until it is known where that ends, each holds the place of the one before.
  void leave_unless(Relation relation, bool by_register, std::uint64_t value) {
    emit(bpf::make(bpf::jmp | opposite(relation) | (by_register ? bpf::by_x : bpf::by_k), left, by_register ? right : 0, 0,
                   by_register ? 0 : static_cast<std::int32_t>(value)));
    if (too_long()) return;
    out_[at_ - 1].offset = static_cast<std::int16_t>(leaves_ == none ? 0 : at_ - 1 - leaves_);
    leaves_ = at_ - 1;
  }
  void connect() {
    if (too_long()) return;
    while (leaves_ != none) {
      bpf::Instruction& jump = out_[leaves_];
      const std::uint32_t back = static_cast<std::uint16_t>(jump.offset), here = leaves_;
      leaves_ = back == 0 ? none : here - back;
      jump.offset = static_cast<std::int16_t>(at_ - here - 1);
    }
  }
  void finish(std::uint32_t value) {
    emit(bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, value));
    emit(bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0));
  }

  static std::optional<SumFault> check(const Atom& atom) {
    if (atom.relation > Relation::at_most) return SumFault::unknown_relation;
    if (atom.left.what != Term::What::word && atom.left.what != Term::What::time) return SumFault::bad_term;
    if (atom.right.what != Term::What::word && atom.right.what != Term::What::constant) return SumFault::bad_term;
    for (const Term& term : {atom.left, atom.right})
      if (term.what == Term::What::word && term.value >= abi::max_watch_words) return SumFault::no_such_word;
    return std::nullopt;
  }
  std::optional<SumFault> add(const Atom& atom) {
    if (const auto fault = check(atom)) return fault;
    if (atom.left.what == Term::What::time) load_time();
    else load_word(left, atom.left.value);
    mask_left(atom.mask);
    const bool short_constant = atom.right.what == Term::What::constant && is_short(atom.right.value);
    if (atom.right.what == Term::What::word) load_word(right, atom.right.value);
    else if (!short_constant) load_constant(right, atom.right.value);
    leave_unless(atom.relation, !short_constant, atom.right.value);
    return std::nullopt;
  }

  std::span<bpf::Instruction> out_;
  bool keeps_words_;
  std::uint32_t at_ = 0, words_ = 0, leaves_ = none;
};

}  // namespace

base::Expected<abi::ProgramHeader, SumFailure> compile(Sum sum, std::span<abi::bpf::Instruction> out) {
  Compiler compiler{sum, out};
  if (const auto failure = compiler.run(sum)) return base::Unexpected{*failure};
  abi::ProgramHeader header{};
  header.kind = abi::ProgramKind::predicate;
  header.length = compiler.length();
  header.code = reinterpret_cast<std::uint64_t>(out.data());
  header.steps = compiler.length();  // it only goes forward
  header.min_context = compiler.words() * 8;
  return header;
}

std::uint64_t next_time(Sum sum, std::uint64_t after) {
  std::uint64_t first = everything;
  for (const Product product : sum)
    for (const Atom& atom : product)
      if (atom.left.what == Term::What::time && atom.right.what == Term::What::constant && atom.right.value > after)
        first = std::min(first, atom.right.value);
  return first;
}

}  // namespace parts::program
