// SPDX-License-Identifier: MIT
// Exhaustion: accounts, tables, frames. A call that fails for want of something takes nothing, and what others have is
// not touched.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

// Every call that charges, against an account with exactly `room` frames left: it either succeeds or takes nothing.
void each_charge() {
  const auto before = settled_account();
  const CapSlot account = new_slot(), dst = new_slot(), space = new_slot(), table = new_slot();
  must(rt::create_account(boot::account, account, rt::frames_only(20)));
  must(call::space_create(account, space, abi::any_frame));
  must(call::table_create(account, table, abi::any_frame));
  const FrameNumber area = must_frame(call::frame_alloc(account, abi::any_frame, 1, 0, 0));
  const auto used = rt::use_of(must(rt::read_account(account)), abi::Resource::frames);
  for (std::uint64_t room = 0; room <= 4; ++room) {
    const std::uint64_t fill = 20 - used - room;
    const FrameNumber filler = must_frame(call::frame_alloc(account, abi::any_frame, fill, 0, 0));
    const auto full = must(rt::read_account(account));
    const auto attempt = [&](auto made, std::uint64_t needs, std::string_view what) {
      const abi::Status status = made();
      expect_error(status, needs <= room ? Error::none : Error::over_limit,
                   base::Text<60>{"{} with {} frames left", what, room}.view());
      if (status.has_value()) {
        expect_equal(rt::use_of(must(rt::read_account(account)), abi::Resource::frames), rt::use_of(full, abi::Resource::frames) + needs, what);
        must(rt::destroy_and_drop(dst));
      }
      expect_same_account(full, account, what);
      expect_error(rt::read_cap(dst), Error::empty_slot, what);
    };
    attempt([&] { return call::space_create(account, dst, abi::any_frame); }, 2, "space_create");
    attempt([&] { return call::table_create(account, dst, abi::any_frame); }, 1, "table_create");
    attempt([&] { return rt::create_account(account, dst, rt::frames_only(1)); }, 2, "account_create");
    attempt([&] { return call::env_create(account, dst, space, table, area, abi::any_frame); }, 1, "env_create");
    if (room == 0) expect_error(call::table_grow(table, 0, account, abi::any_frame), Error::over_limit, "table_grow");
    // A page in an empty region needs three tables and itself.
    const abi::Status mapped = rt::map_new(space, 0x5555'0000'0000, 1, read_write | abi::map_owned, account);
    expect_error(mapped, room >= 4 ? Error::none : Error::over_limit, "map_new");
    if (mapped) must(rt::unmap(space, 0x5555'0000'0000, 1));
    must(rt::trim(space, 0, 1ull << 35));
    expect_same_account(full, account, "map_new");
    must(call::frame_free(account, filler, fill));
  }
  must(rt::destroy_and_drop(table));
  must(rt::destroy_and_drop(space));
  must(call::frame_free(account, area, 1));
  must(rt::destroy_and_drop(account));
  expect_settled(before, "each charge");
}

// Page tables are charged to the space's account, whoever's frames are mapped and whoever maps them.
void page_tables_are_charged() {
  const CapSlot poor = new_slot(), space = new_slot();
  must(rt::create_account(boot::account, poor, rt::frames_only(6)));
  must(call::space_create(poor, space, abi::any_frame));
  const Page page = new_page();
  const auto root = must(rt::read_account(boot::account));
  std::uint64_t mapped = 0;
  for (std::uint64_t i = 0; i < 100; ++i) {
    const abi::Status s = rt::map(space, i << 30, page.frame, 1, abi::map_read, boot::account);
    if (s) ++mapped;
    else expect_error(s, Error::over_limit, "page tables");
  }
  expect_equal(mapped, 1ull, "three tables for the first gigabyte, none left for the second");
  expect_same_account(root, boot::account, "page tables of another");
  expect(rt::use_of(must(rt::read_account(poor)), abi::Resource::frames) <= 6, "limit");
  must(rt::destroy_and_drop(space));
  must(rt::destroy_and_drop(poor));
}

