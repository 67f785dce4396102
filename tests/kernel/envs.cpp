// SPDX-License-Identifier: MIT
// Envs: made, started, stopped, resumed, read, written, halted; monitors; a domain of its own.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t answer = 0x1234'5678'9abc'def0;
volatile std::uint64_t counter, seen;

void halts_with_argument(std::uint64_t argument) { rt::halt(argument); }
void counts(std::uint64_t) {
  for (;;) counter = counter + 1;
}
void sleeps(std::uint64_t) {
  for (;;) {
    seen = seen + 1;
    static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
  }
}

void life() {
  const auto before = settled_account();
  Thread t = make_thread();
  expect_equal(must(rt::read_env(t.env)).state, abi::RunState::created, "created");
  expect_error(call::env_yield(t.env), Error::wrong_state, "yield to one that never started");
  start(t, halts_with_argument, answer);
  expect_equal(must(rt::read_env(t.env)).state, abi::RunState::ready, "ready");
  const abi::EnvState end = run(t.env);
  expect_equal(end.state, abi::RunState::halted, "halted");
  expect_equal(end.code, answer, "code");
  expect(end.run_ns > 0, "its time was counted");
  expect_error(call::env_yield(t.env), Error::wrong_state, "yield to a halted one");
  start(t, halts_with_argument, 5);
  expect_equal(run(t.env).code, 5ull, "started again");
  destroy(t);
  expect_equal(frame_info(t.area_frame).use, abi::FrameUse::free, "user area unpinned and freed");
  static_cast<void>(before);
}

void user_area_is_pinned() {
  Thread t = make_thread();
  expect_equal(frame_info(t.area_frame).pins, std::uint16_t{1}, "pins");
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(t.area), 1));
  expect_error(call::frame_free(boot::account, t.area_frame, 1), Error::busy, "pinned");
  must(rt::map(abi::no_slot, reinterpret_cast<std::uint64_t>(t.area), t.area_frame, 1, abi::map_read, boot::account));
  destroy(t);
}

void stop_and_resume() {
  Thread t = make_thread();
  start(t, counts);
  expect_equal(run(t.env, 3).state, abi::RunState::ready, "it never ends by itself");
  expect(counter > 0, "it ran");
  expect_ok(call::env_stop(t.env));
  const std::uint64_t then = counter;
  const abi::EnvState stopped = must(rt::read_env(t.env));
  expect_equal(stopped.state, abi::RunState::stopped, "stopped");
  expect_error(call::env_yield(t.env), Error::wrong_state, "yield to a stopped one");
  expect_ok(call::env_resume(t.env));
  expect_error(call::env_resume(t.env), Error::wrong_state, "resume a ready one");
  run(t.env, 3);
  expect(counter > then, "it went on");

  // Where it stands can be changed while it is stopped.
  must(call::env_stop(t.env));
  abi::Registers r = must(rt::read_env(t.env)).registers;
  r.rip = reinterpret_cast<std::uint64_t>(&halts_with_argument);
  r.rdi = answer;
  r.rsp = t.stack_top - 8;
  expect_ok(call::env_write(t.env, &r));
  const abi::Registers back = must(rt::read_env(t.env)).registers;
  expect(std::memcmp(&r, &back, sizeof r) == 0, "what was written is read");
  expect_ok(call::env_resume(t.env));
  const abi::EnvState end = run(t.env);
  expect_equal(end.state, abi::RunState::halted);
  expect_equal(end.code, answer, "argument written");
  destroy(t);
}

// Sleeps for ever; it has a position, so that it ends although our slice may be over at once.
void sleep_beside(CapSlot env) {
  must(call::slice_bind(boot::slices, 7, env));
  expect_ok(call::env_sleep(abi::forever.raw(), env), "sleep");
  must(call::slice_bind(boot::slices, 7, boot::self));
}

