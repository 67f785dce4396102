// SPDX-License-Identifier: MIT
// Slices and programs asked back from a container that does not give: by force it loses just what was asked, and what is
// left works on. And accounts that nobody has a capability to any more: who is above finds them again.
#include "tests/hostile/attack.hpp"
#include "tests/kernel/bytecode.hpp"
#include "tests/kernel/insight.hpp"

using namespace attack;

namespace {

using abi::Resource;
constexpr std::uint32_t positions = 20, programs = 4;

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

Domain domain_with(std::uint64_t slices, std::uint64_t loaded) {
  Domain d = make_domain();
  const abi::AccountLimits limits{.limit = {256, slices, 256, loaded}, .minimum = {0, slices == 0 ? 0u : 2u, 0, 0}};
  must(call::account_limit(boot::account, d.account, &limits));
  return d;
}

// --- slices -----------------------------------------------------------------------------------------------------------
void slices() {
  for (std::uint32_t p = 0; p < positions; ++p) must(call::slice_bind(boot::slices, p, abi::no_slot));
  Domain d = domain_with(positions, 0);
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

// --- programs ---------------------------------------------------------------------------------------------------------
constexpr CapSlot first_program{40};

void loads_programs(std::uint64_t) {
  static constexpr std::array code{ins::mov(0, 7), ins::exit()};
  auto header = header_of(abi::ProgramKind::function, code);
  header.code = reinterpret_cast<std::uint64_t>(code.data());
  for (std::uint32_t i = 0; i < programs; ++i) {
    must(call::program_load(boot::account, first_program + i, &header, abi::any_frame));
    const auto verdict = rt::until_done([&]() -> abi::Status {
      const auto step = call::program_verify(first_program + i);
      if (!step.has_value()) return base::Unexpected{step.error()};
      return {};
    });
    must(verdict);
  }
  auto& words = domain::own_mailbox().words;
  words[0] = 1;
  static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
  // After the force: those that are left run, the others are gone, with all that they took.
  for (std::uint32_t i = 0; i < programs; ++i) {
    std::uint64_t context = 0;
    abi::ProgramResult result{};
    const auto ran = call::program_run(first_program + i, &context, 8, 1, &result);
    words[1] = words[1] + (ran.has_value() && result.value == 7 ? 1 : 0);
    words[2] = words[2] + (!ran.has_value() && ran.error() == Error::stale ? 1 : 0);
  }
  auto again = call::program_load(boot::account, first_program + programs, &header, abi::any_frame);
  words[3] = again.has_value() ? 0 : static_cast<std::uint64_t>(again.error());
}

void programs_by_force() {
  Domain d = domain_with(0, programs);
  start(d, loads_programs);
  expect_equal(run(d).state, abi::RunState::sleeping, "its programs are loaded");
  const std::uint64_t frames = rt::use_of(must(rt::read_account(d.account)), Resource::frames);
  must(call::account_revoke(d.account, static_cast<std::uint32_t>(Resource::programs), abi::any_units, 3, 0));
  expect_equal(force(d.account), 3ull, "taken by force");
  const abi::AccountInfo after = must(rt::read_account(d.account));
  expect_equal(rt::use_of(after, Resource::programs), 1ull, "what is left");
  expect(rt::use_of(after, Resource::frames) <= frames - 6, "their frames came back");
  recount("programs");
  must(call::env_wake(d.env));
  expect_equal(run(d).state, abi::RunState::halted, "it went on");
  expect_equal(std::uint64_t{d.mailbox->words[1]}, 1ull, "one still runs");
  expect_equal(std::uint64_t{d.mailbox->words[2]}, 3ull, "three are gone");
  expect_equal(std::uint64_t{d.mailbox->words[3]}, static_cast<std::uint64_t>(Error::over_limit), "and none more");
  must(rt::destroy_and_drop(d.account));
  for (const CapSlot slot : {d.env, d.space, d.table}) must(rt::drop(slot));
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.mailbox), 1));
  must(call::frame_free(boot::account, d.mailbox_frame, 1));
  recount("the end of their account");
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
  programs_by_force();
  lost_accounts();
  finish();
}
