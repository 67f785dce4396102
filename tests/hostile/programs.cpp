// SPDX-License-Identifier: MIT
// Downloaded code as a weapon: against another's memory, budget and counters; ended while another processor is inside of it;
// as a predicate that takes too long, that is woken in storms, or on which an env sleeps that somebody else ends.
#include "libos/rt/wait.hpp"
#include "tests/hostile/attack.hpp"
#include "tests/kernel/bytecode.hpp"

using namespace attack;
using namespace guest::ins;
using abi::ProgramEnd;
using abi::ProgramKind;

namespace {

constexpr unsigned D = bpf::double_word;
constexpr std::uint64_t canary = 0xc0de'c0de'5ec2'e700;

// --- another's memory, budget, counters -----------------------------------------------------------------------------------
constexpr CapSlot run_only{30}, victims{31};
enum Told : std::size_t { victim_frame, victim_program };

// Reads the word at an offset that the context's first word says: a function, whose value is what it found.
constexpr std::array reads_anywhere{load(D, 3, 1, 0), alux(bpf::add, 3, 1), load(D, 0, 3, 0), ins::exit()};
// Runs for as long as it may.
constexpr std::array endless{mov(0, 0), alu(bpf::add, 0, 1), when(bpf::jne, 0, 0, -2), ins::exit()};
constexpr std::array seven{mov(0, 7), ins::exit()};

// What earlier runs, of others too, have left in the processor's memory for contexts must not be seen.
void scans(CapSlot program) {
  std::array<std::uint64_t, 4> context{};
  for (std::uint64_t offset = 1; offset < 8192; offset += 8) {
    context[0] = offset;
    const auto result = must_run(program, context.data(), 16);
    if (offset <= 8) continue;
    if (!expect_equal(result.end, static_cast<std::uint64_t>(ProgramEnd::outside), "behind the context")) return;
    expect_equal(result.value, 0ull, "and says nothing");
  }
  for (const std::uint64_t offset : {~0ull, ~0ull - 7, 1ull << 63, 1ull << 47, 1ull << 32, 0xffff'8000'0000'0000ull}) {
    context[0] = offset;
    expect_equal(must_run(program, context.data(), 16).end, static_cast<std::uint64_t>(ProgramEnd::outside), "far away");
  }
}

void attacks(std::uint64_t) {
  const auto& told = domain::own_mailbox().words;
  abi::ProgramInfo info{};
  std::uint64_t word = 0;
  expect_error(call::program_read(run_only, &info), Error::missing_right, "counters, by the right to run");
  expect_error(call::object_destroy(run_only), Error::missing_right, "its end, by the right to run");
  expect_equal(must_run(run_only, &word, 8).value, 7ull, "it may be run");
  expect_error(call::program_read(victims, &info), Error::empty_slot, "a slot that was never given");
  for (const std::uint32_t slot : {static_cast<std::uint32_t>(told[victim_program]), 0xffff'ffffu, 4095u})
    expect(!call::program_read(CapSlot{slot}, &info).has_value() && !call::env_watch(CapSlot{slot}, &word, 1, 0, abi::no_slot).has_value(), "a forged slot");
  // The victim's frame as a region of one's own program: to read, and to write.
  for (const std::uint32_t writable : {0u, 1u}) {
    auto header = header_of(ProgramKind::function, seven);
    header.code = reinterpret_cast<std::uint64_t>(seven.data());
    header.region_count = 1;
    header.regions[0] = {told[victim_frame], 1, writable};
    expect_error(call::program_load(boot::account, victims, &header, abi::any_frame), Error::out_of_range, "another's frame");
    header.regions[0] = {told[victim_program], 1, writable};
    expect_error(call::program_load(boot::account, victims, &header, abi::any_frame), Error::out_of_range, "another's program");
  }
  scans(must_load(header_of(ProgramKind::function, reads_anywhere, 8), reads_anywhere));
  const CapSlot greedy = must_load(header_of(ProgramKind::function, endless), endless);
  for (int i = 0; i < 50; ++i) expect_equal(must_run(greedy, &word, 8).end, static_cast<std::uint64_t>(ProgramEnd::steps), "its own steps end");
}

void neighbours() {
  Domain attacker = make_domain(400);
  abi::AccountLimits limits = must(rt::read_account(attacker.account)).limits;
  limits.limit[static_cast<std::size_t>(abi::Resource::programs)] = 4;
  must(call::account_limit(boot::account, attacker.account, &limits));
  const CapSlot victim = must_load(header_of(ProgramKind::function, seven), seven);
  const Page page = new_page();
  page.word() = canary;
  // Fills the processor's memory for contexts with what the attacker wants to see.
  static std::array<std::uint64_t, 512> secret;
  secret.fill(canary);
  must_run(victim, secret.data(), sizeof secret);
  must(call::cap_grant(victim, attacker.table, run_only, bits(abi::ProgramRight::run), 0, 0));
  attacker.mailbox->words[victim_frame] = page.frame.raw();
  attacker.mailbox->words[victim_program] = must(rt::read_cap(victim)).object;
  run_body(attacker, attacks);
  const auto info = must_read(victim);
  expect_equal(info.runs, 2ull, "the victim's runs: one of each");
  expect_equal(info.steps, 2ull * seven.size(), "and its steps");
  expect_equal(info.exhausted, 0ull, "nobody used them up");
  expect_equal(page.word() + 0, canary, "its memory");
  destroy(attacker);
  must(rt::destroy_and_drop(victim));
}

// --- ended under way ------------------------------------------------------------------------------------------------------
void bind_second(CapSlot env) {
  for (std::uint32_t position = 0; position < abi::slices_per_cpu; ++position)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + position, env));
}
void stop_second(Thread& t) {
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  bind_second(abi::no_slot);
  destroy(t);
}

CapSlot contested;
volatile std::uint64_t good_runs, wrong_runs, refusals, waits, wrong_waits;
constinit Page watched{};

// 2,000 steps and then the number: long enough to be ended in the middle.
constexpr auto counts_down(std::int32_t value) {
  return std::array{mov(3, 1000), alu(bpf::sub, 3, 1), when(bpf::jne, 3, 0, -2), mov(0, value), ins::exit()};
}
constexpr std::array loops{counts_down(1), counts_down(2), counts_down(3)};

void runs_contested(std::uint64_t) {
  std::array<std::uint64_t, 16> contexts{};
  std::array<abi::ProgramResult, 16> results{};
  for (;;) {
    const auto done = call::program_run(contested, contexts.data(), 8, contexts.size(), results.data());
    if (!done.has_value()) {
      const Error e = done.error();
      if (e == Error::stale || e == Error::empty_slot || e == Error::wrong_state) refusals = refusals + 1;
      else wrong_runs = wrong_runs + 1;
      continue;
    }
    for (std::uint64_t i = 0; i < *done; ++i) {
      const bool good = results[i].end == 0 && results[i].value == results[0].value && results[i].value >= 1 && results[i].value <= loops.size();
      if (good) good_runs = good_runs + 1;
      else wrong_runs = wrong_runs + 1;
    }
  }
}

void end_while_it_runs() {
  contested = new_slot();
  const auto before = settled_account();
  Thread t = make_thread();
  start(t, runs_contested);
  bind_second(t.env);
  const std::uint64_t give_up = now_ns() + 20'000'000'000;
  for (std::uint64_t round = 0; round < 100; ++round) {
    const auto& code = loops[round % loops.size()];
    expect_equal(must(load_program(boot::account, contested, header_of(ProgramKind::function, code), code)).state, abi::ProgramState::ready);
    for (const std::uint64_t then = good_runs; round % 2 == 0 && good_runs == then && now_ns() < give_up;) asm volatile("pause");
    must(rt::destroy_and_drop(contested));
  }
  stop_second(t);
  expect_equal(std::uint64_t{wrong_runs}, 0ull, "each run was whole, or refused");
  expect(good_runs > 20 && refusals > 0, "it ran, and was ended");
  expect_settled(before, "programs that were ended under way");
}

// --- sleepers -------------------------------------------------------------------------------------------------------------
void waits_contested(std::uint64_t) {
  for (;;) {
    const auto told = rt::watch(contested, std::array<rt::Word*, 1>{&watched.word()});
    const bool good = told.has_value() ? told->why == abi::wait_ended || told->why == abi::wait_true
                                       : told.error() == Error::stale || told.error() == Error::empty_slot || told.error() == Error::wrong_state;
    if (!good) wrong_waits = wrong_waits + 1;
    else if (told.has_value()) waits = waits + 1;
  }
}

constexpr std::array not_zero{load(D, 0, 1, 0), ins::exit()};
void end_while_it_is_slept_on() {
  const auto before = settled_account();
  Thread t = make_thread();
  start(t, waits_contested);
  bind_second(t.env);
  const std::uint64_t give_up = now_ns() + 20'000'000'000;
  for (std::uint64_t round = 0; round < 60; ++round) {
    must(load_program(boot::account, contested, header_of(ProgramKind::predicate, not_zero, 8), not_zero));
    const std::uint64_t runs = must_read(contested).runs;
    while (must_read(contested).runs == runs && now_ns() < give_up) asm volatile("pause");
    if (round % 2 == 0) watched.word() = 1;
    must(rt::signal(watched.word()));
    watched.word() = 0;
    must(rt::destroy_and_drop(contested));
  }
  stop_second(t);
  expect_equal(std::uint64_t{wrong_waits}, 0ull, "each wait ended as it may");
  expect(waits > 20, "it slept, and was woken");
  expect_equal(frame_info(watched.frame).pins, std::uint16_t{0}, "nothing is pinned");
  expect_settled(before, "programs that were slept on");
}

// A predicate that loops once its word says so wakes its sleeper, and nobody else pays.
constexpr std::array loops_when_told{load(D, 3, 1, 0), mov(0, 0), when(bpf::jeq, 3, 1, -1), ins::exit()};
volatile std::uint64_t why, ended_as;
void sleeps_on_contested(std::uint64_t) {
  const auto told = rt::watch(contested, std::array<rt::Word*, 1>{&watched.word()});
  why = told.has_value() ? told->why : 1000 + static_cast<std::uint64_t>(told.error());
  ended_as = told.has_value() ? told->value : 0;
  rt::halt(0);
}
void too_long_a_look() {
  must(load_program(boot::account, contested, header_of(ProgramKind::predicate, loops_when_told, 8), loops_when_told));
  Thread t = make_thread();
  start(t, sleeps_on_contested);
  expect_equal(run(t.env).state, abi::RunState::sleeping, "it sleeps");
  watched.word() = 1;
  must(rt::signal(watched.word()));
  expect_equal(run(t.env).state, abi::RunState::halted, "it was woken");
  expect_equal(std::uint64_t{why}, abi::wait_failed);
  expect_equal(std::uint64_t{ended_as}, static_cast<std::uint64_t>(ProgramEnd::steps));
  watched.word() = 0;
  destroy(t);
  must(rt::destroy_and_drop(contested));
}

// A storm of signals on the other processor: who has a slice here gets on with it, and the sleepers pay for the looks.
volatile std::uint64_t signals;
void signals_for_ever(std::uint64_t) {
  for (;;)
    if (call::page_signal(&watched.word()).has_value()) signals = signals + 1;
}
void sleeps_for_ever(std::uint64_t) {
  for (;;) static_cast<void>(rt::watch(contested, std::array<rt::Word*, 1>{&watched.word()}));
}
void storm() {
  must(load_program(boot::account, contested, header_of(ProgramKind::predicate, not_zero, 8), not_zero));
  std::array<Thread, 40> sleepers{};
  for (Thread& t : sleepers) {
    t = make_thread();
    start(t, sleeps_for_ever);
    expect_equal(run(t.env).state, abi::RunState::sleeping, "it sleeps");
  }
  expect_equal(frame_info(watched.frame).pins, std::uint16_t{1}, "one pin for all");
  abi::EnvState early{}, late{};
  must(call::env_read(sleepers[0].env, &early));
  const std::uint64_t runs = must_read(contested).runs;
  signals = 0;
  Thread t = make_thread();
  start(t, signals_for_ever);
  bind_second(t.env);
  const std::uint64_t give_up = now_ns() + 20'000'000'000;
  std::uint64_t own = 0;
  for (; (signals < 100 || own < 100) && now_ns() < give_up; ++own) must(call::nop());
  stop_second(t);
  expect(signals >= 100 && own >= 100, "both got on");
  expect(must_read(contested).runs >= runs + 100 * sleepers.size(), "each signal looked at each");
  must(call::env_read(sleepers[0].env, &late));
  expect(late.run_ns > early.run_ns, "a look is the sleeper's time");
  expect_equal(late.state, abi::RunState::sleeping, "and no reason to wake");
  for (Thread& sleeper : sleepers) destroy(sleeper);
  must(rt::destroy_and_drop(contested));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  watched = new_page();
  neighbours();
  end_while_it_runs();
  end_while_it_is_slept_on();
  too_long_a_look();
  storm();
  finish();
}