void monitors() {
  Thread t = make_thread();
  const abi::EnvEntries entries{.monitor = boot::self};
  must(call::env_configure(t.env, &entries));
  start(t, halts_with_argument, 1);
  // Sleeping for ever while it runs: only the monitor's wake brings us back.
  sleep_beside(t.env);
  expect_equal(must(rt::read_env(t.env)).state, abi::RunState::halted);
  must(call::env_start(t.env, Va{0x7fff'0000'0000}, Va{t.stack_top}, 0));
  sleep_beside(t.env);
  const abi::EnvState stuck = must(rt::read_env(t.env));
  expect_equal(stuck.state, abi::RunState::stuck, "stuck");
  expect_equal(stuck.code, exception::page_fault, "vector");
  expect_equal(stuck.address, 0x7fff'0000'0000ull, "cr2");
  expect_equal(stuck.registers.rip, 0x7fff'0000'0000ull, "rip");
  destroy(t);
}

void sleep_and_wake() {
  Thread t = make_thread();
  seen = 0;
  start(t, sleeps);
  expect_equal(run(t.env).state, abi::RunState::sleeping);
  expect_equal(std::uint64_t{seen}, 1ull);
  expect_error(call::env_yield(t.env), Error::wrong_state, "yield to a sleeper");
  expect_ok(call::env_wake(t.env));
  expect_equal(run(t.env).state, abi::RunState::sleeping);
  expect_equal(std::uint64_t{seen}, 2ull);
  // A wake that comes first is not lost.
  expect_ok(call::env_wake(boot::self));
  expect_ok(call::env_sleep(abi::forever.raw(), abi::no_slot), "returns at once");
  destroy(t);
}

void in_domain(std::uint64_t argument) {
  expect_equal(argument, answer, "argument");
  domain::own_mailbox().words[0] = argument + 1;
  const Page page = new_page();
  page.word() = 5;
  expect_equal(std::uint64_t{page.word()}, 5ull);
  expect_fault([] { load(0x3333'0000'0000); }, exception::page_fault, 0x3333'0000'0000, "its own fault");
  counter = 77;
}

void domains() {
  const auto before = settled_account();
  Domain d = make_domain();
  counter = 1;
  run_body(d, in_domain, answer);
  expect_equal(std::uint64_t{d.mailbox->words[0]}, answer + 1, "mailbox");
  expect_equal(std::uint64_t{counter}, 1ull, "its variables are its own");
  // The account ends with all that it owns: env, space, table, and pages, those mapped here among them.
  must(rt::destroy_and_drop(d.account));
  for (const CapSlot slot : {d.env, d.space, d.table}) {
    expect_equal(must(rt::read_cap(slot)).live, std::uint8_t{0}, "ended with its account");
    must(rt::drop(slot));
  }
  expect_fault([&] { static_cast<void>(load(reinterpret_cast<std::uint64_t>(d.area))); }, exception::page_fault,
               reinterpret_cast<std::uint64_t>(d.area), "its page is not ours to see any more");
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.mailbox), 1));
  must(call::frame_free(boot::account, d.mailbox_frame, 1));
  expect_settled(before, "domain");
}

void other_space(std::uint64_t slot) {
  expect_ok(call::env_space(CapSlot{static_cast<std::uint32_t>(slot)}));
  seen = load(0x5000'0000'0000);
  expect_ok(call::env_space(boot::space));
  rt::halt(0);
}

void switches_space() {
  Thread t = make_thread();
  // A space with the same program and stack, and a page that only it has.
  const CapSlot space = new_slot();
  must(call::space_create(boot::account, space, abi::any_frame));
  must(call::space_link(space, 0, boot::space));
  if (t.stack_top / abi::slot_size != 0)
    must(call::space_link(space, static_cast<std::uint32_t>(t.stack_top / abi::slot_size), boot::space));
  const Page page = new_page();
  page.word() = 4711;
  must(rt::map(space, 0x5000'0000'0000, page.frame, 1, abi::map_read, boot::account));
  seen = 0;
  start(t, other_space, space.raw());
  expect_equal(run(t.env).state, abi::RunState::halted);
  expect_equal(std::uint64_t{seen}, 4711ull, "read in the other space");
  destroy(t);
  must(rt::destroy_and_drop(space));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  life();
  user_area_is_pinned();
  stop_and_resume();
  monitors();
  sleep_and_wake();
  domains();
  switches_space();
  finish();
}
