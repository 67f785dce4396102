// SPDX-License-Identifier: MIT
// Downloaded code: kinds of programs, what each gets to see, limits, and why one is refused.
//
// A program is eBPF (abi/bpf.hpp). It starts with r1 = its context and r2 = the context's length in bytes, and its value
// is r0. Pointers are offsets into a region (the context, the stack, one of the program's data regions); which region it
// is must be known for every access when the program is loaded, so no register ever holds an address of the kernel's.
// A data region `i` is reached by the 64-bit immediate with source 2 or 6: region in the first immediate, offset in the
// second; the other forms but the plain one are refused.
#pragma once

#include "abi/bpf.hpp"
#include "abi/types.hpp"

namespace abi {

enum class ProgramKind : std::uint32_t {
  predicate = 1,  // when does a sleeper wake? Context: 64-bit words, read-only. Value not 0: now.
  filter = 2,     // whose is a packet? Context: its bytes, read-only. Value: how much of it is wanted, 0: not mine.
  function = 3,   // what does a block own, what does a handler answer? Context: bytes, writable.
};

// Functions of the kernel that a program may call, by number.
enum class ProgramHelper : std::uint32_t {
  now = 1,        // r0 = nanoseconds since the machine started, as of the program's start
  caller = 2,     // r0 = frame number of the env for which it runs
};

inline constexpr std::uint32_t max_program_length = 4096;   // instructions
inline constexpr std::uint32_t max_program_regions = 4;
inline constexpr std::uint32_t max_region_frames = 512;
inline constexpr std::uint32_t max_program_functions = 32;
inline constexpr std::uint32_t max_program_calls = 512;     // call instructions to functions of the program
inline constexpr std::uint32_t max_program_depth = 8;       // functions open at a time
inline constexpr std::uint32_t program_frame_size = 512;    // stack of one function
inline constexpr std::uint32_t program_stack_size = max_program_depth * program_frame_size;

// What the kind gives. `steps`: the most that a program may ask for. `room`: bytes that are readable behind every context,
// however short it is (they are 0 or stale bytes of the same context).
struct ProgramRules {
  std::uint32_t max_context;
  std::uint32_t room;
  std::uint32_t max_steps;
  std::uint32_t helpers;           // bit per ProgramHelper
  bool writable;
};
[[nodiscard]] constexpr const ProgramRules* rules_of(ProgramKind kind) {
  constexpr std::uint32_t helpers = 1u << static_cast<std::uint32_t>(ProgramHelper::now) |
                                    1u << static_cast<std::uint32_t>(ProgramHelper::caller);
  static constexpr ProgramRules predicate{128, 128, 1024, helpers, false}, filter{65536, 64, 16384, helpers, false},
      function{4096, 64, 32768, helpers, true};
  switch (kind) {
    case ProgramKind::predicate: return &predicate;
    case ProgramKind::filter: return &filter;
    case ProgramKind::function: return &function;
  }
  return nullptr;
}

// A run of plain frames of the paying account; pinned while the program lives, and seen by nobody else through it.
struct ProgramRegion {
  std::uint64_t first;
  std::uint32_t count;             // frames; 1 .. max_region_frames
  std::uint32_t writable;          // 0 or 1
};
static_assert(sizeof(ProgramRegion) == 16);

// What program_load reads. A step is an instruction; see ProgramEnd::steps.
struct ProgramHeader {
  ProgramKind kind;
  std::uint32_t length;            // instructions
  std::uint64_t code;              // their address
  std::uint32_t steps;             // limit of a run
  std::uint32_t min_context;       // shorter contexts are not for this program (its value is then 0)
  std::uint32_t region_count;
  std::uint32_t reserved;          // 0
  ProgramRegion regions[max_program_regions];
};
static_assert(sizeof(ProgramHeader) == 96);

// How a run ended. All but `value` give the value 0.
enum class ProgramEnd : std::uint32_t {
  value = 0,    // by exit of the first function
  outside = 1,  // an access behind the end of the context, or an atomic one that was not aligned
  steps = 2,    // the step limit. Counted by distance: the first function's length at the start, a called function's length
                // at each call, and the instructions jumped back over at each backward jump that is taken
};

// What program_read tells.
struct ProgramInfo {
  ProgramKind kind;
  std::uint32_t length;
  std::uint32_t state;             // ProgramState
  std::uint32_t refusal;           // Refusal, when refused
  std::uint32_t refused_at;        // instruction
  std::uint32_t code_bytes;        // of native code
  std::uint64_t frames;            // that it takes, its own included
  std::uint64_t runs;
  std::uint64_t steps;             // of all runs, as they are counted (ProgramEnd::steps)
  std::uint64_t outside;           // runs that ended so
  std::uint64_t exhausted;         // runs that met the step limit
  std::uint64_t run_ns;            // time of all runs
};
static_assert(sizeof(ProgramInfo) == 72);
enum class ProgramState : std::uint32_t { loading = 0, ready = 1, refused = 2 };

// The value of program_verify, when it is done.
struct ProgramVerdict {
  ProgramState state;
  std::uint32_t refusal;     // Refusal
  std::uint32_t refused_at;  // instruction
  [[nodiscard]] constexpr std::uint64_t pack() const {
    return static_cast<std::uint64_t>(state) | std::uint64_t{refusal} << 8 | std::uint64_t{refused_at} << 32;
  }
  [[nodiscard]] static constexpr ProgramVerdict unpack(std::uint64_t raw) {
    return {static_cast<ProgramState>(raw & 0xff), static_cast<std::uint32_t>(raw >> 8 & 0xff),
            static_cast<std::uint32_t>(raw >> 32)};
  }
};

// What program_run writes for each context.
struct ProgramResult {
  std::uint64_t value;
  std::uint64_t end;         // ProgramEnd
};
static_assert(sizeof(ProgramResult) == 16);
inline constexpr std::uint32_t max_program_records = 64;     // contexts of one program_run
inline constexpr std::uint32_t max_program_bytes = 4096;     // of all of them
inline constexpr std::uint32_t program_run_steps = 32768;    // one program_run begins no context after so many steps

// Why a program is refused; goes with the number of the instruction. Append only.
enum class Refusal : std::uint32_t {
  none = 0,
  bad_header = 1,             // unknown kind, or a number in the header out of its range
  bad_opcode = 2,             // no instruction of RFC 9669
  reserved_field = 3,         // a field that the instruction does not use is not 0, or has no such value
  bad_register = 4,           // above r10, or r10 as a destination
  bad_immediate_form = 5,     // a 64-bit immediate cut short, or of a form or region that there is not
  legacy_load = 6,            // packet access of classic BPF
  jump_outside = 7,           // out of the function
  jump_inside_immediate = 8,  // to the second half of a 64-bit immediate
  falls_through = 9,          // control runs past the end of a function
  unknown_helper = 10,        // not a function of this kind
  too_many_functions = 11,    // or calls
  recursion = 12,             // or calls deeper than max_program_depth
  endless = 13,               // no way to the end
  steps_too_few = 14,         // the program alone is longer than its step limit
  uninitialised_register = 15,
  uninitialised_stack = 16,
  pointer_arithmetic = 17,    // other than adding to it, or taking the distance within one region
  pointer_comparison = 18,    // with what is no pointer into the same region
  pointer_leak = 19,          // a pointer stored elsewhere than in a whole stack word, or returned
  unclear_pointer = 20,       // different ways here leave different things in the register
  not_a_pointer = 21,
  outside_stack = 22,
  outside_region = 23,        // of a data region or the context
  read_only = 24,
  outer_stack = 25,           // a called function uses its caller's stack
  too_complex = 26,           // the verifier's steps or memory are used up
};
inline constexpr std::uint32_t refusal_count = 27;

[[nodiscard]] constexpr std::string_view describe(Refusal refusal) {
  constexpr std::array<std::string_view, refusal_count> texts{
      "accepted", "bad header", "no such instruction", "a reserved field is not 0", "no such register, or r10 is written",
      "64-bit immediate of an unknown form", "packet load of classic BPF", "jump out of the function",
      "jump into a 64-bit immediate", "control runs past the end of the function", "no such helper function",
      "too many functions or calls", "recursion, or calls too deep", "no way to the end", "step limit below the length",
      "register read before it is written", "stack read before it is written", "pointer arithmetic",
      "pointer compared with something else", "pointer stored or returned", "register holds different things on different ways",
      "not a pointer", "outside the stack", "outside the region", "region is read-only", "stack of the calling function",
      "too complex"};
  const auto index = static_cast<std::size_t>(refusal);
  return index < texts.size() ? texts[index] : "unknown";
}
[[nodiscard]] constexpr std::string_view name(Refusal refusal) {
  constexpr std::array<std::string_view, refusal_count> names{
      "none", "bad_header", "bad_opcode", "reserved_field", "bad_register", "bad_immediate_form", "legacy_load",
      "jump_outside", "jump_inside_immediate", "falls_through", "unknown_helper", "too_many_functions", "recursion",
      "endless", "steps_too_few", "uninitialised_register", "uninitialised_stack", "pointer_arithmetic",
      "pointer_comparison", "pointer_leak", "unclear_pointer", "not_a_pointer", "outside_stack", "outside_region",
      "read_only", "outer_stack", "too_complex"};
  const auto index = static_cast<std::size_t>(refusal);
  return index < names.size() ? names[index] : "unknown";
}

}  // namespace abi
