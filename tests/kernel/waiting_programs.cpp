// SPDX-License-Identifier: MIT
// Sleeping on a program over words (env_watch) and saying that a page has changed (page_signal): on one processor, between
// two, and between accounts that take pages and programs away from each other's sleepers.
#include "libos/parts/program/products.hpp"
#include "libos/rt/wait.hpp"
#include "tests/kernel/bytecode.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;
using namespace guest::ins;
using abi::ProgramKind;

namespace {

constexpr unsigned D = bpf::double_word;

// first + second at least third: no comparison with constants could say that. Value: the sum.
constexpr std::array sum_reached{load(D, 0, 1, 0), load(D, 3, 1, 8),     alux(bpf::add, 0, 3), load(D, 4, 1, 16),
                                 whenx(bpf::jge, 0, 4, 1), mov(0, 0),    ins::exit()};
CapSlot load_sum() { return must_load(header_of(ProgramKind::predicate, sum_reached, 24), sum_reached); }

constinit Page shared{};
CapSlot predicate{};
volatile std::uint64_t answers;

void expect_told(const abi::Result<abi::Watched>& got, std::uint64_t why, std::uint32_t value, std::string_view what, Where at = here()) {
  if (!expect_ok(got, what, at)) return;
  expect_equal(got->why, why, what, at);
  expect_equal(got->value, value, what, at);
}
abi::Result<abi::Watched> watch_sum(abi::Nanoseconds deadline = abi::forever) {
  return rt::watch(predicate, std::array<rt::Word*, 3>{&shared.word(0), &shared.word(1), &shared.word(2)}, deadline);
}
void set_words(std::uint64_t first, std::uint64_t second, std::uint64_t third) {
  shared.word(0) = first;
  shared.word(1) = second;
  shared.word(2) = third;
}

void answers_each_sum(std::uint64_t) {
  for (;;) {
    const auto told = watch_sum();
    if (!told.has_value() || told->why != abi::wait_true) rt::halt(200 + (told.has_value() ? told->why : 0));
    set_words(0, 0, told->value + 1);
    answers = answers + 1;
  }
}

void on_one_processor() {
  set_words(3, 4, 7);
  expect_told(watch_sum(), abi::wait_true, 7, "at once");
  set_words(3, 4, 8);
  const std::uint64_t start = now_ns();
  expect_told(watch_sum(abi::Nanoseconds{start + 3'000'000}), abi::wait_deadline, 0, "deadline");
  expect(now_ns() >= start + 3'000'000, "not before it");
  must(call::env_wake(boot::self));
  expect_told(watch_sum(), abi::wait_woken, 0, "a wake that came before");
  expect(must_read(predicate).runs >= 3, "a look for each");
}

void beside() {
  Thread t = make_thread();
  set_words(0, 0, 1);
  answers = 0;
  start(t, answers_each_sum);
  expect_equal(run(t.env).state, abi::RunState::sleeping, "waits");
  expect_equal(frame_info(shared.frame).pins, std::uint16_t{1}, "its page is pinned");
  expect_error(call::frame_free(boot::account, shared.frame, 1), Error::busy, "and stays");
  for (std::uint64_t n = 1; n <= 20; ++n) {
    const std::uint64_t runs = must_read(predicate).runs;
    must(rt::signal(shared.word()));
    expect_equal(must_read(predicate).runs, runs + 1, "looked");
    expect_error(call::env_yield(t.env), Error::wrong_state, "and saw no reason");
    shared.word(n % 2) = n;
    if (n % 3 != 0) must(rt::signal(shared.word(100)));
    expect_equal(run(t.env).state, abi::RunState::sleeping, "went on, waits again");
    expect_equal(std::uint64_t{answers}, n, "answered");
    set_words(0, 0, n + 1);
  }
  destroy(t);
  expect_equal(frame_info(shared.frame).pins, std::uint16_t{0}, "nobody waits");
}

// The other processor has nothing to do; a signal makes it run the sleeper at once.
void between_processors() {
  Thread t = make_thread();
  set_words(0, 0, 1);
  answers = 0;
  start(t, answers_each_sum);
  must(call::slice_bind(boot::slices, abi::slices_per_cpu, t.env));
  for (std::uint64_t n = 1; n <= 200; ++n) {
    const std::uint64_t give_up = now_ns() + 5'000'000'000;
    while (shared.word(2) != n && now_ns() < give_up) asm volatile("pause");
    shared.word(0) = n;
    must(rt::signal(shared.word()));
    while (answers != n && now_ns() < give_up) asm volatile("pause");
    if (!expect_equal(std::uint64_t{answers}, n, "answered from the other processor")) break;
  }
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  must(call::slice_bind(boot::slices, abi::slices_per_cpu, abi::no_slot));
  destroy(t);
}

// Sums of products: which product is true, and the time among the comparisons.
void by_products() {
  namespace sums = parts::program;
  static std::array<bpf::Instruction, 64> code;
  const std::uint64_t soon = now_ns() + 5'000'000;
  const std::array one{sums::Atom{sums::word(0), sums::Relation::equal, sums::constant(5)}, sums::Atom{sums::word(1), sums::Relation::at_least, sums::word(2)}};
  const std::array two{sums::time_reaches(soon), sums::Atom{sums::word(1), sums::Relation::below, sums::constant(1ull << 32), 0xff'0000'0000}};
  const std::array<sums::Product, 2> sum{one, two};
  const auto header = sums::compile(sum, code);
  if (!expect(header.has_value(), "it is compiled")) return;
  const CapSlot program = must_load(*header, Code{code}.first(header->length));
  const std::array<rt::Word*, 3> words{&shared.word(0), &shared.word(1), &shared.word(2)};
  set_words(5, 7, 7);
  expect_told(rt::watch(program, words), abi::wait_true, 1, "the first product");
  set_words(5, 6, 7);
  const std::uint64_t deadline = sums::next_time(sum, 0);
  expect_equal(deadline, soon, "when to look again");
  expect_told(rt::watch(program, words, abi::Nanoseconds{deadline}), abi::wait_true, 2, "the second, in time");
  expect(now_ns() >= soon, "not before");
  set_words(4, 1ull << 32, 7);
  expect_told(rt::watch(program, words, abi::Nanoseconds{now_ns() + 1'000'000}), abi::wait_deadline, 0, "no longer");
  must(rt::destroy_and_drop(program));
}

// --- between accounts ---------------------------------------------------------------------------------------------------
constexpr CapSlot given_program{30}, given_frames{31};
constexpr std::uint64_t shared_in_domain = 0x3'0000'0000;

// In a domain: maps the frames that it was given, waits by the program that it was given, and tells what came of it.
void waits_for_a_stranger(std::uint64_t frame) {
  auto& words = domain::own_mailbox().words;
  must(rt::map(abi::no_slot, shared_in_domain, FrameNumber{frame}, 1, abi::map_read, given_frames));
  const auto* at = reinterpret_cast<const volatile std::uint64_t*>(shared_in_domain);
  expect_error(call::page_signal(at), Error::missing_right, "who may only read has nothing to say");
  const auto told = rt::watch(given_program, std::array<rt::Word*, 3>{at, at + 1, at + 2});
  words[0] = told.has_value() ? told->why : 1000 + static_cast<std::uint64_t>(told.error());
  words[1] = told.has_value() ? told->value : 0;
}

struct Pair {
  Domain sleeper = make_domain(), owner = make_domain();
  Page page = new_page(owner.account);
  CapSlot frames = new_slot(), program = load_sum();

