// SPDX-License-Identifier: MIT
// Downloaded code: headers and regions that cannot be, accounts that are full, memory that is used up while a program is
// loaded, programs that are not ready.
#include "tests/hostile/arguments.hpp"
#include "tests/kernel/bytecode.hpp"

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

}  // namespace

void program_states(World& w) {
  const auto before = settled_account();
  headers(w);
  judged(w);
  full_accounts(w);
  no_memory(w);
  runs(w);
  expect_settled(before, "states of programs");
}

}  // namespace arguments
