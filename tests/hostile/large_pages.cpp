// SPDX-License-Identifier: MIT
// Large mappings as a way around what is checked for small ones: crooked addresses, runs with a foreign frame in them,
// rights that a capability lacks, parts of a page, tables that nobody can pay, and what translations remember.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint64_t span = 512, large_size = span * page_size;
constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

std::uint64_t large_va(std::uint64_t pages = 1) {
  return base::align_up<std::uint64_t>(new_va((pages + 1) * span), large_size);
}
FrameNumber large_run(CapSlot account = boot::account) {
  return must_frame(call::frame_alloc(account, abi::any_frame, span, span - 1, 0));
}
Error update(CapSlot space, const abi::SpaceOp& op) { return call::space_update.raw(space, &op, 1).code(); }
abi::SpaceOp map_op(std::uint64_t va, FrameNumber first, std::uint32_t flags, CapSlot authority, std::uint64_t pages = span) {
  return rt::map_op(va, first, pages, flags | abi::map_large, authority);
}

void crooked() {
  const FrameNumber run = large_run();
  const std::uint64_t va = large_va(2);
  const abi::AccountInfo before = settled_account();
  for (const std::uint64_t off : {1ull, 0x1000ull, 0x1000ull * 256, 0x1000ull * 511})
    expect(update(abi::no_slot, map_op(va + off, run, read_write, boot::account)) != Error::none, "a crooked address");
  for (const std::uint64_t off : {1ull, 256ull, 511ull})
    expect(update(abi::no_slot, map_op(va, run + off, read_write, boot::account)) != Error::none, "a crooked frame");
  for (const std::uint64_t pages : {1ull, 511ull, 513ull, 0ull})
    expect(update(abi::no_slot, map_op(va, run, read_write, boot::account, pages)) != Error::none, "a crooked length");
  for (const std::uint64_t edge : {abi::user_end & ~(large_size - 1), std::uint64_t{0x8000'0000'0000}, abi::window_base})
    expect(update(abi::no_slot, map_op(edge, run, read_write, boot::account)) != Error::none, "over the end");
  // A large mapping of what lies beyond memory, or wraps.
  for (const std::uint64_t frame : {1ull << 40, (1ull << 52) - 512, ~0ull - 511})
    expect(update(abi::no_slot, map_op(va, FrameNumber{frame}, read_write, boot::account)) != Error::none, "no memory");
  expect_settled(before, "crooked large pages");
  for (std::uint64_t i = 0; i < span; i += 37) expect_equal(frame_info(run + i).maps, 0u, "nothing is mapped");
  must(call::frame_free(boot::account, run, span));
}

// One frame among the 512 is somebody else's, or a kernel object.
void foreign_frame_inside() {
  const FrameNumber run = large_run();
  const std::uint64_t va = large_va();
  const CapSlot thief = new_slot(), table = new_slot();
  must(rt::create_account(boot::account, thief, rt::frames_only(600)));
  for (const std::uint64_t at : {0ull, 255ull, 511ull}) {
    must(call::frame_free(boot::account, run + at, 1));
    must(call::table_create(boot::account, table, run + at));
    expect_equal(update(abi::no_slot, map_op(va, run, read_write, boot::account)), Error::out_of_range, "an object inside");
    must(rt::destroy_and_drop(table));
    must(call::frame_alloc(thief, run + at, 1, 0, 0));
    expect_equal(update(abi::no_slot, map_op(va, run, read_write, boot::account)), Error::out_of_range, "a foreign frame");
    must(call::frame_free(thief, run + at, 1));
    must(call::frame_alloc(boot::account, run + at, 1, 0, 0));
  }
  for (std::uint64_t i = 0; i < span; ++i)
    if (!expect_equal(frame_info(run + i).maps, 0u, "nothing is mapped")) break;
  // A capability that covers all but one.
  const CapSlot most = new_slot();
  must(call::frame_cap(boot::account, most, run, span - 1, abi::all_rights));
  expect_equal(update(abi::no_slot, map_op(va, run, read_write, most)), Error::out_of_range, "511 frames");
  must(rt::drop(most));
  must(rt::destroy_and_drop(thief));
  must(call::frame_free(boot::account, run, span));
}

