// SPDX-License-Identifier: MIT
// Downloaded programs: loading a full-sized one, and running small ones over many contexts in one call. What the program
// itself takes is the difference to the empty one.
#include "bench/measure.hpp"
#include "tests/kernel/bytecode.hpp"

namespace bench {
namespace {

using namespace guest::ins;
using abi::ProgramKind;

constexpr std::uint64_t contexts = 64, context_size = 64;
constexpr std::array nothing{mov(0, 0), guest::ins::exit()};
constexpr std::array one_comparison{load(bpf::double_word, 3, 1, 0), mov(0, 0), when(bpf::jne, 3, 42, 1), mov(0, 1), guest::ins::exit()};

// Ten words compared one after the other, as a filter for one connection does; all are right.
constexpr auto ten_atoms = [] {
  constexpr int atoms = 10;
  std::array<bpf::Instruction, 2 * atoms + 3> code{};
  std::size_t n = 0;
  code[n++] = mov(0, 0);
  for (int i = 0; i < atoms; ++i) {
    code[n++] = load(bpf::word, 3, 1, 4 * i);
    code[n++] = when(bpf::jne, 3, 42, 2 * (atoms - i) - 1);
  }
  code[n++] = mov(0, 1);
  code[n++] = guest::ins::exit();
  return code;
}();

constexpr std::size_t full_size = 4096;
std::array<bpf::Instruction, full_size> big;
void make_big() {
  std::size_t n = 0;
  big[n++] = mov(0, 0);
  while (n < full_size - 4) {
    big[n] = load(bpf::word, 3, 1, static_cast<int>(n % 48)), ++n;
    big[n++] = alu(bpf::bit_and, 3, 0xfff0);
    big[n] = when(bpf::jeq, 3, static_cast<int>(n), 1), ++n;
    big[n++] = alu(bpf::add, 0, 1);
  }
  while (n < full_size - 1) big[n++] = alu(bpf::add, 0, 1);
  big[n++] = guest::ins::exit();
}

std::array<std::uint32_t, contexts * context_size / sizeof(std::uint32_t)> words;
std::array<abi::ProgramResult, contexts> results;

void run_row(std::string_view key, ProgramKind kind, Code code, std::uint64_t value) {
  const CapSlot program = must_load(header_of(kind, code, context_size), code);
  measure(key, contexts, [] {}, [=] { static_cast<void>(must(call::program_run(program, words.data(), context_size, contexts, results.data()))); });
  expect_equal(results.back().value, value, key);
  must(rt::destroy_and_drop(program));
}

}  // namespace

void programs() {
  make_big();
  const CapSlot slot = new_slot();
  measure(
      "program_load", 1,
      [=] {
        static bool is_first = true;
        if (!is_first) must(rt::destroy_and_drop(slot));
        is_first = false;
      },
      [=] { static_cast<void>(must(load_program(boot::account, slot, header_of(ProgramKind::filter, big), big))); });
  must(rt::destroy_and_drop(slot));
  words.fill(42);
  for (std::size_t i = 0; i < words.size(); i += context_size / sizeof(std::uint32_t)) words[i + 1] = 0;
  run_row("program_empty", ProgramKind::predicate, nothing, 0);
  run_row("program_predicate", ProgramKind::predicate, one_comparison, 1);
  words.fill(42);
  run_row("program_filter", ProgramKind::filter, ten_atoms, 1);
}

}  // namespace bench
