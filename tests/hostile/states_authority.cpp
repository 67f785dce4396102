// SPDX-License-Identifier: MIT
// Accounts and what is asked back from them, capabilities' ranges, objects that cannot end yet, devices.
#include "tests/hostile/arguments.hpp"

namespace arguments {
namespace {

using abi::AccountLimits;

constexpr std::uint64_t any_unit = abi::any_units;

void limits(World& w) {
  const CapSlot child = new_slot(), grandchild = new_slot();
  const AccountLimits small{.limit = {20, 0, 20}, .minimum = {4, 0, 0}};
  must(call::account_create(boot::account, child, &small, abi::any_frame));
  const AccountLimits upside_down{.limit = {4, 0, 4}, .minimum = {5, 0, 0}};
  expect_error(call::account_create(boot::account, w.empty, &upside_down, abi::any_frame), Error::bad_argument,
               "a minimum above the limit");
  expect_error(call::account_limit(boot::account, child, &upside_down), Error::bad_argument,
               "a minimum above the limit");
  const AccountLimits much = rt::frames_only(1ull << 40), none = rt::frames_only(0);
  expect_error(call::account_limit(boot::account, child, &much), Error::over_limit, "more than there is");
  must(rt::create_account(child, grandchild, rt::frames_only(2)));
  expect_error(call::account_limit(boot::account, child, &none), Error::over_limit, "less than is used");
  expect_error(call::account_limit(boot::account, grandchild, &small), Error::wrong_state, "a grandchild");
  expect_error(call::account_limit(child, child, &small), Error::wrong_state, "its own parent");
  expect_error(call::object_destroy(child), Error::busy, "has a child");
  expect_error(call::account_claim(child, w.empty, w.memory.frame), Error::out_of_range, "another's frame");
  const FrameNumber plain = must_frame(call::frame_alloc(child, abi::any_frame, 1, 0, 0));
  expect_error(call::account_claim(child, w.empty, plain), Error::out_of_range, "no object");
  must(rt::destroy_and_drop(grandchild));
  must(rt::destroy_and_drop(child));
}

void capabilities(World& w) {
  expect_error(call::cap_grant(w.account, w.table, CapSlot{21}, 1u << 16, 0, 0), Error::bad_argument, "rights");
  expect_error(call::cap_grant(w.account, w.table, CapSlot{21}, abi::all_rights, 5, 0), Error::bad_argument, "base");
  expect_error(call::cap_grant(w.account, w.table, CapSlot{0x7fff'ffff}, abi::all_rights, 0, 0), Error::bad_slot, "slot");
  expect_error(call::slice_bind(boot::slices, ~0u, boot::self), Error::out_of_range, "position");
  expect_error(call::slice_bind(boot::slices, 9, w.env), Error::over_limit, "its account has no slices");
  expect_error(call::table_grow(w.table, abi::leaves_per_table, w.account, abi::any_frame), Error::bad_argument, "leaf");
  expect_error(call::object_destroy(w.space), Error::busy, "an env is in it");
  expect_error(call::object_destroy(w.table), Error::busy, "an env uses it");
}

void devices() {
  std::array<std::byte, 8> bytes{};
  expect_error(call::console_write(boot::console, bytes.data(), 8), Error::would_block, "no device");
  expect_error(call::console_read(boot::console, bytes.data(), 8), Error::would_block, "no input");
  expect_error(call::machine_log(boot::machine, bytes.data(), abi::log_chunk + 1), Error::bad_argument, "too long");
  expect_error(call::trace_set(boot::machine, 1u << abi::trace_event_count), Error::bad_argument, "no such event");
  expect_error(call::machine_check(boot::machine), Error::unsupported, "not a test kernel");
}

// --- asking back ----------------------------------------------------------------------------------------------------
void bindings(World& w) {
  const FrameNumber vector = must_frame(call::frame_alloc(w.account, abi::any_frame, 1, 0, 0));
  expect_error(call::account_bind(w.account, w.env, w.memory.frame), Error::out_of_range, "another's frame");
  expect_error(call::account_bind(w.account, w.env, w.area), Error::busy, "pinned already");
  expect_error(call::account_bind(w.account, boot::self, vector), Error::wrong_state, "another's env");
  must(call::account_bind(w.account, w.env, vector));
  must(call::account_bind(w.account, abi::no_slot, FrameNumber{0}));
  must(call::frame_free(w.account, vector, 1));
}

void requests(World&) {
  constexpr std::uint64_t held = 300;
  const CapSlot victim = new_slot();
  const AccountLimits given{.limit = {held, 0, 10}, .minimum = {2, 0, 0}};
  must(call::account_create(boot::account, victim, &given, abi::any_frame));
  const FrameNumber first = must_frame(call::frame_alloc(victim, abi::any_frame, held, 0, 0));
  expect_error(call::account_revoke(victim, 2, any_unit, 1, 0), Error::bad_argument, "objects are not asked back");
  expect_error(call::account_revoke(victim, 0, any_unit, held, 0), Error::out_of_range, "below the minimum");
  expect_error(call::account_reclaim(victim), Error::wrong_state, "nothing was asked");
  // With a deadline that is far; then by force, which takes more than one step.
  const std::uint64_t asked = held - 10;
  must(call::account_revoke(victim, 0, any_unit, asked, now_ns() + 20'000'000));
  expect_error(call::account_revoke(victim, 0, any_unit, 1, 0), Error::wrong_state, "one at a time");
  expect_error(call::account_limit(boot::account, victim, &given), Error::wrong_state, "while it is asked");
  expect_error(call::account_reclaim(victim), Error::would_block, "before the deadline");
  while (now_ns() < must(rt::read_account(victim)).request_deadline) static_cast<void>(call::env_yield(abi::no_slot));
  std::uint64_t steps = 0;
  for (;; ++steps) {
    const auto taken = call::account_reclaim(victim);
    if (!taken.has_value() && taken.error() == Error::again) continue;
    expect_equal(must(taken), asked, "taken by force");
    break;
  }
  expect(steps > 0, "force takes more than one step");
  const abi::AccountInfo after = must(rt::read_account(victim));
  expect_equal(rt::use_of(after, abi::Resource::frames), held - asked, "what is left");
  std::uint64_t left = 0;
  for (std::uint64_t f = 0; f < held; ++f) left += call::frame_free(victim, first + f, 1).has_value() ? 1 : 0;
  expect_equal(left, held - asked, "frames still owned");
  must(rt::destroy_and_drop(victim));
}

}  // namespace

void authority_states(World& w) {
  limits(w);
  capabilities(w);
  devices();
}

void revocation_states(World& w) {
  bindings(w);
  requests(w);
}

}  // namespace arguments
