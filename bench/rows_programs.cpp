// SPDX-License-Identifier: MIT
// Downloaded code: loading, what an evaluation takes, sleepers that are looked at.
#include "bench/measure.hpp"
#include "libos/rt/wait.hpp"
#include "tests/kernel/bytecode.hpp"

namespace bench {
namespace {

using namespace guest::ins;
using abi::ProgramKind;
constexpr std::uint32_t many = 64;

// The word is 42.
constexpr std::array one_comparison{load(bpf::double_word, 3, 1, 0), mov(0, 0), when(bpf::jne, 3, 42, 1), mov(0, 1), ins::exit()};

// A segment of one connection to one server, TCP over IPv4 without options or fragments: ten comparisons, all true.
constexpr auto ten_comparisons() {
  struct Field {
    unsigned size;
    int offset;
    std::int64_t value;
  };
  constexpr std::array<Field, 10> fields{{{bpf::half, 12, 0x0008}, {bpf::byte, 14, 0x45}, {bpf::half, 20, 0}, {bpf::byte, 23, 6}, {bpf::word, 30, 0x0200'000a},
                                          {bpf::half, 34, 0x5000}, {bpf::half, 36, 0x1234}, {bpf::byte, 46, 0x50}, {bpf::byte, 47, 0x18}, {bpf::half, 48, 0x0001}}};
  std::array<bpf::Instruction, 2 * fields.size() + 4> code{};
  std::size_t at = 0;
  for (const Field& field : fields) {
    code[at++] = load(field.size, 3, 1, field.offset);
    code[at] = when(bpf::jne, 3, field.value, static_cast<int>(code.size() - 2 - at - 1));
    ++at;
  }
  code[at++] = mov(0, 1500);
  code[at++] = ins::exit();
  code[at++] = mov(0, 0);
  code[at++] = ins::exit();
  return code;
}
constexpr std::array filter = ten_comparisons();
constexpr std::uint32_t packet_size = 64;
std::array<std::uint8_t, many * packet_size> packets() {
  std::array<std::uint8_t, many * packet_size> all{};
  for (std::size_t p = 0; p < many; ++p) {
    std::uint8_t* at = all.data() + p * packet_size;
    at[12] = 8, at[14] = 0x45, at[23] = 6, at[30] = 10, at[33] = 2;
    at[35] = 0x50, at[36] = 0x34, at[37] = 0x12, at[46] = 0x50, at[47] = 0x18, at[48] = 1;
  }
  return all;
}

// The host takes a call with one context off, so that the evaluation alone is left.
void evaluations() {
  static std::array<abi::ProgramResult, many> results;
  static std::array<std::uint64_t, many> words;
  words.fill(42);
  const auto run = [&](CapSlot program, const void* contexts, std::uint32_t size, std::uint32_t count, std::uint64_t value) {
    expect_equal(must(call::program_run(program, contexts, size, count, results.data())), std::uint64_t{count});
    expect_equal(results[count - 1].value, value, "what is measured");
  };
  const CapSlot predicate = must_load(header_of(ProgramKind::predicate, one_comparison, 8), one_comparison);
  run(predicate, words.data(), 8, many, 1);
  measure("program_run", 1, [] {}, [&] { must(call::program_run(predicate, words.data(), 8, 1, results.data())); });
  measure("predicate", many - 1, [] {}, [&] { must(call::program_run(predicate, words.data(), 8, many, results.data())); });
  static std::array<std::uint8_t, many * packet_size> captured;
  captured = packets();
  const CapSlot wanted = must_load(header_of(ProgramKind::filter, filter, 50), filter);
  run(wanted, captured.data(), packet_size, many, 1500);
  measure("filter_run", 1, [] {}, [&] { must(call::program_run(wanted, captured.data(), packet_size, 1, results.data())); });
  measure("filter", many - 1, [] {}, [&] { must(call::program_run(wanted, captured.data(), packet_size, many, results.data())); });
  must(rt::destroy_and_drop(wanted));
  must(rt::destroy_and_drop(predicate));
}

// As long as may be: loads, masks, comparisons and sums, a quarter of it jumps.
void loading() {
  static std::array<bpf::Instruction, abi::max_program_length> code;
  std::size_t n = 0;
  code[n++] = mov(0, 0);
  while (n < code.size() - 5) {
    code[n] = ins::load(bpf::word, 3, 1, static_cast<int>(n % 48)), ++n;
    code[n++] = alu(bpf::bit_and, 3, 0xfff0);
    code[n] = when(bpf::jeq, 3, static_cast<int>(n), 1), ++n;
    code[n++] = alu(bpf::add, 0, 1);
  }
  while (n < code.size() - 1) code[n++] = alu(bpf::add, 0, 1);
  code[n] = ins::exit();
  const CapSlot slot = new_slot();
  bool loaded = false;
  measure(
      "program_load", 1,
      [&] {
        if (std::exchange(loaded, false)) must(rt::destroy_and_drop(slot));
      },
      [&] {
        loaded = must(load_program(boot::account, slot, header_of(ProgramKind::filter, code), code)).state == abi::ProgramState::ready;
      });
  expect(loaded, "it is accepted");
  must(rt::destroy_and_drop(slot));
}

constinit Page watched{};
CapSlot sleepers_program{};
void sleeps_by_it(std::uint64_t) {
  for (;;) static_cast<void>(rt::watch(sleepers_program, std::array<rt::Word*, 1>{&watched.word()}));
}
void sleepers() {
  watched = new_page();
  sleepers_program = must_load(header_of(ProgramKind::predicate, one_comparison, 8), one_comparison);
  watched.word() = 42;
  measure_each("watch_true", 100, [&] { static_cast<void>(rt::watch(sleepers_program, std::array<rt::Word*, 1>{&watched.word()})); });
  watched.word() = 0;
  measure_each("page_signal", 100, [&] { must(call::page_signal(&watched.word())); });
  std::array<Thread, many> threads{};
  for (Thread& t : threads) {
    t = make_thread();
    start(t, sleeps_by_it);
    expect_equal(run(t.env).state, abi::RunState::sleeping, "it sleeps");
  }
  measure("watch_look", many, [] {}, [&] { must(call::page_signal(&watched.word())); });
  for (Thread& t : threads) destroy(t);
  must(rt::destroy_and_drop(sleepers_program));
}

}  // namespace

void programs() {
  loading();
  evaluations();
  sleepers();
}

}  // namespace bench
