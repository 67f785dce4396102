// SPDX-License-Identifier: MIT
// Time: the information page's clock, deadlines, and sleep without anybody else to run.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

volatile std::uint64_t ticks;

void sleeps_a_millisecond(std::uint64_t) {
  for (;;) {
    static_cast<void>(call::env_sleep(now_ns() + 1'000'000, abi::no_slot));
    ticks = ticks + 1;
  }
}

void page() {
  const abi::SystemInfo& info = system_info();
  expect_equal(info.magic, abi::info_magic, "magic");
  expect_equal(info.version, abi::info_version, "version");
  expect(info.cpus >= 1 && info.frames > 1000 && info.free_frames > 0 && info.kernel_frames > 0, "figures");
  expect(info.tsc_mul != 0 && info.slice_ns != 0 && info.grace_ns != 0, "clock figures");
  const std::uint64_t before = info.free_frames;
  const FrameNumber frame = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
  expect_equal(info.free_frames, before - 1, "free frames are told live");
  must(call::frame_free(boot::account, frame, 1));
}

void deadlines() {
  std::uint64_t last = now_ns();
  for (const std::uint64_t ns : {100'000ull, 1'000'000ull, 5'000'000ull, 30'000'000ull}) {
    const std::uint64_t start = now_ns();
    expect_ok(call::env_sleep(start + ns, abi::no_slot), "sleep");
    const std::uint64_t slept = now_ns() - start;
    expect(slept >= ns, "not before the deadline");
    if (slept > ns + 50'000'000) fail(here(), base::Text<80>{"slept {} ns, wanted {}", slept, ns}.view());
    expect(now_ns() > last, "monotonic");
    last = now_ns();
  }
  expect_ok(call::env_sleep(0, abi::no_slot), "a deadline in the past");
  expect_ok(call::env_sleep(1, abi::no_slot), "a deadline in the past");
}

void sleepers_beside() {
  // Three sleepers without slices of their own do not run; with a slice each, they do.
  std::array<Thread, 3> threads{make_thread(), make_thread(), make_thread()};
  ticks = 0;
  for (std::uint32_t i = 0; i < threads.size(); ++i) {
    start(threads[i], sleeps_a_millisecond);
    for (std::uint32_t position = i; position < 60; position += 4)
      must(call::slice_bind(boot::slices, position, threads[i].env));
  }
  expect_ok(call::env_sleep(now_ns() + 60'000'000, abi::no_slot));
  const std::uint64_t seen = ticks;
  if (seen < 6 || seen > 200)  // few, when the host has no time for us
    fail(here(), base::Text<80>{"{} ticks of three sleepers in 60 ms", seen}.view());
  for (std::uint32_t position = 0; position < 60; ++position)
    must(call::slice_bind(boot::slices, position, boot::self));
  for (Thread& t : threads) destroy(t);
}

void many_sleepers() {
  constexpr std::size_t count = 40;
  std::array<Thread, count> threads{};
  ticks = 0;
  for (Thread& t : threads) {
    t = make_thread();
    start(t, sleeps_a_millisecond);
    expect_equal(run(t.env).state, abi::RunState::sleeping);
  }
  expect_ok(call::env_sleep(now_ns() + 3'000'000, abi::no_slot));
  // All deadlines are past: each is ready again, whoever gives it time.
  for (Thread& t : threads)
    expect_equal(run(t.env).state, abi::RunState::sleeping, "woken by its deadline, and asleep again");
  expect(ticks >= count, "each ran once more");
  for (Thread& t : threads) destroy(t);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  page();
  deadlines();
  sleepers_beside();
  many_sleepers();
  finish();
}
