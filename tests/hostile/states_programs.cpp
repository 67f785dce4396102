// SPDX-License-Identifier: MIT
// Downloaded code: headers and regions that cannot be, accounts that are full, memory that is used up while a program is
// loaded, programs that are not ready.
#include "tests/hostile/arguments.hpp"
#include "tests/kernel/bytecode.hpp"
#include "tests/kernel/domain.hpp"

namespace arguments {
namespace {

using abi::ProgramHeader;
using abi::ProgramKind;

constexpr std::array nothing{ins::mov(0, 0), ins::exit()};

// As in bytecode.hpp, but noted.
abi::Result<abi::ProgramVerdict> verify_noted(CapSlot program) {
  for (;;) {
    const auto answer = call::program_verify(program);
    if (answer.has_value()) return abi::ProgramVerdict::unpack(*answer);
    if (answer.error() != Error::again) return base::Unexpected{answer.error()};
  }
}

ProgramHeader good_header() {
  ProgramHeader header = header_of(ProgramKind::function, nothing);
  header.code = reinterpret_cast<std::uint64_t>(nothing.data());
  return header;
}

template <typename F>
void expect_bad_load(World& w, Error want, std::string_view what, F change, CapSlot account = boot::account, Where at = here()) {
  ProgramHeader header = good_header();
  change(header);
  const auto before = must(rt::read_account(account));
  expect_error(call::program_load(account, w.empty, &header, abi::any_frame), want, what, at);
  expect_same_account(before, account, what, at);
}

void headers(World& w) {
  expect_bad_load(w, Error::bad_argument, "kind 0", [](auto& h) { h.kind = ProgramKind{0}; });
  expect_bad_load(w, Error::bad_argument, "kind 9", [](auto& h) { h.kind = ProgramKind{9}; });
  expect_bad_load(w, Error::bad_argument, "no code", [](auto& h) { h.length = 0; });
  expect_bad_load(w, Error::bad_argument, "too long", [](auto& h) { h.length = abi::max_program_length + 1; });
  expect_bad_load(w, Error::bad_argument, "far too long", [](auto& h) { h.length = ~0u; });
  expect_bad_load(w, Error::bad_argument, "reserved", [](auto& h) { h.reserved = 1; });
  expect_bad_load(w, Error::bad_argument, "regions", [](auto& h) { h.region_count = abi::max_program_regions + 1; });
  expect_bad_load(w, Error::bad_argument, "an empty region", [](auto& h) { h.region_count = 1; });
  const auto with_region = [&](std::uint64_t first, std::uint32_t count, std::uint32_t writable, Error want, std::string_view what, Where at = here()) {
    expect_bad_load(w, want, what, [&](auto& h) { h.region_count = 1, h.regions[0] = {first, count, writable}; }, boot::account, at);
  };
  with_region(w.memory.frame.raw(), abi::max_region_frames + 1, 1, Error::bad_argument, "a large region");
  with_region(w.memory.frame.raw(), 1, 2, Error::bad_argument, "writable 2");
  with_region(w.frame.raw(), 1, 1, Error::out_of_range, "another's frame");
  with_region(system_info().info_base, 1, 0, Error::out_of_range, "an information page");
  with_region(must(rt::read_cap(boot::self)).object, 1, 1, Error::out_of_range, "an env");
  with_region(0, 1, 1, Error::out_of_range, "frame 0");
  for (const std::uint64_t far : {1ull << 32, 1ull << 52, ~0ull, ~0ull - 1}) with_region(far, 2, 1, Error::out_of_range, "beyond memory");
  for (const std::uint64_t address : evil_addresses)
    expect_bad_load(w, Error::bad_address, "code", [=](auto& h) { h.code = address; });
  const auto header = good_header();
  expect_error(call::program_load(boot::account, w.empty, &header, w.memory.frame), Error::no_frame, "a frame that is taken");
  expect_error(call::program_load(boot::account, w.empty, &header, FrameNumber{1ull << 40}), Error::out_of_range, "no such frame");
}

// Steps and the context's length are the verifier's to judge.
void judged(World& w) {
  const auto refused = [&](auto change, abi::Refusal want, std::string_view what) {
    ProgramHeader header = good_header();
    change(header);
    must(call::program_load(boot::account, w.empty, &header, abi::any_frame));
    expect_equal(abi::name(static_cast<abi::Refusal>(must(verify_noted(w.empty)).refusal)), abi::name(want), what);
    std::uint64_t word = 0;
    expect_error(call::program_run(w.empty, &word, 8, 1, w.memory.words()), Error::wrong_state, what);
    must(rt::destroy_and_drop(w.empty));
  };
  refused([](auto& h) { h.steps = 1; }, abi::Refusal::steps_too_few, "one step");
  refused([](auto& h) { h.steps = ~0u; }, abi::Refusal::bad_header, "steps without end");
  refused([](auto& h) { h.min_context = 1u << 20; }, abi::Refusal::bad_header, "a context that never is");
}

void full_accounts(World& w) {
  const CapSlot account = new_slot();
  const auto with_limits = [&](std::uint64_t frames, std::uint64_t programs, auto body) {
    const abi::AccountLimits limits{.limit = {frames, 0, frames, programs}, .minimum = {}};
    must(rt::create_account(boot::account, account, limits));
    body();
    must(rt::destroy_and_drop(account));
  };
  const auto none = [](ProgramHeader&) {};
  with_limits(100, 0, [&] { expect_bad_load(w, Error::over_limit, "no program", none, account); });
  std::uint64_t needed = 1;
  for (bool fits = false; !fits; ++needed)
    with_limits(needed, 1, [&] {
      const auto header = good_header();
      const auto answer = call::program_load(account, w.empty, &header, abi::any_frame);
      fits = answer.has_value();
      if (!fits) return expect_error(answer, Error::over_limit, "frames"), void();
      // All that it may have is taken by loading: none is left for the code. With one more it would do.
      expect_error(verify_noted(w.empty), Error::over_limit, "code");
      auto limits = must(rt::read_account(account)).limits;
      ++limits.limit[0], ++limits.limit[2];
      must(call::account_limit(boot::account, account, &limits));
      expect_equal(must(verify_noted(w.empty)).state, abi::ProgramState::ready, "after all");
      must(rt::destroy_and_drop(w.empty));
    });
}

// Takes every free frame of the machine, and gives every other one of a run back: no two lie side by side.
class Scattered {
 public:
  explicit Scattered(CapSlot child) {
    take_all(boot::account);
    take_all(child);  // what it may have is free, and nobody else's
    const Run first = runs_[0];
    runs_[0].count = 1;
    for (std::uint64_t i = 1; i < first.count; ++i)
      if (i % 2 == 0) add({first.account, first.first + i, 1});
      else must(call::frame_free(first.account, first.first + i, 1));
  }
  ~Scattered() {
    while (count_ != 0) {
      --count_;
      must(call::frame_free(runs_[count_].account, runs_[count_].first, runs_[count_].count));
    }
  }
  Scattered(const Scattered&) = delete;
  Scattered& operator=(const Scattered&) = delete;

