// SPDX-License-Identifier: MIT
// Downloaded code through the kernel's door: loading, running, counting, ending, and what it is charged for.
#include "tests/kernel/bytecode.hpp"
#include "tests/kernel/insight.hpp"

using namespace guest;
using namespace guest::ins;
using abi::ProgramEnd;
using abi::ProgramKind;
using abi::ProgramState;
using abi::Resource;

namespace {

constexpr unsigned W = bpf::word, D = bpf::double_word;

// Value: whether the first word is 42.
constexpr std::array is_42{load(D, 3, 1, 0), mov(0, 0), when(bpf::jne, 3, 42, 1), mov(0, 1), ins::exit()};

void expect_result(const abi::ProgramResult& got, std::uint64_t value, ProgramEnd end, std::string_view what, Where at = here()) {
  expect_equal(got.value, value, what, at);
  expect_equal(got.end, static_cast<std::uint64_t>(end), what, at);
}

void one_comparison() {
  const auto before = settled_account();
  const CapSlot program = must_load(header_of(ProgramKind::predicate, is_42, 8), is_42);
  std::array<std::uint64_t, 4> words{42, 41, 42, 0};
  expect_result(must_run(program, &words[0], 8), 1, ProgramEnd::value, "is 42");
  expect_result(must_run(program, &words[1], 8), 0, ProgramEnd::value, "is 41");
  expect_result(must_run(program, &words[0], 7), 0, ProgramEnd::outside, "too short");
  std::array<abi::ProgramResult, 4> results{};
  expect_equal(must(call::program_run(program, words.data(), 8, 4, results.data())), 4ull, "four at once");
  for (std::size_t i = 0; i < 4; ++i) expect_result(results[i], i % 2 == 0 && i != 3 ? 1 : 0, ProgramEnd::value, "of four");
  const auto info = must_read(program);
  expect_equal(info.runs, 7ull, "runs");
  expect_equal(info.steps, 6ull * is_42.size(), "steps");
  expect_equal(info.outside, 1ull, "outside");
  expect_equal(info.state, static_cast<std::uint32_t>(ProgramState::ready));
  expect(info.run_ns != 0 && info.code_bytes != 0, "time and size");
  expect_equal(info.frames, 2ull, "object and code");
  const auto during = settled_account();
  expect_equal(rt::use_of(during, Resource::programs), rt::use_of(before, Resource::programs) + 1, "one program");
  expect_equal(rt::use_of(during, Resource::frames), rt::use_of(before, Resource::frames) + 2, "two frames");
  const auto cap = must(rt::read_cap(program));
  expect_equal(frame_info(FrameNumber{cap.object}).use, abi::FrameUse::program, "shown in the frame table");
  const auto entries = program_table();
  const auto entry = std::ranges::find(entries, cap.object, &abi::ProgramEntry::program);
  if (expect(entry != entries.end(), "it has an entry")) {
    const volatile abi::ProgramEntry& shown = *entry;
    expect_equal(std::uint64_t{shown.runs}, info.runs, "runs, in the information pages");
    expect_equal(std::uint64_t{shown.steps}, info.steps, "steps");
    expect_equal(std::uint64_t{shown.run_ns}, info.run_ns, "time");
    expect_equal(std::uint32_t{shown.code_bytes}, info.code_bytes, "size");
    expect_equal(std::uint32_t{shown.state}, info.state, "state");
    must(rt::destroy(program));
    expect_equal(std::uint32_t{shown.program}, 0u, "and none afterwards");
  }
  expect_error(call::program_read(program, &words), Error::stale, "gone");
  must(rt::drop(program));
  expect_settled(before, "a program");
}

// A function with its own data: counts in a region, answers in its context, and asks who runs it.
void function_with_data() {
  const auto before = settled_account();
  const Page page = new_page();
  page.word(0) = 100;
  constexpr std::array code{mov(3, 1), region(2, 0), region_offset(0), bpf::make(bpf::stx | bpf::atomic | D, 2, 3, 0, bpf::add | bpf::atomic_fetch),
                            store(D, 1, 0, 3), helper(abi::ProgramHelper::caller), ins::exit()};
  auto header = header_of(ProgramKind::function, code, 8);
  header.region_count = 1;
  header.regions[0] = {page.frame.raw(), 1, 1};
  const CapSlot program = must_load(header, code);
  expect_equal(frame_info(page.frame).pins, std::uint16_t{1}, "its region is pinned");
  std::uint64_t word = 7;
  const std::uint64_t self = must(rt::read_cap(boot::self)).object;
  expect_result(must_run(program, &word, 8), self, ProgramEnd::value, "the caller");
  expect_equal(word, 100ull, "written back");
  expect_equal(page.word(0) + 0, 101ull, "counted in the region");
  expect_error(call::frame_free(boot::account, page.frame, 1), Error::busy, "pinned");
  must(rt::destroy_and_drop(program));
  expect_equal(frame_info(page.frame).pins, std::uint16_t{0}, "no longer");
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
  expect_settled(before, "a function and its region");
}

// A loop without end meets the step limit, every time.
void endless() {
  constexpr std::array code{mov(0, 0), alu(bpf::add, 0, 1), when(bpf::jne, 0, 0, -2), ins::exit()};
  const CapSlot program = must_load(header_of(ProgramKind::filter, code), code);
  std::uint64_t word = 0;
  for (int i = 0; i < 3; ++i) expect_result(must_run(program, &word, 8), 0, ProgramEnd::steps, "endless");
  const auto info = must_read(program);
  expect_equal(info.exhausted, 3ull, "exhausted");
  // A batch of such ends early.
  std::array<abi::ProgramResult, 64> results{};
  std::array<std::uint64_t, 64> words{};
  const std::uint64_t done = must(call::program_run(program, words.data(), 8, 64, results.data()));
  expect(done >= 1 && done <= 3, "a batch is bounded by steps");
  must(rt::destroy_and_drop(program));
}

void refused() {
  const auto before = settled_account();
  constexpr std::array code{load(D, 0, 2, 0), ins::exit()};  // through the length
  const CapSlot slot = new_slot();
  const auto verdict = must(load_program(boot::account, slot, header_of(ProgramKind::filter, code), code));
  expect_equal(verdict.state, ProgramState::refused);
  expect_equal(static_cast<abi::Refusal>(verdict.refusal), abi::Refusal::not_a_pointer);
  expect_equal(verdict.refused_at, 0u);
  std::array<std::uint64_t, 2> word{};
  expect_error(call::program_run(slot, &word, 8, 1, &word), Error::wrong_state, "refused");
  const auto info = must_read(slot);
  expect_equal(info.frames, 1ull, "the verifier's memory is back");
  expect_equal(info.refusal, static_cast<std::uint32_t>(abi::Refusal::not_a_pointer));
  must(rt::destroy_and_drop(slot));
  expect_settled(before, "a refused one");
}

// Each takes all of the processor's ways through loading; at the end everything is back.
std::array<bpf::Instruction, 4096> big;
Code big_program() {
  std::size_t n = 0;
  big[n++] = mov(0, 0);
  while (n < 4090) {
    big[n] = load(W, 3, 1, static_cast<int>(n % 48)), ++n;
    big[n++] = alu(bpf::bit_and, 3, 0xfff0);
    big[n] = when(bpf::jeq, 3, static_cast<int>(n), 1), ++n;
    big[n++] = alu(bpf::add, 0, 1);
  }
  while (n < 4095) big[n++] = alu(bpf::add, 0, 1);
  big[n++] = ins::exit();
  return Code{big}.first(n);
}
void full_sized() {
  const auto before = settled_account();
  const Code code = big_program();
  const std::uint64_t tsc = rt::read_tsc();
  const CapSlot program = must_load(header_of(ProgramKind::filter, code), code);
  rt::log("4096 instructions: {} of the counter, {} bytes of code", rt::read_tsc() - tsc, must_read(program).code_bytes);
  std::array<std::uint64_t, 8> packet{};
  expect_result(must_run(program, packet.data(), 64), 1025, ProgramEnd::value, "it runs");
  must(rt::destroy_and_drop(program));
  expect_settled(before, "a full-sized one");
}

// Asked back and not given: at the deadline it is taken, and the loss is told.
void taken_by_force() {
  const auto before = settled_account();
  Domain d = make_domain(300);
  abi::AccountLimits limits = must(rt::read_account(d.account)).limits;
  limits.limit[static_cast<std::size_t>(Resource::programs)] = 3;
  must(call::account_limit(boot::account, d.account, &limits));
  const Page vector = new_page(d.account);
  must(call::account_bind(d.account, d.env, vector.frame));
  const CapSlot first = must_load(header_of(ProgramKind::predicate, is_42, 8), is_42, d.account);
  const CapSlot second = must_load(header_of(ProgramKind::predicate, is_42, 8), is_42, d.account);
  must(call::account_revoke(d.account, static_cast<std::uint32_t>(Resource::programs), must(rt::read_cap(second)).object, 1, now_ns() + 2'000'000));
  const auto& page = *reinterpret_cast<const volatile abi::RevocationPage*>(vector.va);
  expect_equal(std::uint64_t{page.request.resource}, static_cast<std::uint64_t>(Resource::programs), "the library is told");
  expect_error(call::account_reclaim(d.account), Error::would_block, "not before the deadline");
  expect_equal(must_read(second).state, static_cast<std::uint32_t>(ProgramState::ready));
  must(call::env_sleep(now_ns() + 3'000'000, abi::no_slot));
  abi::Result<std::uint64_t> taken = base::Unexpected{Error::again};
  while (!taken.has_value() && taken.error() == Error::again) taken = call::account_reclaim(d.account);
  expect_equal(must(taken), 1ull, "one was taken");
  expect_error(call::program_verify(second), Error::stale, "gone");
  std::uint64_t word = 42;
  expect_result(must_run(first, &word, 8), 1, ProgramEnd::value, "the other stays");
  expect_equal(std::uint64_t{page.losses[0].resource}, static_cast<std::uint64_t>(Resource::programs), "the loss");
  expect_equal(std::uint64_t{page.lost_units}, 1ull, "one");
  must(rt::drop(second));
  must(rt::destroy_and_drop(first));
  must(rt::unmap(abi::no_slot, vector.va, 1));
  destroy(d);
  expect_settled(before, "programs taken by force");
}

// The limit of programs, and an account that ends with programs in every state.
void limits_and_end() {
  const auto before = settled_account();
  const CapSlot account = new_slot();
  const abi::AccountLimits limits{.limit = {200, 0, 200, 3}, .minimum = {}};
  must(rt::create_account(boot::account, account, limits));
  const CapSlot ready = must_load(header_of(ProgramKind::predicate, is_42, 8), is_42, account);
  auto header = header_of(ProgramKind::predicate, is_42, 8);
  header.code = reinterpret_cast<std::uint64_t>(is_42.data());
  const CapSlot loading = new_slot(), refused = new_slot(), extra = new_slot();
  must(call::program_load(account, loading, &header, abi::any_frame));
  header.steps = 1;
  must(call::program_load(account, refused, &header, abi::any_frame));
  expect_equal(must(verify(refused)).state, ProgramState::refused);
  expect_error(call::program_load(account, extra, &header, abi::any_frame), Error::over_limit, "a fourth");
  must(rt::destroy_and_drop(account));
  for (const CapSlot slot : {ready, loading, refused}) {
    expect_error(call::program_verify(slot), Error::stale, "ended with its account");
    must(rt::drop(slot));
  }
  expect_settled(before, "an account with programs");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  one_comparison();
  function_with_data();
  endless();
  refused();
  full_sized();
  taken_by_force();
  limits_and_end();
  finish();
}
