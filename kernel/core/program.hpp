// SPDX-License-Identifier: MIT
// Programs: downloaded code as objects. The object's frame holds what is known of it; while it is loaded a run of frames
// beside it holds the copied bytecode and the verifier, later another one the native code. All are the payer's, and in
// the frame table they name the program. What a program may do is decided in kernel/program alone.
// Invariants: code is written while it cannot be executed, and executed while nothing can write it; `ready` exactly when
// there is code; a program that a processor is inside of without the lock does not end.
#pragma once

#include "kernel/core/account.hpp"
#include "kernel/program/run.hpp"

namespace aegis {

// Memory of one processor for the runs that it makes; behind the contexts lie `room` readable bytes.
struct ProgramRoom {
  program::Run run;
  alignas(64) std::byte contexts[abi::max_program_bytes + 128];
  abi::ProgramResult results[abi::max_program_records];
  // The context of a predicate. Behind its words lie zeros, so that whatever the processor guesses it sees no other's words.
  alignas(64) std::uint64_t words[2 * abi::max_watch_words];
  std::uint32_t words_used;
  void forget_words_from(std::uint32_t count) {
    for (std::uint32_t i = count; i < words_used; ++i) words[i] = 0;
    words_used = count;
  }
};

struct Program {
  abi::ProgramHeader header{};
  abi::ProgramState state = abi::ProgramState::loading;
  abi::Refusal refusal{};
  std::uint32_t refused_at = 0;
  bool dying = false, taken = false;         // taken: force has begun to end it
  std::uint32_t work = 0, work_frames = 0;   // what loading needs
  std::uint32_t code = 0, code_frames = 0;   // native
  std::uint32_t code_bytes = 0, entry = 0;
  std::uint32_t first_length = 0;            // of its first function
  std::uint32_t inside = 0;                  // processors that run it without the lock
  abi::ProgramEntry* info = nullptr;         // its counters, of which there is no other copy: in the information pages

  // The header's numbers are checked as far as memory depends on them; its code is copied by the caller, into code_copy().
  [[nodiscard]] static Result<Program*> create(Kernel& k, Account& payer, const abi::ProgramHeader& header, FrameNumber where);
  [[nodiscard]] std::span<abi::bpf::Instruction> code_copy() const;
  void begin_verifying();  // the code is there

  // A bounded piece of the way to a verdict; `again` until there is one.
  [[nodiscard]] Status advance(Kernel& k);
  // Nobody can use it any more; `again` while envs sleep on it or a processor is inside of it.
  [[nodiscard]] Status wind_down(Kernel& k, std::uint64_t& budget);
  [[nodiscard]] Status destroy(Kernel& k, std::uint64_t& budget);  // `again` as wind_down
  [[nodiscard]] abi::ProgramInfo read() const;
  [[nodiscard]] abi::ProgramVerdict verdict() const {
    return {state, static_cast<std::uint32_t>(refusal), refused_at};
  }

  // Makes `room` fit for runs of this program, and runs it. The lock need not be held; what happened is counted after.
  struct Tally {
    void note_end(std::uint64_t end) { ++(static_cast<abi::ProgramEnd>(end) == abi::ProgramEnd::steps ? exhausted : outside); }
    std::uint64_t runs = 0, steps = 0, outside = 0, exhausted = 0;
  };
  void enter(program::Run& run, std::uint64_t caller) const;
  // On contexts of `size` bytes that lie one behind the other; `results` are zeros. Begins none after program_run_steps; answers
  // how many were run.
  std::uint32_t execute(program::Run& run, std::byte* contexts, std::uint32_t size, std::span<abi::ProgramResult> results, Tally& tally) const;
  void count(const Tally& tally, std::uint64_t ns);

 private:
  [[nodiscard]] Status make_code(Kernel& k);
  void set_state(abi::ProgramState to);
  void release_work(Kernel& k);
};
static_assert(sizeof(Program) <= abi::page_size);

template <> struct ObjectTraits<Program> {
  static constexpr Kind kind = Kind::program;
  static constexpr FrameUse use = FrameUse::program;
  using Right = abi::ProgramRight;
};

}  // namespace aegis
