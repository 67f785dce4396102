// SPDX-License-Identifier: MIT
// Slices asked back from a container that does not give: by force it loses just what was asked, and what is
// left works on. And accounts that nobody has a capability to any more: who is above finds them again.
#include "tests/hostile/attack.hpp"
#include "tests/kernel/insight.hpp"

using namespace attack;

namespace {

using abi::Resource;
constexpr std::uint32_t positions = 20;

void recount(std::string_view stage, Where at = here()) {
  const auto wrong = call::machine_check(boot::machine);
  if (expect_ok(wrong, stage, at)) expect_equal(*wrong, std::uint64_t{0}, stage, at);
}

void spins(std::uint64_t) { spin_for_ever(); }

std::uint64_t owned_by(CapSlot env) {
  const std::uint64_t name = must(rt::read_cap(env)).object;
  std::uint64_t count = 0;
  for (const abi::SliceOwner& owner : slice_owners()) count += owner.env == name ? 1 : 0;
  return count;
}

std::uint64_t force(CapSlot account) {
  for (std::uint64_t steps = 0; steps < 100'000; ++steps) {
    const auto taken = call::account_reclaim(account);
    if (taken.has_value()) return *taken;
    if (!expect_error(taken, Error::again, "reclaim")) return 0;
  }
  fail(here(), "force never ends");
  return 0;
}

Domain domain_with(std::uint64_t slices) {
  Domain d = make_domain();
  const abi::AccountLimits limits{.limit = {256, slices, 256, 0}, .minimum = {0, 2, 0, 0}};
  must(call::account_limit(boot::account, d.account, &limits));
  return d;
}

// --- slices -----------------------------------------------------------------------------------------------------------
void slices() {
  for (std::uint32_t p = 0; p < positions; ++p) must(call::slice_bind(boot::slices, p, abi::no_slot));
  Domain d = domain_with(positions);
  start(d, spins);
  for (std::uint32_t p = 0; p < positions; ++p) must(call::slice_bind(boot::slices, p, d.env));
  const auto what = static_cast<std::uint32_t>(Resource::slices);
  expect_error(call::account_revoke(d.account, what, abi::any_units, positions - 1, 0), Error::out_of_range, "below its minimum");
  must(call::account_revoke(d.account, what, abi::any_units, 5, 0));
  expect_error(call::slice_bind(boot::slices, 40, d.env), Error::over_limit, "while it owes");
  expect_equal(force(d.account), 5ull, "taken by force");
  expect_equal(owned_by(d.env), positions - 5ull, "what is left");
  expect_equal(rt::use_of(must(rt::read_account(d.account)), Resource::slices), positions - 5ull, "and counted");
  recount("slices, any");
  // By name, two that it has and one that is ours.
  std::uint32_t named = 0;
  while (owned_by(d.env) == positions - 5ull) must(call::slice_bind(boot::slices, named++, abi::no_slot));
  must(call::slice_bind(boot::slices, --named, d.env));
  must(call::account_revoke(d.account, what, named, 1, 0));
  expect_equal(force(d.account), 1ull, "the one that was named");
  expect_equal(slice_owners()[named].env, 0u, "is nobody's");
  recount("slices, by name");
  const std::uint64_t ran = env_info(d.env).run_ns;
  const std::uint64_t later = now_ns() + 1'000'000'000;
  while (now_ns() < later) must(call::env_sleep(later, abi::no_slot));  // the wake of who asked is still due
  expect(env_info(d.env).run_ns > ran, "it runs on in those that are left");
  must(rt::until_done([&] { return call::env_stop(d.env); }));
  destroy(d);
  for (std::uint32_t p = 0; p < positions; ++p) must(call::slice_bind(boot::slices, p, boot::self));
}

// --- accounts that are lost -------------------------------------------------------------------------------------------
void lost_accounts() {
  const auto before = settled_account();
  const CapSlot top = new_slot(), middle = new_slot(), bottom = new_slot(), space = new_slot();
  must(rt::create_account(boot::account, top, rt::frames_only(40)));
  must(rt::create_account(top, middle, rt::frames_only(20)));
  must(rt::create_account(middle, bottom, rt::frames_only(10)));
  must(call::space_create(bottom, space, abi::any_frame));
  const auto frame_of = [](CapSlot slot) { return FrameNumber{must(rt::read_cap(slot)).object}; };
  const FrameNumber of_middle = frame_of(middle), of_bottom = frame_of(bottom);
  must(rt::revoke(top));  // and so all below it
  for (const CapSlot slot : {middle, bottom, space}) expect_error(rt::read_cap(slot), Error::empty_slot, "lost");
  expect_error(rt::destroy(top), Error::busy, "what it cannot see lives");
  expect_error(call::account_claim(top, bottom, of_bottom), Error::out_of_range, "only what the account itself owns");
  must(call::account_claim(top, middle, of_middle));
  expect_error(rt::destroy(middle), Error::busy, "one more below");
  must(call::account_claim(middle, bottom, of_bottom));
  must(rt::destroy_and_drop(bottom));
  must(rt::destroy_and_drop(middle));
  must(rt::destroy_and_drop(top));
  expect_settled(before, "lost accounts");
  recount("lost accounts");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  slices();
  lost_accounts();
  finish();
}
