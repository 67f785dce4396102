// SPDX-License-Identifier: MIT
// Programs that mean harm. Each is refused for the reason expected, or accepted and harmless: then its run ends as said,
// the same in the interpreter and in native code, and nothing beside its memory has changed (harness.cpp looks).
#include <gtest/gtest.h>

#include "tests/program/harness.hpp"

namespace program_test {
namespace {

using namespace code;
using namespace bpf;
using R = Refusal;

constexpr unsigned B = bpf::byte, H = half, W = word, D = double_word;

struct Hostile {
  const char* name;
  Code code;
  Refusal refusal;
  ProgramEnd end = ProgramEnd::value;  // of what is accepted
  std::uint64_t value = 0;
};

Code operator+(Code a, const Code& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Code wide_of(unsigned dst, std::uint64_t value, unsigned form = 0) {
  Code c;
  code::wide(c, dst, value, form);
  return c;
}
// A pointer to data region 0 (writable) or 1 (not), each of one page.
Code region(unsigned dst, std::uint32_t which = 0, std::uint32_t at = 0) {
  return wide_of(dst, std::uint64_t{at} << 32 | which, imm_map_value_index);
}
const Code done{mov(0, 0), code::exit()};

std::vector<Hostile> programs() {
  std::vector<Hostile> all{
      // --- what is no program
      {"unknown ALU operation", {make(bpf::alu64 | 0xe0, 0, 0, 0, 0), code::exit()}, R::bad_opcode},
      {"unknown jump", {mov(0, 0), make(jmp | 0xe0, 0, 0, 0, 0), code::exit()}, R::bad_opcode},
      {"exit in the 32-bit group", {mov(0, 0), make(jmp32 | bpf::exit, 0, 0, 0, 0)}, R::bad_opcode},
      {"call through a register", {make(jmp | bpf::call | by_x, 0, 0, 0, 1), code::exit()}, R::bad_opcode},
      {"sign-extending load of 64 bits", {make(ldx | memsx | D, 0, 1, 0, 0), code::exit()}, R::bad_opcode},
      {"atomic byte", {mov(0, 0), make(stx | atomic | B, 10, 0, -8, bpf::add), code::exit()}, R::bad_opcode},
      {"unknown atomic operation", {mov(0, 0), update(D, 10, -8, 0, 0x77), code::exit()}, R::reserved_field},
      {"offset in an addition", {mov(0, 0), alu64(bpf::add, 0, 1, 5), code::exit()}, R::reserved_field},
      {"immediate beside a register", {mov(0, 0), make(bpf::alu64 | bpf::add | by_x, 0, 0, 0, 5), code::exit()}, R::reserved_field},
      {"byte order of 24 bits", {mov(0, 0), make(alu | bpf::end, 0, 0, 0, 24), code::exit()}, R::reserved_field},
      {"move that extends 12 bits", {mov(0, 0), alu64x(bpf::mov, 0, 0, 12), code::exit()}, R::reserved_field},
      {"register 11", {mov(11, 0), code::exit()}, R::bad_register},
      {"source register 15", {mov(0, 0), movx(0, 15), code::exit()}, R::bad_register},
      {"moving the frame", {mov(10, 0), code::exit()}, R::bad_register},
      {"loading into the frame register", {load(D, 10, 1, 0), code::exit()}, R::bad_register},
      {"exchanging the frame register", {mov(0, 0), update(D, 1, 0, 10, atomic_exchange), code::exit()}, R::bad_register},
      {"packet load, absolute", {make(ld | bpf::abs | W, 0, 0, 0, 12), code::exit()}, R::legacy_load},
      {"packet load, indirect", {make(ld | ind | B, 0, 1, 0, 0), code::exit()}, R::legacy_load},
      {"half an immediate at the end", {make(load_immediate, 0, 0, 0, 1)}, R::bad_immediate_form},
      {"half an immediate before something else", {make(load_immediate, 0, 0, 0, 1), code::exit()}, R::bad_immediate_form},
      {"address of a kernel variable", wide_of(0, 5, imm_variable) + done, R::bad_immediate_form},
      {"address of code", wide_of(0, 5, imm_code) + done, R::bad_immediate_form},
      {"a map by descriptor", wide_of(0, 0, imm_map) + done, R::bad_immediate_form},
      {"a region that there is not", wide_of(0, 2, imm_map_value_index) + done, R::bad_immediate_form},
      {"a form beyond the list", wide_of(0, 2, 7) + done, R::bad_immediate_form},
      // --- control
      {"nothing at all", {}, R::bad_header},
      {"runs off the end", {mov(0, 0)}, R::falls_through},
      {"conditional jump at the end", {mov(0, 0), when(jeq, 0, 0, -2)}, R::falls_through},
      {"jump before the start", {mov(0, 0), jump(-3), code::exit()}, R::jump_outside},
      {"jump behind the end", {mov(0, 0), jump(1), code::exit()}, R::jump_outside},
      {"long jump far out", {mov(0, 0), make(jmp32 | ja, 0, 0, 0, 0x7fffffff), code::exit()}, R::jump_outside},
      {"jump into an immediate", Code{jump(1)} + wide_of(0, 0x95) + Code{code::exit()}, R::jump_inside_immediate},
      {"call into an immediate", Code{code::call(1)} + wide_of(0, 0x95) + Code{code::exit()}, R::jump_inside_immediate},
      {"jump into another function", {code::call(2), jump(2), code::exit(), mov(0, 0), code::exit()}, R::jump_outside},
      {"fall into another function", {code::call(1), mov(0, 0), mov(0, 1), code::exit()}, R::falls_through},
      {"call outside", {code::call(100), code::exit()}, R::jump_outside},
      {"helper that there is not", {helper(3), code::exit()}, R::unknown_helper},
      {"helper with a negative number", {helper(-1), code::exit()}, R::unknown_helper},
      {"function by type id", {make(jmp | bpf::call, 0, call_typed, 0, 1), code::exit()}, R::unknown_helper},
      {"recursion", {code::call(1), code::exit(), code::call(-1), code::exit()}, R::recursion},
      {"calls itself as the first function", {mov(0, 0), code::call(-2), code::exit()}, R::recursion},
      {"no way out", {mov(0, 0), jump(-1)}, R::endless},
      {"no way out, exit never reached", {mov(0, 0), jump(-1), code::exit()}, R::endless},
      {"exit behind an impossible test", {mov(0, 0), when(jeq, 0, 1, 1), jump(-2), code::exit()}, R::endless},
      {"endless unless the unlikely", {load(D, 0, 1, 0), when(jne, 0, 77, -2), code::exit()}, R::none, ProgramEnd::steps},
      {"loop of 2^64 rounds", {mov(0, 0), alu64(bpf::add, 0, 1), when(jne, 0, 0, -2), code::exit()}, R::none, ProgramEnd::steps},
      {"nested loops", {mov(0, 0), mov(3, 0), alu64(bpf::add, 3, 1), when(jlt, 3, 60000, -2), alu64(bpf::add, 0, 1),
                        when(jlt, 0, 60000, -5), code::exit()}, R::none, ProgramEnd::steps},
      {"ends in a function that uses the kernel's registers", {code::call(1), code::exit(), mov(6, 1), mov(7, 2), mov(8, 3), mov(9, 4), load(D, 0, 1, 100),
                        code::exit()}, R::none, ProgramEnd::outside},
      {"runs out of steps there", {code::call(1), code::exit(), mov(6, 1), mov(7, 2), mov(8, 3), mov(9, 4), load(B, 0, 1, 0), when(jne, 0, 1, -2),
                        code::exit()}, R::none, ProgramEnd::steps},
      // --- registers
      {"return nothing", {code::exit()}, R::uninitialised_register},
      {"read an unset register", {movx(0, 3), code::exit()}, R::uninitialised_register},
      {"set on one way only", {load(D, 3, 1, 0), when(jeq, 3, 0, 1), mov(0, 1), code::exit()}, R::uninitialised_register},
      {"argument after a helper", {helper(1), movx(0, 1), code::exit()}, R::uninitialised_register},
      {"a caller's register in a function", {mov(6, 1), code::call(1), code::exit(), movx(0, 6), code::exit()}, R::uninitialised_register},
      {"function that returns nothing", {code::call(1), code::exit(), code::exit()}, R::uninitialised_register},
      {"compare-and-exchange without r0", {mov(3, 1), store_k(D, 10, -8, 0), update(D, 10, -8, 3, atomic_compare), mov(0, 0), code::exit()},
       R::uninitialised_register},
      // --- the stack
      {"read before writing", {load(D, 0, 10, -8), code::exit()}, R::uninitialised_stack},
      {"read half of what was written", {store_k(W, 10, -8, 1), load(D, 0, 10, -8), code::exit()}, R::uninitialised_stack},
      {"atomic on unwritten stack", {mov(0, 1), update(D, 10, -8, 0, bpf::add), code::exit()}, R::uninitialised_stack},
      {"written on one way only", {load(D, 3, 1, 0), when(jeq, 3, 0, 1), store_k(D, 10, -8, 1), load(D, 0, 10, -8), code::exit()},
       R::uninitialised_stack},
      {"stack of an earlier function", {code::call(2), code::call(4), code::exit(), store_k(D, 10, -8, 1), mov(0, 0), code::exit(),
                                        load(D, 0, 10, -8), code::exit()}, R::uninitialised_stack},
      {"above the stack", {store_k(D, 10, 0, 1), mov(0, 0), code::exit()}, R::outside_stack},
      {"across the top", {store_k(D, 10, -4, 1), mov(0, 0), code::exit()}, R::outside_stack},
      {"below the stack", {store_k(D, 10, -520, 1), mov(0, 0), code::exit()}, R::outside_stack},
      {"one byte below", {store_k(B, 10, -513, 1), mov(0, 0), code::exit()}, R::outside_stack},
      {"anywhere in the stack", {load(D, 3, 1, 0), movx(4, 10), alu64x(bpf::sub, 4, 3), store_k(B, 4, 0, 1), mov(0, 0), code::exit()},
       R::outside_stack},
      {"a caller's stack", {store_k(D, 10, -8, 1), movx(1, 10), code::call(1), code::exit(), load(D, 0, 1, -8), code::exit()}, R::outer_stack},
      {"a caller's stack from above", {store_k(D, 10, -8, 1), code::call(1), code::exit(), load(D, 0, 10, -520), code::exit()},
       R::outside_stack},
      // --- pointers as numbers
      {"return a pointer", {movx(0, 1), code::exit()}, R::pointer_leak},
      {"return the frame", {movx(0, 10), code::exit()}, R::pointer_leak},
      {"store a pointer in the context", {store(D, 1, 0, 10), mov(0, 0), code::exit()}, R::pointer_leak},
      {"store a pointer in a region", region(3) + Code{store(D, 3, 0, 1), mov(0, 0), code::exit()}, R::pointer_leak},
      {"spill half a pointer", {store(W, 10, -8, 1), mov(0, 0), code::exit()}, R::pointer_leak},
      {"spill a pointer askew", {store_k(D, 10, -16, 0), store(D, 10, -12, 1), mov(0, 0), code::exit()}, R::pointer_leak},
      {"read half of a spilled pointer", {store(D, 10, -8, 1), load(W, 0, 10, -8), code::exit()}, R::pointer_leak},
      {"read a spilled pointer byte by byte", {store(D, 10, -8, 1), load(B, 0, 10, -1), code::exit()}, R::pointer_leak},
      {"exchange a pointer into memory", {store_k(D, 10, -8, 0), movx(3, 1), update(D, 10, -8, 3, atomic_exchange), mov(0, 0), code::exit()},
       R::pointer_leak},
      {"add to a spilled pointer", {store(D, 10, -8, 1), mov(3, 4096), update(D, 10, -8, 3, bpf::add), load(D, 4, 10, -8), mov(0, 0),
                                    code::exit()}, R::pointer_leak},
      {"a function returns a pointer", {code::call(1), code::exit(), movx(0, 10), code::exit()}, R::pointer_leak},
      {"multiply a pointer", {alu64(bpf::mul, 1, 2), mov(0, 0), code::exit()}, R::pointer_arithmetic},
      {"mask a pointer", {alu64(bpf::bit_and, 1, -4096), mov(0, 0), code::exit()}, R::pointer_arithmetic},
      {"negate a pointer", {alu64(neg, 1, 0), mov(0, 0), code::exit()}, R::pointer_arithmetic},
      {"swap a pointer's bytes", {make(bpf::alu64 | bpf::end, 1, 0, 0, 64), mov(0, 0), code::exit()}, R::pointer_arithmetic},
      {"half a pointer", {alu32x(bpf::mov, 0, 1), code::exit()}, R::pointer_arithmetic},
      {"sum of pointers", {alu64x(bpf::add, 1, 10), mov(0, 0), code::exit()}, R::pointer_arithmetic},
      {"distance between regions", {alu64x(bpf::sub, 1, 10), movx(0, 1), code::exit()}, R::pointer_arithmetic},
      {"number minus pointer", {mov(0, 9), alu64x(bpf::sub, 0, 1), code::exit()}, R::pointer_arithmetic},
      {"guess a pointer by comparing", {mov(0, 0), when(jgt, 1, 4096, 0), code::exit()}, R::pointer_comparison},
      {"compare half a pointer", {mov(0, 0), when32(jeq, 1, 0, 0), code::exit()}, R::pointer_comparison},
      {"compare pointers of two regions", {mov(0, 0), whenx(jlt, 1, 10, 0), code::exit()}, R::pointer_comparison},
      // --- numbers as pointers
      {"a constant as a pointer", wide_of(3, 0xffff'ffff'8000'0000) + Code{load(D, 0, 3, 0), code::exit()}, R::not_a_pointer},
      {"the length as a pointer", {load(D, 0, 2, 0), code::exit()}, R::not_a_pointer},
      {"a number from memory as a pointer", {load(D, 3, 1, 0), load(D, 0, 3, 0), code::exit()}, R::not_a_pointer},
      {"pointer on one way, number on the other", {load(D, 3, 1, 0), movx(4, 1), when(jeq, 3, 0, 1), movx(4, 3), load(B, 0, 4, 0), code::exit()},
       R::unclear_pointer},
      {"two regions, one access", {load(D, 3, 1, 0), movx(4, 1), when(jeq, 3, 0, 1), movx(4, 10), load(B, 0, 4, -1), code::exit()},
       R::unclear_pointer},
      {"mixed through a spill", {load(D, 3, 1, 0), store(D, 10, -8, 1), when(jeq, 3, 0, 1), store(D, 10, -8, 3), load(D, 4, 10, -8),
                                 load(B, 0, 4, 0), code::exit()}, R::unclear_pointer},
      {"spilled pointer overwritten at an unknown place", {load(B, 3, 1, 0), alu64(bpf::bit_and, 3, 15), store(D, 10, -8, 1),
                                 store_k(D, 10, -16, 0), movx(4, 10), alu64(bpf::add, 4, -16), alu64x(bpf::add, 4, 3), store_k(B, 4, 0, 7),
                                 load(D, 5, 10, -8), load(B, 0, 5, 0), code::exit()}, R::unclear_pointer},
      // --- bounds of regions
      {"behind a region", region(3, 0, 4096) + Code{load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"across a region's end", region(3) + Code{load(D, 0, 3, 4089), code::exit()}, R::outside_region},
      {"before a region", region(3) + Code{load(B, 0, 3, -1), code::exit()}, R::outside_region},
      {"any index", Code{load(D, 4, 1, 0)} + region(3) + Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"bound that is one too large", Code{load(D, 4, 1, 0), mov(0, 0), when(jgt, 4, 4096, 4)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"signed bound only", Code{load(D, 4, 1, 0), mov(0, 0), when(jsgt, 4, 100, 4)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"32-bit bound of a 64-bit index", Code{load(D, 4, 1, 0), mov(0, 0), when32(jgt, 4, 100, 4)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"unsigned wrap of an index", Code{load(B, 4, 1, 0), alu64(bpf::sub, 4, 1)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"32-bit wrap of an index", Code{load(B, 4, 1, 0), alu32(bpf::sub, 4, 1)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"sign extension of an index", Code{make(ldx | memsx | B, 4, 1, 0, 0)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"shift that overflows", Code{load(B, 4, 1, 0), alu64(lsh, 4, 60)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"shift by a register", Code{load(B, 4, 1, 0), load(B, 5, 1, 1), alu64x(lsh, 4, 5)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"product that wraps", Code{load(D, 4, 1, 0), mov(0, 0), when(jgt, 4, 100, 6), alu64x(bpf::mul, 4, 4), alu64x(bpf::mul, 4, 4)} +
                                 region(3) + Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"arithmetic shift of a negative", Code{load(D, 4, 1, 0), alu64(arsh, 4, 60)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"signed remainder", Code{load(D, 4, 1, 0), alu64(mod, 4, 100, 1)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"remainder by what may be 0", Code{load(D, 4, 1, 0), load(B, 5, 1, 8), alu64x(mod, 4, 5)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"loop past a region", region(3) + Code{mov(4, 0), store_k(B, 3, 0, 1), alu64(bpf::add, 3, 1), alu64(bpf::add, 4, 1), when(jlt, 4, 5000, -4),
                                 mov(0, 0), code::exit()}, R::outside_region},
      {"region offset by a wrap of 2^64", Code{load(D, 4, 1, 0)} + region(3) + Code{alu64x(bpf::add, 3, 4), alu64x(bpf::sub, 3, 4), load(B, 0, 3, 0),
                                 code::exit()}, R::outside_region},
      {"write a read-only region", region(3, 1) + Code{store_k(B, 3, 0, 1), mov(0, 0), code::exit()}, R::read_only},
      {"atomic on a read-only region", region(3, 1) + Code{mov(0, 1), update(D, 3, 0, 0, bpf::add), code::exit()}, R::read_only},
      {"64-bit constant compared by its low half", wide_of(4, 0x1'0000'0005) + region(3) +
                                 Code{make(jmp32 | jne | by_x, 2, 4, 1, 0), alu64x(bpf::add, 3, 4), mov(0, 0), load(B, 0, 3, 0), code::exit()},
       R::outside_region},
      // --- the same through spills, functions and joins
      {"pointer moved out of its region while it was spilled", Code{load(D, 4, 1, 0)} + region(3) + Code{store(D, 10, -8, 3), load(D, 5, 10, -8),
                                 alu64x(bpf::add, 5, 4), store(D, 10, -8, 5), load(D, 6, 10, -8), load(B, 0, 6, 0), code::exit()}, R::outside_region},
      {"index that was bounded before it was spilled and spoilt", Code{load(B, 4, 1, 0), store(D, 10, -8, 4), store_k(B, 10, -7, 0x7f),
                                 load(D, 5, 10, -8)} + region(3) + Code{alu64x(bpf::add, 3, 5), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"bound on a copy made before the spill", Code{load(D, 4, 1, 0), store(D, 10, -8, 4), mov(0, 0), when(jgt, 4, 100, 6), alu64(bpf::add, 4, 1),
                                 load(D, 5, 10, -8)} + region(3) + Code{alu64x(bpf::add, 3, 5), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"a spilled index changed by an atomic addition", Code{mov(4, 3), store(D, 10, -8, 4), load(D, 5, 1, 0), update(D, 10, -8, 5, bpf::add),
                                 load(D, 5, 10, -8)} + region(3) + Code{alu64x(bpf::add, 3, 5), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"fetched number as an index", region(3) + Code{mov(4, 1), update(D, 3, 0, 4, bpf::add | 1), alu64x(bpf::add, 3, 4), load(B, 0, 3, 0),
                                 code::exit()}, R::outside_region},
      {"exchanged number as an index", region(3) + Code{mov(4, 1), update(W, 3, 0, 4, atomic_exchange), alu64x(bpf::add, 3, 4), load(B, 0, 3, 0),
                                 code::exit()}, R::outside_region},
      {"index that a function returns", Code{code::call(5)} + region(3) + Code{alu64x(bpf::add, 3, 0), load(B, 0, 3, 0), code::exit(),
                                 load(B, 0, 1, 0), code::exit()}, R::outside_region},
      {"clock as an index", Code{helper(1)} + region(3) + Code{alu64x(bpf::add, 3, 0), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"pointer of one loop round, number of the next", Code{mov(5, 0), movx(4, 1), load(B, 0, 4, 0), movx(4, 5), alu64(bpf::add, 5, 1),
                                 when(jlt, 5, 10, -4), mov(0, 0), code::exit()}, R::unclear_pointer},
      {"number where another call passes a pointer", {movx(6, 1), code::call(4), mov(1, 0), code::call(2), mov(0, 0), code::exit(), load(B, 0, 1, 0),
                                 code::exit()}, R::unclear_pointer},
      {"context where another call passes a region", Code{code::call(5)} + region(1) + Code{code::call(2), mov(0, 0), code::exit(), load(B, 0, 1, 0),
                                 code::exit()}, R::unclear_pointer},
      {"loop counter that wraps 32 bits", Code{mov(4, 0), alu32(bpf::sub, 4, 1)} + region(3) + Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0),
                                 code::exit()}, R::outside_region},
      {"sign-extending move of an index", Code{load(H, 4, 1, 0), alu64x(bpf::mov, 4, 4, 16)} + region(3) + Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0),
                                 code::exit()}, R::outside_region},
      {"32-bit sign extension of an index", Code{load(W, 4, 1, 0), alu64x(bpf::mov, 4, 4, 32), mov(0, 0), when(jsgt, 4, 100, 4)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"swapped bytes of a bounded index", Code{load(B, 4, 1, 0), make(bpf::alu64 | bpf::end, 4, 0, 0, 16)} + region(3) +
                                 Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}, R::outside_region},
      {"stack of the caller through a spilled pointer", {store_k(D, 10, -8, 1), movx(6, 10), store(D, 10, -16, 6), movx(1, 6), code::call(2), mov(0, 0),
                                 code::exit(), store_k(D, 1, -8, 2), mov(0, 0), code::exit()}, R::outer_stack},
      {"jump to the middle of an immediate, backwards", wide_of(4, 0x95) + Code{mov(0, 0), when(jeq, 0, 1, -3), code::exit()}, R::jump_inside_immediate},
      {"long jump to the middle of an immediate", Code{make(jmp32 | ja, 0, 0, 0, 1)} + wide_of(0, 0x95) + Code{code::exit()}, R::jump_inside_immediate},
      // --- the context's end
      {"far behind any context", {load(B, 0, 1, 8000), code::exit()}, R::outside_region},
      {"before the context", {load(B, 0, 1, -1), code::exit()}, R::outside_region},
      {"behind this context", {load(B, 0, 1, 100), code::exit()}, R::none, ProgramEnd::outside},
      {"across this context's end", {load(D, 0, 1, 12), code::exit()}, R::none, ProgramEnd::outside},
      {"index behind the context", {load(D, 3, 1, 0), alu64x(bpf::add, 1, 3), load(B, 0, 1, 0), code::exit()}, R::none, ProgramEnd::outside},
      {"speculative read behind a test", {load(D, 3, 1, 0), mov(0, 0), whenx(jge, 3, 2, 2), alu64x(bpf::add, 1, 3), load(B, 0, 1, 0), code::exit()},
       R::none},
      {"write behind this context", {store_k(D, 1, 60, -1), mov(0, 0), code::exit()}, R::none, ProgramEnd::outside},
      {"atomic that is not aligned", {mov(0, 1), update(D, 1, 4, 0, bpf::add), code::exit()}, R::none, ProgramEnd::outside},
      // --- what only looks dangerous
      {"division by zero", {mov(0, 7), mov(3, 0), alu64x(bpf::div, 0, 3), code::exit()}, R::none},
      {"remainder by zero", {mov(0, 7), mov(3, 0), alu64x(mod, 0, 3), code::exit()}, R::none, ProgramEnd::value, 7},
      {"least number by -1", wide_of(0, 0x8000'0000'0000'0000) + Code{alu64(bpf::div, 0, -1, 1), code::exit()}, R::none, ProgramEnd::value,
       0x8000'0000'0000'0000},
      {"remainder of the least number", wide_of(0, 0x8000'0000'0000'0000) + Code{alu64(mod, 0, -1, 1), code::exit()}, R::none},
      {"shift by 200", {mov(0, 1), mov(3, 200), alu64x(lsh, 0, 3), code::exit()}, R::none, ProgramEnd::value, 256},
      {"constants that are instructions", wide_of(0, 0x0f05'0f05'0f05'0f05) + Code{alu64(bpf::bit_xor, 0, 0x050f'050f), mov(0, 1), code::exit()},
       R::none, ProgramEnd::value, 1},
  };
  Code long_one(4097, mov(0, 0));
  long_one.back() = code::exit();
  all.push_back({"4,097 instructions", long_one, R::bad_header});
  Code deep;  // nine functions, each calls the next
  for (int i = 0; i < 9; ++i) {
    deep.push_back(i == 8 ? mov(0, 0) : code::call(1));
    deep.push_back(code::exit());
  }
  all.push_back({"calls nine deep", deep, R::recursion});
  Code functions;  // 40 functions
  for (int i = 0; i < 40; ++i) functions.push_back(code::call(40 + 2 * i - i));
  functions.push_back(code::exit());
  for (int i = 0; i < 40; ++i) functions.push_back(mov(0, 0)), functions.push_back(code::exit());
  all.push_back({"forty functions", functions, R::too_many_functions});
  Code calls(600, code::call(0));
  for (std::size_t i = 0; i < calls.size(); ++i) calls[i] = code::call(static_cast<int>(601 - i - 1));
  calls.push_back(code::exit());
  calls.push_back(mov(0, 0));
  calls.push_back(code::exit());
  all.push_back({"600 calls", calls, R::too_many_functions});
  return all;
}

TEST(Hostile, EachIsRefusedForItsReasonOrHarmless) {
  std::size_t count = 0;
  for (const Hostile& h : programs()) {
    ++count;
    const Program program{h.code, {.regions = {{0, 1, 1}, {0, 1, 0}}}};
    EXPECT_EQ(name(program.refusal()), name(h.refusal)) << h.name << " at " << program.refused_at();
    if (!program.accepted() || h.refusal != R::none) continue;
    std::vector<std::byte> context(16, std::byte{0x41});
    const Outcome one = program.interpret(context), other = program.execute(context);
    EXPECT_TRUE(one == other) << h.name;
    EXPECT_EQ(one.fault, R::none) << h.name;
    EXPECT_EQ(one.end, h.end) << h.name;
    EXPECT_EQ(one.value, h.value) << h.name;
  }
  EXPECT_GE(count, 140u);
}

// Wherever an index of the program's decides an access, the native code forces it inside between the comparison and the
// access (cmova or cmovb on the offset), so that a processor that guesses the comparison stays inside too.
TEST(Hostile, SpeculativeAccessesAreForcedInside) {
  const auto forced = [](const Code& access) {
    const Program program{access, {.regions = {{0, 1, 1}, {0, 1, 0}}}};
    EXPECT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
    std::size_t count = 0;
    const auto native = program.native();
    for (std::size_t i = 1; i + 1 < native.size(); ++i)
      if (native[i] == std::byte{0x0f} && (native[i + 1] == std::byte{0x42} || native[i + 1] == std::byte{0x47})) ++count;
    return count;
  };
  EXPECT_EQ(forced({load(B, 0, 1, 5), code::exit()}), 0u);
  EXPECT_EQ(forced({load(D, 3, 1, 0), mov(0, 0), whenx(jge, 3, 2, 2), alu64x(bpf::add, 1, 3), load(B, 0, 1, 0), code::exit()}), 2u);
  EXPECT_EQ(forced(Code{load(B, 4, 1, 0)} + region(3) + Code{alu64x(bpf::add, 3, 4), load(B, 0, 3, 0), code::exit()}), 1u);
  EXPECT_EQ(forced(Code{load(B, 4, 1, 0)} + region(3) + Code{alu64x(bpf::add, 3, 4), store_k(B, 3, 0, 1), mov(0, 0), code::exit()}), 1u);
  EXPECT_EQ(forced(Code{load(B, 4, 1, 0), alu64(lsh, 4, 3)} + region(3) + Code{alu64x(bpf::add, 3, 4), mov(0, 1), update(D, 3, 0, 0, bpf::add),
                                                                            code::exit()}), 1u);
  EXPECT_EQ(forced({load(B, 4, 1, 0), alu64(bpf::bit_and, 4, 7), store_k(D, 10, -8, 0), movx(3, 10), alu64x(bpf::sub, 3, 4), load(B, 0, 3, -1),
                    code::exit()}), 1u);
}

TEST(Hostile, LimitsOfTheHeader) {
  const auto refused = [](const Options& options) { return Program{done, options}.refusal(); };
  EXPECT_EQ(refused({.kind = static_cast<abi::ProgramKind>(9), .steps = 10}), R::bad_header);
  EXPECT_EQ(refused({.steps = 1'000'000}), R::bad_header);
  EXPECT_EQ(refused({.steps = 1}), R::steps_too_few);
  EXPECT_EQ(refused({.min_context = 1 << 20}), R::bad_header);
  EXPECT_EQ(refused({.regions = {{0, 0, 1}}}), R::bad_header);
  EXPECT_EQ(refused({.regions = {{0, 1000, 1}}}), R::bad_header);
  EXPECT_EQ(refused({.regions = {{0, 1, 7}}}), R::bad_header);
  EXPECT_EQ(refused({.workspace = 16}), R::too_complex);
  EXPECT_EQ(refused({.kind = abi::ProgramKind::predicate}), R::none);
  const Program writes{{store_k(B, 1, 0, 1), mov(0, 0), code::exit()}, {.kind = abi::ProgramKind::filter}};
  EXPECT_EQ(writes.refusal(), R::read_only);
}

// What people write is accepted: loops over arrays, packets, tests before use.
TEST(Honest, LoopsAndBounds) {
  const std::vector<Code> accepted{
      region(3) + Code{movx(5, 3), alu64(bpf::add, 5, 100), store_k(B, 3, 0, 1), alu64(bpf::add, 3, 1), whenx(jlt, 3, 5, -3), mov(0, 0), code::exit()},
      region(3) + Code{mov(4, 0), movx(5, 3), alu64x(bpf::add, 5, 4), store_k(W, 5, 0, 1), alu64(bpf::add, 4, 4), when(jne, 4, 4096, -5), mov(0, 0),
                       code::exit()},
      Code{load(W, 4, 1, 0), mov(0, 0), when(jgt, 4, 1023, 5)} + region(3) + Code{alu64(lsh, 4, 2), alu64x(bpf::add, 3, 4), load(W, 0, 3, 0), code::exit()},
      Code{load(B, 4, 1, 0), alu64(bpf::bit_and, 4, 15), alu64(lsh, 4, 2), alu64x(bpf::add, 1, 4), load(H, 0, 1, 2), code::exit()},
      Code{mov(3, 0), movx(4, 10), alu64(bpf::add, 4, -64), movx(5, 4), alu64x(bpf::add, 5, 3), store_k(D, 5, 0, 0), alu64(bpf::add, 3, 8),
           when(jlt, 3, 64, -5), mov(0, 0), code::exit()},
  };
  for (const Code& c : accepted) {
    const Program program{c, {.regions = {{0, 1, 1}}}};
    EXPECT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
    if (!program.accepted()) continue;
    std::vector<std::byte> context(64, std::byte{0x02});
    const Outcome one = program.interpret(context), other = program.execute(context);
    EXPECT_TRUE(one == other);
    EXPECT_EQ(one.fault, R::none);
  }
}

// The verifier's work for a full-sized program, in instructions looked at.
TEST(Honest, FullSizedProgram) {
  Code c;
  while (c.size() < 4090) {
    c.push_back(load(W, 3, 1, static_cast<int>(c.size() % 48)));
    c.push_back(alu64(bpf::bit_and, 3, 0xfff0));
    c.push_back(when(jeq, 3, static_cast<int>(c.size()), 1));
    c.push_back(alu64(bpf::add, 4, 1));
    if (c.size() < 8) c[3] = mov(4, 0), c[2] = when(jeq, 3, 1, 0);
  }
  c.push_back(mov(0, 0));
  while (c.size() < 4095) c.push_back(alu64(bpf::add, 0, 1));
  c.push_back(code::exit());
  const Program program{c, {.kind = abi::ProgramKind::filter}};
  EXPECT_TRUE(program.accepted()) << describe(program.refusal()) << " at " << program.refused_at();
  std::printf("4096 instructions: %llu looked at, %zu bytes of workspace, %zu of code\n",
              static_cast<unsigned long long>(program.work()), program.workspace_used(), program.native().size());
  EXPECT_LE(program.work(), 40'000u);
}

}  // namespace
}  // namespace program_test
