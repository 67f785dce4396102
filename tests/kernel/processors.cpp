// SPDX-License-Identifier: MIT
// A second processor: runs an env of its own, loses translations in time, is stopped and woken from the first.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

volatile std::uint64_t counter, target_va, wakes;

void bind_second(CapSlot env) {
  for (std::uint32_t position = 0; position < abi::slices_per_cpu; ++position)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + position, env));
}

void counts(std::uint64_t) {
  for (;;) counter = counter + 1;
}
void reads(std::uint64_t) {
  for (;;) {
    counter = load(target_va);
    wakes = wakes + 1;
  }
}
void sleeps(std::uint64_t) {
  for (;;) {
    wakes = wakes + 1;
    static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
  }
}

[[nodiscard]] abi::RunState state_of(CapSlot env) {
  const auto state = rt::read_env(env);
  return state ? state->state : abi::RunState::running;
}

void parallel() {
  Thread t = make_thread();
  counter = 0;
  start(t, counts);
  bind_second(t.env);
  // We never give up the first processor here.
  expect(wait_until([] { return counter > 1000; }), "it runs beside us");
  expect_error(rt::read_env(t.env), Error::wrong_state, "read while it runs");
  expect_error(call::env_yield(t.env), Error::busy, "one env, one processor");
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  expect(wait_until([&] { return state_of(t.env) == abi::RunState::stopped; }), "stopped there");
  const std::uint64_t then = counter;
  for (int i = 0; i < 100000; ++i) asm volatile("pause");
  expect_equal(std::uint64_t{counter}, then, "and it stays so");
  must(call::env_resume(t.env));
  expect(wait_until([&] { return counter > then; }), "resumed there, though its processor was idle");
  // The end of a running env.
  must(rt::destroy(t.env));
  const std::uint64_t last = counter;
  for (int i = 0; i < 100000; ++i) asm volatile("pause");
  expect_equal(std::uint64_t{counter}, last, "destroyed while it ran");
  bind_second(abi::no_slot);
}

void shoot_down() {
  Thread t = make_thread();
  const Page page = new_page();
  target_va = page.va;
  page.word() = 7;
  wakes = 0;
  start(t, reads);
  bind_second(t.env);
  expect(wait_until([] { return wakes > 100; }), "it reads");
  must(rt::unmap(abi::no_slot, page.va, 1));
  // From here on the frame may be somebody else's: the other processor must not see it any more.
  const FrameNumber frame = page.frame;
  const std::uint64_t elsewhere = new_va();
  must(rt::map(abi::no_slot, elsewhere, frame, 1, abi::map_read | abi::map_write, boot::account));
  store(elsewhere, 0xbad);
  expect(wait_until([&] { return state_of(t.env) == abi::RunState::stuck; }), "it faults");
  expect_equal(std::uint64_t{counter}, 7ull, "and has seen nothing since");
  expect_equal(must(rt::read_env(t.env)).address, page.va, "cr2");
  must(rt::unmap(abi::no_slot, elsewhere, 1));
  bind_second(abi::no_slot);
  destroy(t);
}

void wake_across() {
  Thread t = make_thread();
  wakes = 0;
  start(t, sleeps);
  bind_second(t.env);
  expect(wait_until([] { return wakes == 1; }), "it went to sleep");
  for (std::uint64_t i = 2; i < 60; ++i) {
    expect(wait_until([&] { return state_of(t.env) == abi::RunState::sleeping; }), "sleeps");
    must(call::env_wake(t.env));
    if (!expect(wait_until([&] { return wakes == i; }), "a wake starts an idle processor")) break;
  }
  bind_second(abi::no_slot);
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  destroy(t);
}

// Both processors change one space and its accounts as fast as they can.
void maps_and_unmaps(std::uint64_t va) {
  for (;;) {
    static_cast<void>(rt::map_new(abi::no_slot, va, 8, abi::map_read | abi::map_write | abi::map_owned, boot::account));
    store(va, 1);
    static_cast<void>(rt::unmap(abi::no_slot, va, 8));
    wakes = wakes + 1;
  }
}

void both_at_once() {
  const auto before = settled_account();
  Thread t = make_thread();
  wakes = 0;
  start(t, maps_and_unmaps, new_va(8));
  const std::uint64_t mine = new_va(8);
  bind_second(t.env);
  for (int i = 0; i < 200 || wakes < 50; ++i) {
    must(rt::map_new(abi::no_slot, mine, 8, abi::map_read | abi::map_write | abi::map_owned, boot::account));
    store(mine + 7 * page_size, 3);
    must(rt::unmap(abi::no_slot, mine, 8));
    if (i > 200'000) give_up(here(), "the other processor makes no progress");
  }
  bind_second(abi::no_slot);
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  destroy(t);
  static_cast<void>(before);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  if (!expect_equal(system_info().cpus, 2u, "processors")) finish();
  parallel();
  shoot_down();
  wake_across();
  both_at_once();
  finish();
}
