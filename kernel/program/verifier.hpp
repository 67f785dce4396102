// SPDX-License-Identifier: MIT
// Decides whether a program can do harm. It follows every way through the program at once, knowing for each register and
// stack word a superset of what it can hold (state.hpp), until nothing new is learnt. It accepts only when every access
// goes to a known region, inside it (accesses to the context's end are checked when they happen), every value read was
// written, and no pointer leaves. That a run ends is not proved but enforced: native code counts (ProgramEnd::steps).
//
// All memory is the caller's; the work is cut into pieces by advance(). What it learnt of each instruction lies in notes
// for the generator of native code, which does not rely on them for confinement.
#pragma once

#include "kernel/program/state.hpp"

namespace aegis::program {

namespace note {
inline constexpr std::uint8_t tail = 1;      // second half of a 64-bit immediate
inline constexpr std::uint8_t target = 2;    // a jump leads here, or a call
inline constexpr std::uint8_t start = 4;     // of a function
inline constexpr std::uint8_t reached = 8;
inline constexpr std::uint8_t moves = 16;    // the access's offset is not always the same
inline constexpr std::uint8_t may_end = 32;  // the context may end before the access does
inline constexpr std::uint8_t dirty = 64;    // its kept state has changed since it was last followed
inline constexpr std::uint8_t loop = 128;    // a backward jump leads here
}  // namespace note

struct Note {
  std::uint32_t state = 0;     // offset of the kept state in the workspace; 0: none
  std::uint32_t offset = 0;    // of an access that never moves
  Region region = Region::none;
  std::uint8_t flags = 0;
  [[nodiscard]] bool has(unsigned flag) const { return (flags & flag) != 0; }
  void set(unsigned flag) { flags = static_cast<std::uint8_t>(flags | flag); }
  void clear(unsigned flag) { flags = static_cast<std::uint8_t>(flags & ~flag); }
};
static_assert(sizeof(Note) == 12);

// The functions of a program: contiguous, the first at 0.
struct Functions {
  std::uint32_t count = 0;
  std::array<std::uint32_t, abi::max_program_functions + 1> start{};  // and the program's end behind the last
  std::array<std::uint8_t, abi::max_program_functions> depth{};       // of calls, at most
  [[nodiscard]] std::uint32_t length(std::uint32_t f) const { return start[f + 1] - start[f]; }
  [[nodiscard]] std::uint32_t at(std::uint32_t instruction) const {
    const auto* next = std::upper_bound(start.data(), start.data() + count, instruction);
    return static_cast<std::uint32_t>(next - start.data()) - 1;
  }
};

enum class Progress : std::uint8_t { more, accepted, refused };

class Verifier {
 public:
  // `code` must not change, and `workspace` (8-byte aligned) is kept, until the verdict.
  Verifier(const abi::ProgramHeader& header, std::span<const bpf::Instruction> code, std::span<std::byte> workspace);
  // What is needed besides the states, which grow with jumps and use of the stack.
  [[nodiscard]] static std::size_t least_workspace(std::size_t length) { return (length + 1) * sizeof(Note); }

  // Goes on for about `steps` instructions, and takes them off.
  [[nodiscard]] Progress advance(std::uint64_t& steps);

  [[nodiscard]] Refusal refusal() const { return refusal_; }
  [[nodiscard]] std::uint32_t refused_at() const { return refused_at_; }
  [[nodiscard]] const State& state() const { return now_; }  // where it stopped: explains a refusal
  [[nodiscard]] const Functions& functions() const { return functions_; }
  [[nodiscard]] std::span<const Note> notes() const { return {notes_, code_.size()}; }
  [[nodiscard]] std::uint64_t work() const { return work_; }  // instructions looked at so far
  [[nodiscard]] std::size_t workspace_used() const { return used_; }

 private:
  enum class Phase : std::uint8_t { encoding, functions, control, depth, flow, accepted, refused };
  enum class Access : std::uint8_t { load, store, update };

  bool refuse(Refusal reason) { return refuse(reason, pc_); }
  bool refuse(Refusal reason, std::uint32_t at);  // always false
  [[nodiscard]] bool check_header();

  // structure.cpp: each instruction by itself, then where control can go.
  [[nodiscard]] bool check_encoding();
  [[nodiscard]] bool check_fields(bpf::Instruction at);
  [[nodiscard]] bool check_arithmetic(bpf::Instruction at);
  [[nodiscard]] bool check_jump(bpf::Instruction at);
  [[nodiscard]] bool check_memory(bpf::Instruction at);
  [[nodiscard]] bool check_wide_immediate(bpf::Instruction at);
  [[nodiscard]] bool check_call(bpf::Instruction at);
  [[nodiscard]] bool find_functions();
  void begin_control();
  [[nodiscard]] bool check_control();
  void note_thresholds(bpf::Instruction at);
  [[nodiscard]] bool find_depths();

  // flow.cpp: what can be in registers and memory.
  void begin_flow();
  [[nodiscard]] bool follow();       // one instruction, or the choice of the next place to go on
  [[nodiscard]] bool resume_somewhere();
  [[nodiscard]] bool step();
  [[nodiscard]] bool arrive(std::uint32_t target);
  [[nodiscard]] bool fall_to(std::uint32_t next);
  [[nodiscard]] bool branch();
  [[nodiscard]] bool call();
  [[nodiscard]] bool leave();
  [[nodiscard]] bool arithmetic();
  [[nodiscard]] bool pointer_arithmetic(const Value& a, const Value& b);
  [[nodiscard]] bool load_wide_immediate();
  [[nodiscard]] bool usable(std::uint8_t number);
  [[nodiscard]] Value get(std::uint8_t number) const;
  [[nodiscard]] Value operand() const;

  // access.cpp
  [[nodiscard]] bool load();
  [[nodiscard]] bool store(const Value& value);
  [[nodiscard]] bool atomic();
  [[nodiscard]] bool check_access(const Value& pointer, Access access, Range& offset);
  [[nodiscard]] bool check_bounds(Region region, const Range& offset, std::uint32_t size);
  [[nodiscard]] bool note_access(Region region, const Range& offset, std::uint32_t size);
  [[nodiscard]] bool read_stack(const Range& offset, std::uint32_t size, Value& value);
  void write_stack(const Range& offset, std::uint32_t size, const Value& value);
  [[nodiscard]] Value& stack_word(std::uint32_t index);
  [[nodiscard]] std::uint64_t frame_top() const;

  [[nodiscard]] State& kept(const Note& note) { return *reinterpret_cast<State*>(workspace_.data() + note.state); }

  abi::ProgramHeader header_;
  abi::ProgramRules rules_{};
  std::span<const bpf::Instruction> code_;
  std::span<std::byte> workspace_;
  Note* notes_;
  std::size_t used_ = 0;
  Phase phase_ = Phase::encoding;
  Refusal refusal_ = Refusal::none;
  std::uint32_t refused_at_ = 0;
  std::uint64_t work_ = 0, work_limit_ = 0;

  std::uint32_t pc_ = 0;
  Functions functions_;
  std::uint32_t function_ = 0;
  struct Edge {
    std::uint16_t at, target;
  };
  std::array<Edge, abi::max_program_calls> edges_;
  std::uint32_t edge_count_ = 0;
  Thresholds thresholds_;

  State now_;
  bool flowing_ = false, can_end_ = false;
  std::uint32_t lowest_dirty_ = 0;
};

}  // namespace aegis::program