 private:
  struct Run {
    CapSlot account{};
    FrameNumber first{};
    std::uint64_t count = 0;
  };
  void take_all(CapSlot account) {
    for (std::uint64_t length = abi::max_run; length != 0; length /= 2)
      for (;;) {
        const auto got = call::frame_alloc(account, abi::any_frame, length, 0, 0);
        if (!got.has_value()) break;
        add({account, FrameNumber{*got}, length});
      }
  }
  void add(const Run& run) {
    if (count_ == runs_.size()) give_up(here(), "memory in too many pieces");
    runs_[count_++] = run;
  }
  std::array<Run, 700> runs_{};
  std::size_t count_ = 0;
};

void no_memory(World& w) {
  static std::array<abi::bpf::Instruction, 1000> code;  // more than a page, once it is native
  code.fill(ins::mov(0, 0));
  code.back() = ins::exit();
  auto header = good_header();
  header.length = code.size();
  header.code = reinterpret_cast<std::uint64_t>(code.data());
  must(call::program_load(boot::account, w.empty, &header, abi::any_frame));
  const CapSlot other = new_slot();
  {
    const Scattered memory{w.account};
    expect_error(verify_noted(w.empty), Error::no_frame, "code");
    expect_error(verify_noted(w.empty), Error::no_frame, "still");
    const auto small = good_header();
    expect_error(call::program_load(boot::account, other, &small, abi::any_frame), Error::no_frame, "another");
  }
  expect_equal(must(verify_noted(w.empty)).state, abi::ProgramState::ready, "later");
  must(rt::destroy_and_drop(w.empty));
}

void runs(World& w) {
  const auto header = good_header();
  must(call::program_load(boot::account, w.empty, &header, abi::any_frame));
  expect_error(call::program_run(w.empty, w.memory.words(), 8, 1, w.memory.words()), Error::wrong_state, "loading");
  expect_equal(must(verify_noted(w.empty)).state, abi::ProgramState::ready);
  expect_equal(must(verify_noted(w.empty)).state, abi::ProgramState::ready, "asked again");
  const auto run = [&](std::uint32_t size, std::uint32_t count) { return call::program_run(w.empty, w.memory.words(), size, count, w.memory.words()); };
  expect_error(run(8, 0), Error::bad_argument, "no context");
  expect_error(run(8, abi::max_program_records + 1), Error::bad_argument, "too many");
  expect_error(run(abi::max_program_bytes + 1, 1), Error::bad_argument, "too long");
  expect_error(run(~0u, ~0u), Error::bad_argument, "a product that wraps");
  expect_error(run(1u << 31, 2), Error::bad_argument, "a product of 2^32");
  expect_ok(run(0, 1), "no bytes");
  for (const std::uint64_t address : evil_addresses) {
    expect_error(call::program_run(w.empty, Va{address}, 8, 1, w.memory.words()), Error::bad_address, "contexts");
    expect_error(call::program_run(w.empty, w.memory.words(), 8, 1, Va{address}), Error::bad_address, "results");
    expect_error(call::program_read(w.empty, Va{address}), Error::bad_address, "info");
  }
  // What a function writes back must be writable.
  expect_error(call::program_run(w.empty, nothing.data(), 8, 1, w.memory.words()), Error::bad_address, "read-only contexts");
  const auto info = must_read(w.empty);
  expect_equal(info.runs, 1ull, "refused calls ran nothing");
  must(rt::destroy_and_drop(w.empty));
}

// --- waiting by programs ------------------------------------------------------------------------------------------------

constexpr std::array waits_long{ins::mov(0, 0), ins::mov(3, 300), ins::alu(bpf::sub, 3, 1), ins::when(bpf::jne, 3, 0, -2), ins::exit()};

void sleeps_by(std::uint64_t arguments) {
  const auto& [program, word] = *reinterpret_cast<std::pair<CapSlot, const volatile std::uint64_t*>*>(arguments);
  for (;;) static_cast<void>(call::env_watch(program, &word, 1, ~0ull, abi::no_slot));
}

void forms_of_waits(World& w, const CapSlot predicate) {
  const std::uint64_t good = w.memory.va;
  const auto watch = [&](CapSlot program, std::uint64_t address, std::uint32_t count = 1, CapSlot target = abi::no_slot) {
    return call::env_watch(program, &address, count, 0, target);
  };
  expect_error(watch(predicate, good, 0), Error::bad_argument, "no words");
  expect_error(watch(predicate, good, abi::max_watch_words + 1), Error::bad_argument, "too many words");
  expect_error(watch(predicate, good, ~0u), Error::bad_argument, "far too many words");
  for (std::uint64_t address : {good + 1, good + 4, good + 7, abi::user_end - 8, 0x1111'0000'0000ul})
    expect_error(watch(predicate, address), Error::bad_address, "a word");
  for (const std::uint64_t address : evil_addresses) {
    expect_error(watch(predicate, address), Error::bad_address, "a word outside");
    expect_error(call::env_watch(predicate, Va{address}, 1, 0, abi::no_slot), Error::bad_address, "the list outside");
    expect_error(call::page_signal(Va{address}), Error::bad_address, "a page outside");
  }
  expect_error(watch(w.program, good), Error::bad_argument, "another kind");
  expect_error(watch(predicate, good, 1, w.env), Error::wrong_state, "not started");
  auto header = good_header();
  header.kind = ProgramKind::predicate;
  must(call::program_load(boot::account, w.empty, &header, abi::any_frame));
  expect_error(watch(w.empty, good), Error::wrong_state, "loading");
  must(rt::destroy_and_drop(w.empty));
  header.steps = 1;
  must(call::program_load(boot::account, w.empty, &header, abi::any_frame));
  expect_equal(must(verify_noted(w.empty)).state, abi::ProgramState::refused);
  expect_error(watch(w.empty, good), Error::wrong_state, "refused");
  must(rt::destroy(w.empty));
  expect_error(watch(w.empty, good), Error::stale, "ended");
  must(rt::drop(w.empty));
  expect_error(call::page_signal(Va{reinterpret_cast<std::uint64_t>(&waits_long)}), Error::missing_right, "a page of constants");
  expect_equal(frame_info(w.memory.frame).pins, std::uint16_t{0}, "nothing is pinned");
}

// More looks than fit one call; and a target that runs elsewhere.
void many_looks(World& w, const CapSlot predicate) {
  std::pair<CapSlot, const volatile std::uint64_t*> arguments{predicate, &w.memory.word()};
  std::array<Thread, 8> threads{};
  for (Thread& t : threads) {
    t = make_thread();
    start(t, sleeps_by, reinterpret_cast<std::uint64_t>(&arguments));
    expect_equal(run(t.env).state, abi::RunState::sleeping, "sleeps");
  }
  const std::uint64_t before = must_read(predicate).runs;
  expect_error(call::page_signal(&w.memory.word()), Error::again, "more than one call looks at");
  must(rt::until_done([&] { return call::page_signal(&w.memory.word()); }));
  expect_equal(must_read(predicate).runs, before + threads.size(), "each once");
  for (Thread& t : threads) destroy(t);
}

volatile std::uint64_t turns;
void turns_for_ever(std::uint64_t) {
  for (;;) turns = turns + 1;
}
void busy_target(World& w, const CapSlot predicate) {
  Thread t = make_thread();
  start(t, turns_for_ever);
  must(call::slice_bind(boot::slices, abi::slices_per_cpu, t.env));
  const std::uint64_t address = w.memory.va;
  Error got = Error::none;
  const std::uint64_t give_up = now_ns() + 5'000'000'000;
  while (got != Error::busy && now_ns() < give_up) {
    const auto answer = call::env_watch(predicate, &address, 1, 0, t.env);
    got = answer.has_value() ? Error::none : answer.error();
  }
  expect_equal(abi::name(got), abi::name(Error::busy), "a target that runs elsewhere");
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  must(call::slice_bind(boot::slices, abi::slices_per_cpu, abi::no_slot));
  destroy(t);
}

void waits(World& w) {
  const CapSlot predicate = must_load(header_of(ProgramKind::predicate, waits_long), waits_long);
  forms_of_waits(w, predicate);
  many_looks(w, predicate);
  busy_target(w, predicate);
  must(rt::destroy_and_drop(predicate));
}

}  // namespace

void program_states(World& w) {
  const auto before = settled_account();
  headers(w);
  judged(w);
  full_accounts(w);
  no_memory(w);
  runs(w);
  waits(w);
  expect_settled(before, "states of programs");
}

}  // namespace arguments