// A fork bomb of objects in one account.
void object_bomb() {
  const auto before = settled_account();
  const CapSlot account = new_slot();
  must(rt::create_account(boot::account, account, rt::frames_only(100)));
  std::array<CapSlot, 120> slots{};
  std::size_t made = 0;
  for (CapSlot& slot : slots) {
    slot = new_slot();
    const abi::Status s = made % 3 == 0   ? call::space_create(account, slot, abi::any_frame)
                          : made % 3 == 1 ? call::table_create(account, slot, abi::any_frame)
                                          : rt::create_account(account, slot, rt::frames_only(1));
    if (!s) {
      expect_error(s, Error::over_limit, "the bomb's end");
      break;
    }
    ++made;
  }
  expect(made > 50 && made < 70, "as many as fit");
  const auto full = must(rt::read_account(account));
  expect(rt::use_of(full, abi::Resource::frames) <= rt::limit_of(full, abi::Resource::frames), "never above the limit");
  for (std::size_t i = 0; i < made; ++i) must(rt::destroy_and_drop(slots[i]));
  must(rt::destroy_and_drop(account));
  const auto after = settled_account();
  expect(rt::use_of(after, abi::Resource::frames) - rt::use_of(before, abi::Resource::frames) <= 2, "only leaves of the own table are left");
}

// All slots of a table, then one more.
void table_exhaustion() {
  const CapSlot account = new_slot(), table = new_slot();
  must(rt::create_account(boot::account, account, rt::frames_only(16)));
  must(call::table_create(account, table, abi::any_frame));
  std::uint32_t leaves = 0;
  for (std::uint32_t leaf = 0; leaf < abi::leaves_per_table; ++leaf) {
    const abi::Status s = call::table_grow(table, leaf, account, abi::any_frame);
    if (!s) {
      expect_error(s, Error::over_limit, "leaves are paid");
      break;
    }
    ++leaves;
  }
  expect_equal(leaves, 15u, "as many as the account pays");
  for (std::uint32_t slot = 1; slot < leaves * abi::slots_per_leaf; ++slot)
    must(call::cap_grant(boot::space, table, CapSlot{slot}, bits(abi::SpaceRight::share), 0, 0));
  for (std::uint32_t slot = leaves * abi::slots_per_leaf; slot < leaves * abi::slots_per_leaf + 10; ++slot)
    expect_refused(call::cap_grant(boot::space, table, CapSlot{slot}, bits(abi::SpaceRight::share), 0, 0),
                   "a slot without a leaf");
  // 959 capabilities derived from ours go in bounded steps.
  must(rt::revoke(boot::space));
  must(rt::destroy_and_drop(table));
  must(rt::destroy_and_drop(account));
}

// Counters in the frame table are 16 bits: 70,000 references or pins must not wrap to none.
void reference_counts() {
  const FrameNumber frame = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
  const CapSlot cap = new_slot(), table = new_slot(), second = new_slot(), third = new_slot();
  must(call::frame_cap(boot::account, cap, frame, 1, abi::all_rights));
  std::uint64_t made = 1;
  const std::array tables{table, second, third};
  for (const CapSlot t : tables) {
    must(call::table_create(boot::account, t, abi::any_frame));
    for (std::uint32_t leaf = 0; leaf < 504; ++leaf)
      must(call::table_grow(t, leaf, boot::account, abi::any_frame));
    for (std::uint32_t slot = 1; slot < 504 * abi::slots_per_leaf; ++slot) {
      const abi::Status s = call::cap_grant(cap, t, CapSlot{slot}, abi::all_rights, 0, 0);
      if (!s) break;
      ++made;
    }
  }
  const std::uint16_t refs = frame_info(frame).refs;
  if (made < 65536) expect_equal(std::uint64_t{refs}, made, "references");
  else fail(here(), "more references than the counter holds were allowed");
  expect_error(call::frame_free(boot::account, frame, 1), Error::busy, "referenced");
  must(rt::revoke(cap));
  expect_equal(frame_info(frame).refs, std::uint16_t{1}, "only ours is left");
  must(rt::drop(cap));
  must(call::frame_free(boot::account, frame, 1));
  for (const CapSlot t : tables) must(rt::destroy_and_drop(t));
}

// Slices, sleepers, envs: as many as an account pays, and then an error.
void env_bomb() {
  const auto before = settled_account();
  std::array<Thread, 100> threads{};
  for (Thread& t : threads) {
    t = make_thread();
    start(t, [](std::uint64_t) { for (;;) static_cast<void>(call::env_sleep(abi::forever.raw() - 1, abi::no_slot)); });
    run(t.env);
  }
  // Ended in an order that is not that of their deadlines.
  for (std::size_t i = 0; i < threads.size(); i += 2) destroy(threads[i]);
  for (std::size_t i = 1; i < threads.size(); i += 2) destroy(threads[i]);
  expect_ok(call::env_sleep(now_ns() + 1'000'000, abi::no_slot), "sleep still works");
  const auto after = settled_account();
  expect(rt::use_of(after, abi::Resource::frames) - rt::use_of(before, abi::Resource::frames) <= 3, "only leaves of the own table are left");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  each_charge();
  page_tables_are_charged();
  object_bomb();
  table_exhaustion();
  reference_counts();
  env_bomb();
  finish();
}