void ceilings() {
  const FrameNumber run = large_run();
  const std::uint64_t va = large_va();
  const CapSlot all = new_slot(), readable = new_slot();
  must(call::frame_cap(boot::account, all, run, span, abi::all_rights));
  must(call::cap_derive(all, readable, bits(abi::FramesRight::read), 0, 0));
  expect_equal(update(abi::no_slot, map_op(va, run, read_write, readable)), Error::missing_right, "write");
  expect_equal(update(abi::no_slot, map_op(va, run, abi::map_read | abi::map_execute, readable)), Error::missing_right, "execute");
  expect_equal(update(abi::no_slot, map_op(va, run, abi::map_read | abi::map_owned, all)), Error::bad_argument, "owned");
  must(rt::update(abi::no_slot, std::array{map_op(va, run, abi::map_read, readable)}));
  const auto refused = [&](std::string_view when) {
    for (const std::uint32_t flags : {abi::map_write, abi::map_execute, abi::map_owned})
      expect_equal(update(abi::no_slot, rt::protect_op(va, span, abi::map_read | flags)), Error::missing_right, when);
    expect_fault([=] { store(va + 5 * page_size, 1); }, exception::page_fault, va + 5 * page_size, when);
  };
  refused("large");
  // Parts of a large page.
  expect_equal(update(abi::no_slot, rt::unmap_op(va, 1)), Error::wrong_state, "unmap a part");
  expect_equal(update(abi::no_slot, rt::unmap_op(va + page_size, span - 1)), Error::wrong_state, "unmap a part");
  expect_equal(update(abi::no_slot, rt::protect_op(va, 1, abi::map_read)), Error::wrong_state, "protect a part");
  expect_equal(update(abi::no_slot, rt::copy_op(va, 1, read_write, boot::account)), Error::wrong_state, "copy a part");
  expect_equal(update(abi::no_slot, rt::move_op(large_va(), va, 1)), Error::wrong_state, "move a part");
  const Page page = new_page();
  expect_equal(update(abi::no_slot, rt::map_op(va, page.frame, 1, read_write | abi::map_replace, boot::account)),
               Error::wrong_state, "a small page in its place");
  expect_equal(update(abi::no_slot, rt::map_op(va, page.frame, 1, read_write, boot::account)), Error::occupied, "over it");
  // The small pages that it is split into may no more than it did.
  must(rt::update(abi::no_slot, std::array{abi::SpaceOp{abi::SpaceVerb::split, 0, abi::no_slot, 0, va, span, 0}}));
  refused("split");
  must(rt::unmap(abi::no_slot, va + page_size, span - 1));
  expect_equal(frame_info(run).maps, 1u, "one page is left");
  expect_equal(frame_info(run + 1).maps, 0u, "the others are not");
  must(rt::unmap(abi::no_slot, va, 1));
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
  must(rt::drop(readable));
  must(rt::drop(all));
  must(call::frame_free(boot::account, run, span));
}

// Splitting takes a table; without one nothing has changed.
void split_without_memory() {
  const CapSlot poor = new_slot(), home = new_slot();
  must(rt::create_account(boot::account, poor, rt::frames_only(2 + 2 + span)));  // the space, two tables, the run
  must(call::space_create(poor, home, abi::any_frame));
  const FrameNumber run = large_run(poor);
  const std::uint64_t va = 0x4000'0000;
  must(rt::update(home, std::array{map_op(va, run, read_write | abi::map_owned, poor)}));
  const abi::AccountInfo before = must(rt::read_account(poor));
  const abi::SpaceOp split{abi::SpaceVerb::split, 0, abi::no_slot, 0, va, span, 0};
  for (int i = 0; i < 3; ++i) expect_equal(update(home, split), Error::over_limit, "no table for it");
  expect_same_account(before, poor, "a split that could not be");
  for (std::uint64_t i = 0; i < span; i += 73) expect_equal(frame_info(run + i).maps, 1u, "mapped as before");
  expect_error(call::frame_free(poor, run + 9, 1), Error::busy, "a frame in the middle is in use");
  must(rt::unmap(home, va, span));
  expect_equal(frame_info(run).owner, 0u, "owned: freed with the mapping");
  must(rt::destroy_and_drop(home));
  must(rt::destroy_and_drop(poor));
}

