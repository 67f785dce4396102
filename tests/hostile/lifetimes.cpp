// SPDX-License-Identifier: MIT
// Objects ended while something still refers to them: stale generations, spaces with envs, linked spaces, monitors,
// slices and sleepers that are gone, and envs that end themselves.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

void sleeps(std::uint64_t) {
  for (;;) static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
}
void loops(std::uint64_t) {
  spin_for_ever();
}

// The next object in the same frame is another object.
void reused_frames() {
  const CapSlot first = new_slot(), copy = new_slot(), second = new_slot();
  must(rt::create_account(boot::account, first, rt::frames_only(8)));
  must(call::cap_derive(first, copy, abi::all_rights, 0, 0));
  const FrameNumber frame{must(rt::read_cap(first)).object};
  must(rt::destroy_and_drop(first));
  const abi::AccountLimits limits = rt::frames_only(8);
  must(call::account_create(boot::account, second, &limits, frame));
  expect_equal(must(rt::read_cap(second)).object, frame.raw(), "the same frame");
  expect_error(call::frame_alloc(copy, abi::any_frame, 1, 0, 0), Error::stale, "the old name for the new object");
  expect_error(rt::destroy(copy), Error::stale, "destroy by the old name");
  expect_error(rt::create_account(copy, new_slot(), rt::frames_only(1)), Error::stale);
  expect_equal(rt::use_of(must(rt::read_account(second)), abi::Resource::frames), 0ull, "the new one is untouched");
  must(rt::drop(copy));
  must(rt::destroy_and_drop(second));
  // As another kind.
  const CapSlot space = new_slot(), old = new_slot();
  must(call::space_create(boot::account, space, abi::any_frame));
  must(call::cap_derive(space, old, abi::all_rights, 0, 0));
  const FrameNumber there{must(rt::read_cap(space)).object};
  must(rt::destroy_and_drop(space));
  must(call::table_create(boot::account, space, there));
  for (const auto& answer : {rt::map_new(old, 0x1000, 1, abi::map_read, boot::account),
                             call::space_link(abi::no_slot, 5, old), call::env_space(old)})
    expect_error(answer, Error::stale, "a table by the name of a space");
  must(rt::destroy_and_drop(space));
  must(rt::drop(old));
}

// Generations over many lives.
void many_lives() {
  const CapSlot slot = new_slot(), keeps = new_slot();
  must(call::table_create(boot::account, slot, abi::any_frame));
  must(call::cap_derive(slot, keeps, abi::all_rights, 0, 0));
  const FrameNumber frame{must(rt::read_cap(slot)).object};
  must(rt::destroy_and_drop(slot));
  for (int i = 0; i < 1000; ++i) {
    must(call::table_create(boot::account, slot, frame));
    expect_error(call::table_grow(keeps, 0, boot::account, abi::any_frame), Error::stale, "an old life");
    must(rt::destroy_and_drop(slot));
    if (failures() != 0) return;
  }
  must(rt::drop(keeps));
}

void busy_objects() {
  Domain d = make_domain();
  expect_error(rt::destroy(d.space), Error::busy, "a space with an env");
  const CapSlot linked = new_slot();
  must(call::space_create(boot::account, linked, abi::any_frame));
  must(call::space_link(d.space, 50, linked));
  expect_error(call::space_link(d.space, 50, linked), Error::occupied, "linked twice");
  must(call::space_link(d.space, 50, abi::no_slot));
  expect_error(call::space_link(d.space, 50, abi::no_slot), Error::wrong_state, "unlinked twice");
  must(rt::destroy_and_drop(linked));
  // Links to oneself and around in a circle.
  expect_refused(call::space_link(d.space, 51, d.space), "a link to itself");
  const CapSlot other = new_slot();
  must(call::space_create(boot::account, other, abi::any_frame));
  must(call::space_link(other, 52, d.space));
  expect_refused(call::space_link(d.space, 52, other), "a link of a link back");
  must(call::space_link(other, 52, abi::no_slot));
  must(rt::destroy_and_drop(other));
  // A slot that has entries of its own cannot be linked over.
  expect_refused(call::space_link(d.space, 0, boot::space), "link over own entries");
  destroy(d);
}