  Pair() {
    page.word(2) = 1;
    must(call::frame_cap(owner.account, frames, page.frame, 1, abi::all_rights));
    must(call::cap_grant(frames, sleeper.table, given_frames, bits(abi::FramesRight::read), 0, 0));
    must(call::cap_grant(program, sleeper.table, given_program, bits(abi::ProgramRight::run), 0, 0));
    start(sleeper, waits_for_a_stranger, page.frame.raw());
    expect_equal(run(sleeper).state, abi::RunState::sleeping, "it sleeps");
  }
  void expect_woken(std::uint64_t why, std::uint32_t value = 0, Where at = here()) {
    expect_equal(run(sleeper).state, abi::RunState::halted, "it was woken", at);
    expect_equal(std::uint64_t{sleeper.mailbox->words[0]}, why, "reason", at);
    expect_equal(std::uint64_t{sleeper.mailbox->words[1]}, std::uint64_t{value}, "value", at);
  }
  // Whatever is left of it.
  void end() {
    if (rt::read_cap(program).has_value() && must(rt::read_cap(program)).live != 0) must(rt::destroy(program));
    must(rt::drop(program));
    if (rt::own_entry(page.va) != 0) must(rt::unmap(abi::no_slot, page.va, 1));
    if (rt::read_cap(frames).has_value()) must(rt::drop(frames));
    destroy(sleeper);
  }
};

void a_stranger_signals() {
  Pair p;
  p.page.word(0) = 5;
  must(rt::signal(p.page.word()));
  p.expect_woken(abi::wait_true, 5);
  p.end();
  destroy(p.owner);
}

void the_page_is_revoked() {
  Pair p;
  must(rt::until_done([&] { return call::cap_revoke(p.frames); }));
  p.expect_woken(abi::wait_revoked);
  expect_equal(frame_info(p.page.frame).pins, std::uint16_t{0}, "no pin is left");
  p.end();
  destroy(p.owner);
}

void the_program_is_revoked() {
  Pair p;
  must(rt::until_done([&] { return call::cap_revoke(p.program); }));
  p.expect_woken(abi::wait_revoked);
  p.end();
  destroy(p.owner);
}

void the_program_is_ended() {
  Pair p;
  must(rt::destroy(p.program));
  p.expect_woken(abi::wait_ended);
  p.end();
  destroy(p.owner);
}

void the_peer_dies() {
  Pair p;
  must(rt::destroy(p.owner.account));
  p.expect_woken(abi::wait_ended);
  p.end();
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  shared = new_page();
  predicate = load_sum();
  on_one_processor();
  beside();
  by_products();
  between_processors();
  a_stranger_signals();
  the_page_is_revoked();
  the_program_is_revoked();
  the_program_is_ended();
  the_peer_dies();
  finish();
}
