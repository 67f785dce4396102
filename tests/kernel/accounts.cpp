// SPDX-License-Identifier: MIT
// Accounts: limits on frames, slices and objects, claims of children, objects claimed, and the end of an account with a
// running env, mapped and shared frames.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

using abi::Resource;

void recount(std::string_view stage, Where at = here()) {
  const auto wrong = call::machine_check(boot::machine);
  if (expect_ok(wrong, stage, at)) expect_equal(*wrong, std::uint64_t{0}, stage, at);
}

void limits_of_each_kind() {
  const auto before = settled_account();
  const CapSlot account = new_slot(), table = new_slot(), other = new_slot();
  must(rt::create_account(boot::account, account, {.limit = {30, 0, 2}, .minimum = {10, 0, 0}}));
  must(call::table_create(account, table, abi::any_frame));
  must(call::table_grow(table, 0, account, abi::any_frame));
  expect_error(call::table_grow(table, 1, account, abi::any_frame), Error::over_limit, "objects");
  expect_error(call::frame_alloc(account, abi::any_frame, 29, 0, 0), Error::over_limit, "frames");
  const abi::AccountLimits more{.limit = {30, 0, 4}, .minimum = {10, 0, 0}};
  must(call::account_limit(boot::account, account, &more));
  expect_ok(call::table_grow(table, 300, account, abi::any_frame), "with its index");
  // The capability is lost; the account's owner makes another.
  const FrameNumber object{must(rt::read_cap(table)).object};
  must(rt::revoke(account));
  expect_error(rt::read_cap(table), Error::empty_slot, "it lay below the account's");
  must(call::account_claim(account, other, object));
  expect_equal(must(rt::read_cap(other)).object, object.raw(), "claimed");
  must(rt::destroy_and_drop(account));
  expect_error(rt::destroy(other), Error::stale, "it went with its account");
  must(rt::drop(other));
  recount("limits");
  const auto after = settled_account();
  expect_equal(rt::room_in(after, Resource::frames) - rt::room_in(before, Resource::frames), 0ull, "paid back");
}

void spins(std::uint64_t) {
  for (;;) asm volatile("pause");
}

// A domain runs on the other processor while it is taken apart; its frames are mapped and shared here.
void end_of_a_running_domain() {
  const auto before = must(rt::read_account(boot::account));
  Domain d = make_domain();
  const abi::AccountLimits with_slices{.limit = {256, 3, 256}, .minimum = {}};
  must(call::account_limit(boot::account, d.account, &with_slices));
  const std::uint32_t second = abi::slices_per_cpu;
  for (std::uint32_t i = 0; i < 3; ++i) must(call::slice_bind(boot::slices, second + i, d.env));
  expect_error(call::slice_bind(boot::slices, second + 3, d.env), Error::over_limit, "a fourth slice");
  const FrameNumber shared = must_frame(call::frame_alloc(d.account, abi::any_frame, 2, 1, 0));
  const CapSlot cap = new_slot(), part = new_slot();
  must(call::frame_cap(d.account, cap, shared, 2, abi::all_rights));
  must(call::cap_derive(cap, part, abi::all_rights, shared.raw(), 1));
  const std::uint64_t va = new_va();
  must(rt::map(abi::no_slot, va, shared, 1, abi::map_read | abi::map_write, part));
  store(va, 0x5ec7'e700);
  start(d, spins);
  const std::uint64_t until = now_ns() + 30'000'000;
  while (now_ns() < until) asm volatile("pause");
  recount("it runs");
  must(rt::destroy_and_drop(d.account));
  recount("it is gone");
  for (const CapSlot slot : {d.env, d.space, d.table}) {
    expect_equal(must(rt::read_cap(slot)).live, std::uint8_t{0}, "ended");
    must(rt::drop(slot));
  }
  for (const CapSlot slot : {cap, part}) expect_error(rt::read_cap(slot), Error::empty_slot, "to its frames");
  expect_fault([&] { load(va); }, exception::page_fault, va, "its frame");
  expect_equal(frame_info(shared).use, abi::FrameUse::free, "freed");
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.mailbox), 1));
  must(call::frame_free(boot::account, d.mailbox_frame, 1));
  const auto after = must(rt::read_account(boot::account));
  expect_equal(rt::use_of(after, Resource::slices), rt::use_of(before, Resource::slices), "its slices came back");
  expect_equal(after.children, before.children, "no child left");
}

void colours() {
  for (const std::uint32_t colour : {0u, 5u, 15u}) {
    const FrameNumber f = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 15, colour));
    expect_equal(f.raw() % 16, std::uint64_t{colour}, "its colour");
    must(call::frame_free(boot::account, f, 1));
  }
  const FrameNumber large = must_frame(call::frame_alloc(boot::account, abi::any_frame, 512, 511, 0));
  expect_equal(large.raw() % 512, 0ull, "2 MiB, aligned");
  must(call::frame_free(boot::account, large, 512));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  limits_of_each_kind();
  colours();
  end_of_a_running_domain();
  finish();
}