// A large entry read through the window shows the frame behind it as if it were a table: the translation of that view must
// go with the mapping.
void stale_views() {
  for (int round = 0; round < 8; ++round) {
    const FrameNumber run = large_run();
    const std::uint64_t va = large_va(), view = abi::pte_window(va);
    must(rt::update(abi::no_slot, std::array{map_op(va, run, read_write, boot::account)}));
    store(va, 0x1111);
    static_cast<void>(catch_fault([=] { load(view); }));
    expect_fault([=] { store(view, 0); }, exception::page_fault, 0, "the window is not writable");
    static_cast<void>(load(va + 300 * page_size));
    must(rt::unmap(abi::no_slot, va, span));
    must(call::frame_free(boot::account, run, span));
    // The next owner's secret.
    const std::uint64_t elsewhere = new_va();
    must(call::frame_alloc(boot::account, run, 1, 0, 0));
    must(rt::map(abi::no_slot, elsewhere, run, 1, read_write, boot::account));
    store(elsewhere, 0x5ec2e7);
    for (const std::uint64_t at : {view, va, va + 300 * page_size}) {
      const auto fault = catch_fault([=] {
        if (load(at) == 0x5ec2e7) fail(here(), "a translation outlived its mapping");
      });
      expect(fault.has_value() || at == view, "unmapped");
    }
    must(rt::unmap(abi::no_slot, elsewhere, 1));
    must(call::frame_free(boot::account, run, 1));
  }
}

// A neighbour maps a run large under a capability; a part of the run is revoked.
constexpr std::uint32_t given_slot = 20;
void maps_large(std::uint64_t frame) {
  const std::uint64_t va = 0x4000'0000;
  must(rt::update(boot::space, std::array{map_op(va, FrameNumber{frame}, read_write, CapSlot{given_slot})}));
  store(va + 7 * page_size, 0x77);
  domain::own_mailbox().words[0] = 1;
  must(call::env_yield(abi::no_slot));
  for (const std::uint64_t page : {0ull, 7ull, 511ull})
    expect_fault([=] { load(va + page * page_size); }, exception::page_fault, va + page * page_size, "revoked");
  domain::own_mailbox().words[0] = 2;
}

void revoked_from_a_neighbour() {
  const FrameNumber run = large_run();
  Domain d = make_domain();
  const CapSlot all = new_slot();
  must(call::frame_cap(boot::account, all, run, span, abi::all_rights));
  must(call::cap_grant(all, d.table, CapSlot{given_slot}, abi::all_rights, 0, 0));
  start(d, maps_large, run.raw());
  for (int i = 0; i < 200 && d.mailbox->words[0] == 0; ++i) must(call::env_yield(d.env));
  expect_equal(std::uint64_t{d.mailbox->words[0]}, 1ull, "it has mapped");
  expect_equal(frame_info(run + 7).maps, 1u, "mapped there");
  must(rt::revoke(all));
  for (const std::uint64_t at : {0ull, 7ull, 511ull}) expect_equal(frame_info(run + at).maps, 0u, "mapped nowhere");
  static_cast<void>(guest::run(d));
  expect_equal(std::uint64_t{d.mailbox->words[0]}, 2ull, "it has seen that it is gone");
  destroy(d);
  must(rt::drop(all));
  must(call::frame_free(boot::account, run, span));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  const abi::AccountInfo before = settled_account();
  crooked();
  foreign_frame_inside();
  ceilings();
  split_without_memory();
  stale_views();
  revoked_from_a_neighbour();
  expect_settled(before, "large pages");
  finish();
}