// The table an env uses is destroyed: the env has no capabilities left, and the kernel still stands.
void table_of_a_live_env() {
  Domain d = make_domain();
  start(d, [](std::uint64_t) {
    for (int i = 0; i < 3; ++i) static_cast<void>(call::env_yield(abi::no_slot));
    abi::CapInfo info{};
    const auto gone = call::cap_read(boot::account, &info);
    domain::own_mailbox().words[0] = gone.has_value() ? 0 : 1;
    static_cast<void>(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
    static_cast<void>(call::table_grow(abi::no_slot, 0, boot::account, abi::any_frame));
    rt::halt(0);
  });
  must(call::env_yield(d.env));
  const abi::Status ended = rt::destroy(d.table);
  if (ended.has_value()) {
    run(d);
    expect_equal(std::uint64_t{d.mailbox->words[0]}, 1ull, "no capabilities without a table");
    must(rt::drop(d.table));
  } else {
    expect_error(ended, Error::busy, "a table with an env");
  }
  must(rt::destroy_and_drop(d.env));
}

void monitors_and_sleepers() {
  // The monitor ends first.
  Thread monitor = make_thread(), watched = make_thread();
  start(monitor, sleeps);
  expect_equal(run(monitor.env).state, abi::RunState::sleeping);
  const abi::EnvEntries entries{.monitor = monitor.env};
  must(call::env_configure(watched.env, &entries));
  destroy(monitor);
  start(watched, [](std::uint64_t) { rt::halt(1); });
  expect_equal(run(watched.env).state, abi::RunState::halted, "halts with a monitor that is gone");
  destroy(watched);
  // Sleepers with deadlines, ended asleep.
  for (int i = 0; i < 20; ++i) {
    Thread t = make_thread();
    start(t, [](std::uint64_t) { for (;;) static_cast<void>(call::env_sleep(now_ns() + 2'000'000, abi::no_slot)); });
    run(t.env);
    destroy(t);
  }
  expect_ok(call::env_sleep(now_ns() + 5'000'000, abi::no_slot), "no dead sleeper is woken");
  // The console's env.
  Thread bound = make_thread();
  must(call::console_bind(boot::console, bound.env));
  destroy(bound);
  expect_ok(call::console_bind(boot::console, abi::no_slot));
}

void slices_of_the_dead() {
  Thread t = make_thread();
  start(t, loops);
  for (std::uint32_t position = 0; position < 63; ++position) must(call::slice_bind(boot::slices, position, t.env));
  expect_ok(call::env_sleep(now_ns() + 20'000'000, abi::no_slot));
  destroy(t);
  expect_ok(call::env_sleep(now_ns() + 20'000'000, abi::no_slot), "its positions are nobody's");
  // The next env in the same frame does not inherit them.
  const FrameNumber frame{must(rt::read_cap(boot::self)).object};
  static_cast<void>(frame);
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, boot::self));
}

// An env that pulls the ground from under itself.
void ends_itself(std::uint64_t what) {
  if (what == 0) static_cast<void>(rt::destroy(boot::self));
  if (what == 1) static_cast<void>(rt::destroy(boot::space));
  if (what == 2) static_cast<void>(rt::destroy(boot::account));
  if (what == 3) static_cast<void>(rt::destroy(boot::table));
  if (what == 4) static_cast<void>(rt::unmap(abi::no_slot, 0, 0x7'ffff'0000));  // all of itself
  if (what == 5) static_cast<void>(call::env_stop(boot::self));
  if (what == 6) {
    // Into a space without any memory.
    static_cast<void>(call::space_create(boot::account, CapSlot{40}, abi::any_frame));
    static_cast<void>(call::env_space(CapSlot{40}));
  }
  if (what == 7) static_cast<void>(rt::revoke(boot::self));
  if (what == 8)
    static_cast<void>(rt::drop(boot::space)),
        static_cast<void>(rt::map_new(abi::no_slot, 0x3'0000'0000, 1, abi::map_read | abi::map_owned, boot::account));
  if (what == 9)
    static_cast<void>(call::env_start(boot::self, Va{std::uint64_t{0x1000}}, Va{std::uint64_t{0x1000}}, 0));
  if (what == 10) {
    abi::Registers r{};
    static_cast<void>(call::env_write(boot::self, &r));
    static_cast<void>(call::env_resume(boot::self));
    static_cast<void>(call::env_read(boot::self, &r));
  }
  rt::halt(0);
}

void suicides() {
  for (std::uint64_t what = 0; what <= 10; ++what) {
    const abi::AccountInfo before = settled_account();
    Domain d = make_domain();
    start(d, ends_itself, what);
    for (int i = 0; i < 20; ++i)
      if (!call::env_yield(d.env).has_value()) break;
    const auto info = must(rt::read_cap(d.env));
    if (what == 0) {
      expect_equal(info.live, std::uint8_t{0}, "it ended itself");
      expect_error(rt::read_env(d.env), Error::stale);
    }
    // Whatever it did, its maker can clear up.
    const abi::Status env = rt::destroy(d.env);
    expect(env.has_value() || env.error() == Error::stale, base::Text<60>{"destroy env after {}", what}.view());
    const abi::Status table = rt::destroy(d.table);
    expect(table.has_value() || table.error() == Error::stale, base::Text<60>{"destroy table after {}", what}.view());
    // The account takes along what is left, a space of the domain's own making too, and may be ending already.
    const abi::Status account = rt::destroy(d.account);
    expect(account.has_value() || account.error() == Error::stale, base::Text<60>{"destroy account after {}", what}.view());
    expect_equal(must(rt::read_cap(d.space)).live, std::uint8_t{0}, "its space");
    must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.area), 1));
    must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.mailbox), 1));
    must(call::frame_free(boot::account, d.mailbox_frame, 1));
    const abi::AccountInfo after = settled_account();
    expect(rt::use_of(after, abi::Resource::frames) <= rt::use_of(before, abi::Resource::frames) + 1,
           base::Text<80>{"{}: {} frames before, {} after", what, rt::use_of(before, abi::Resource::frames), rt::use_of(after, abi::Resource::frames)}.view());
  }
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  reused_frames();
  many_lives();
  busy_objects();
  monitors_and_sleepers();
  slices_of_the_dead();
  suicides();
  table_of_a_live_env();
  finish();
}
