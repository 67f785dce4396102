// SPDX-License-Identifier: MIT
// env_wait: a sleep that ends when a word compares true, on the own processor and between two.
#include "libos/rt/wait.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

volatile std::uint64_t word, other_word, answers;

void answers_each_change(std::uint64_t) {
  for (std::uint64_t seen = 0;; ++seen) {
    const auto awake = rt::wait(rt::is_at_least(word, seen + 1));
    if (!awake.has_value()) rt::halt(200 + static_cast<std::uint64_t>(awake.error()));
    if (!awake->by_word()) --seen;
    else answers = seen + 1;
  }
}

void on_one_processor() {
  word = 5;
  other_word = 5;
  expect_equal(must(rt::wait(rt::is_equal(word, 5))).why, 0ull, "at once");
  const std::array both{rt::is_equal(word, 4), rt::is_not(other_word, 4)};
  expect_equal(must(rt::wait(both)).why, 1ull, "the second");
  const std::uint64_t start = now_ns();
  expect(must(rt::wait(rt::is_equal(word, 6), abi::Nanoseconds{start + 3'000'000})).by_deadline(), "deadline");
  expect(now_ns() >= start + 3'000'000, "not before it");
  must(call::env_wake(boot::self));
  expect(must(rt::wait(rt::is_equal(word, 6))).by_wake(), "a wake that came before");
  expect_error(rt::wait(abi::WaitWord{.address = 0x1111'0000'0000, .mask = 1, .value = 1, .compare = {}, .reserved = 0}),
               Error::bad_address, "nothing is mapped there");
}

void beside() {
  Thread t = make_thread();
  word = 0;
  answers = 0;
  start(t, answers_each_change);
  expect_equal(run(t.env).state, abi::RunState::sleeping, "waits");
  expect_error(call::env_yield(t.env), Error::wrong_state, "its word is not true");
  for (std::uint64_t n = 1; n <= 20; ++n) {
    word = n;
    expect_equal(run(t.env).state, abi::RunState::sleeping, "looked, went on, waits again");
    expect_equal(std::uint64_t{answers}, n);
  }
  destroy(t);
}

// The other processor is idle and looks once a slice; a wake makes it look at once.
void between_processors() {
  Thread t = make_thread();
  word = 0;
  answers = 0;
  start(t, answers_each_change);
  must(call::slice_bind(boot::slices, abi::slices_per_cpu, t.env));
  for (std::uint64_t n = 1; n <= 5; ++n) {
    word = n;
    if (n % 2 == 0) must(call::env_wake(t.env));
    const std::uint64_t give_up = now_ns() + 2'000'000'000;
    while (answers != n && now_ns() < give_up) static_cast<void>(call::env_sleep(now_ns() + 1'000'000, abi::no_slot));
    expect_equal(std::uint64_t{answers}, n, "answered from the other processor");
  }
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  must(call::slice_bind(boot::slices, abi::slices_per_cpu, abi::no_slot));
  destroy(t);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  on_one_processor();
  beside();
  between_processors();
  finish();
}
