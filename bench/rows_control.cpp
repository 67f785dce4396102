// SPDX-License-Identifier: MIT
// Envs: making them, and passing the processor between them.
#include "bench/measure.hpp"

namespace bench {
namespace {

void creation() {
  const Page area = new_page();
  const CapSlot env = new_slot();
  measure_each("env_create_destroy", 10, [=] {
    must(call::env_create(boot::account, env, boot::space, boot::table, area.frame, abi::any_frame));
    must(rt::destroy_and_drop(env));
  });
  const CapSlot account = new_slot(), space = new_slot(), table = new_slot();
  measure_each("domain_create_destroy", 5, [=] {
    must(rt::create_account(boot::account, account, rt::frames_only(16)));
    must(call::space_create(account, space, abi::any_frame));
    must(call::table_create(account, table, abi::any_frame));
    must(call::table_grow(table, 0, account, abi::any_frame));
    const auto own_area = must_frame(call::frame_alloc(account, abi::any_frame, 1, 0, 0));
    must(call::env_create(account, env, space, table, own_area, abi::any_frame));
    for (const CapSlot slot : {env, table, space}) must(rt::destroy_and_drop(slot));
    must(call::frame_free(account, own_area, 1));
    must(rt::destroy_and_drop(account));
  });
}

[[noreturn]] void yields_back(std::uint64_t) {
  for (;;) static_cast<void>(call::env_yield.raw(boot::self));
}
[[noreturn]] void sleeps(std::uint64_t) {
  for (;;) static_cast<void>(call::env_sleep.raw(abi::forever.raw(), boot::self));
}

void switching() {
  Thread same = make_thread();
  start(same, yields_back);
  measure(
      "yield_same_space", 200, [] {}, [&] { repeat(100, [&] { static_cast<void>(call::env_yield.raw(same.env)); }); });
  destroy(same);

  Domain other = make_domain();
  must(call::cap_grant(boot::self, other.table, CapSlot{12}, bits(abi::EnvRight::donate), 0, 0));
  start(other, [](std::uint64_t) {
    for (;;) static_cast<void>(call::env_yield.raw(CapSlot{12}));
  });
  measure(
      "yield_other_space", 200, [] {},
      [&] { repeat(100, [&] { static_cast<void>(call::env_yield.raw(other.env)); }); });
  destroy(other);

  Thread sleeper = make_thread();
  start(sleeper, sleeps);
  must(call::env_yield(sleeper.env));
  measure(
      "wake_sleep", 100, [] {},
      [&] {
        repeat(100, [&] {
          static_cast<void>(call::env_wake.raw(sleeper.env));
          static_cast<void>(call::env_yield.raw(sleeper.env));
        });
      });
  measure_each("wake", 100, [&] { static_cast<void>(call::env_wake.raw(sleeper.env)); });
  destroy(sleeper);
}

}  // namespace

void control() {
  creation();
  switching();
}

}  // namespace bench
