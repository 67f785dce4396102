// SPDX-License-Identifier: MIT
// Capabilities: derived, granted, dropped, revoked; ranges, rights, generations.
#include "tests/kernel/guest.hpp"

using namespace guest;

namespace {

CapSlot make_account() {
  const CapSlot slot = new_slot();
  must(rt::create_account(boot::account, slot, rt::frames_only(8)));
  return slot;
}

void derive_and_read() {
  const CapSlot parent = make_account(), child = new_slot();
  expect_ok(call::cap_derive(parent, child, bits(abi::AccountRight::allocate, abi::AccountRight::grant), 0, 0));
  const abi::CapInfo info = must(rt::read_cap(child));
  expect_equal(info.kind, static_cast<std::uint8_t>(abi::Kind::account), "kind");
  expect_equal(std::uint32_t{info.rights}, bits(abi::AccountRight::allocate, abi::AccountRight::grant), "rights");
  expect_equal(info.live, std::uint8_t{1}, "live");
  expect_equal(info.object, must(rt::read_cap(parent)).object, "object");
  expect_error(call::cap_derive(parent, child, abi::all_rights, 0, 0), Error::occupied, "slot taken");
  expect_error(rt::create_account(child, new_slot(), rt::frames_only(1)), Error::missing_right,
               "divide was not derived");
  must(rt::drop(child));
  expect_error(rt::read_cap(child), Error::empty_slot, "dropped");
  must(rt::destroy_and_drop(parent));
}

void drop_reparents() {
  // a -> b -> c: without b, c is a's, so revoking a takes it.
  const CapSlot a = make_account(), b = new_slot(), c = new_slot();
  must(call::cap_derive(a, b, abi::all_rights, 0, 0));
  must(call::cap_derive(b, c, abi::all_rights, 0, 0));
  must(rt::drop(b));
  expect_ok(rt::read_cap(c));
  must(rt::revoke(a));
  expect_error(rt::read_cap(c), Error::empty_slot, "revoked through the dropped one's parent");
  expect_ok(rt::read_cap(a), "revoke keeps the capability itself");
  must(rt::destroy_and_drop(a));
}

void revoke_trees() {
  // A chain and a fan, larger than one bounded step.
  const CapSlot root = make_account();
  constexpr std::size_t count = 600;
  std::array<CapSlot, count> slots{};
  for (std::size_t i = 0; i < count; ++i) {
    slots[i] = new_slot();
    const CapSlot from = i == 0 ? root : i < count / 2 ? slots[i - 1] : slots[i % 7];
    must(call::cap_derive(from, slots[i], abi::all_rights, 0, 0));
  }
  must(rt::revoke(slots[10]));
  expect_error(rt::read_cap(slots[11]), Error::empty_slot, "below");
  expect_ok(rt::read_cap(slots[10]), "itself");
  expect_ok(rt::read_cap(slots[9]), "above");
  must(rt::revoke(root));
  for (const CapSlot slot : slots) expect_error(rt::read_cap(slot), Error::empty_slot, "all");
  must(rt::destroy_and_drop(root));
}

void grants_and_tables() {
  const auto before = settled_account();
  const CapSlot table = new_slot(), source = make_account();
  must(call::table_create(boot::account, table, abi::any_frame));
  expect_error(call::cap_grant(source, table, CapSlot{5}, abi::all_rights, 0, 0), Error::bad_slot, "no leaf yet");
  must(call::table_grow(table, 3, boot::account, abi::any_frame));
  expect_error(call::table_grow(table, 3, boot::account, abi::any_frame), Error::occupied, "leaf twice");
  const CapSlot there{3 * abi::slots_per_leaf + 5};
  expect_ok(call::cap_grant(source, table, there, abi::all_rights, 0, 0));
  expect_error(call::cap_grant(source, table, there, abi::all_rights, 0, 0), Error::occupied);
  const CapSlot no_grant = new_slot();
  must(call::cap_derive(source, no_grant, bits(abi::AccountRight::allocate), 0, 0));
  expect_error(call::cap_grant(no_grant, table, there + 1, abi::all_rights, 0, 0), Error::missing_right,
               "without grant");
  expect_error(rt::destroy(source), Error::none);
  const abi::CapInfo stale = must(rt::read_cap(no_grant));
  expect_equal(stale.live, std::uint8_t{0}, "stale after the object's end");
  expect_error(call::frame_alloc(no_grant, abi::any_frame, 1, 0, 0), Error::stale);
  must(rt::drop(no_grant));
  must(rt::drop(source));
  must(rt::destroy_and_drop(table));
  const auto after = settled_account();
  // Leaves of the own table stay.
  expect(rt::use_of(after, abi::Resource::objects) - rt::use_of(before, abi::Resource::objects) == rt::use_of(after, abi::Resource::frames) - rt::use_of(before, abi::Resource::frames), "tables paid back");
}

void frame_ranges() {
  const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, 16, 0, 0));
  const CapSlot all = new_slot(), part = new_slot(), none = new_slot();
  must(call::frame_cap(boot::account, all, first, 16, abi::all_rights));
  must(call::cap_derive(all, part, bits(abi::FramesRight::read), (first + 4).raw(), 4));
  const abi::CapInfo info = must(rt::read_cap(part));
  expect_equal(info.base, (first + 4).raw(), "base");
  expect_equal(info.count, 4ull, "count");
  expect_error(call::cap_derive(part, none, abi::all_rights, first.raw(), 16), Error::out_of_range,
               "wider than the source");
  expect_error(call::cap_derive(part, none, abi::all_rights, (first + 7).raw(), 2), Error::out_of_range,
               "over the end");
  expect_equal(frame_info(first + 4).refs, std::uint16_t{2}, "refs inside");
  expect_equal(frame_info(first).refs, std::uint16_t{1}, "refs outside");

  const std::uint64_t va = new_va(16);
  expect_error(rt::map(abi::no_slot, va, first, 4, abi::map_read, part), Error::out_of_range, "map outside the range");
  expect_error(rt::map(abi::no_slot, va, first + 4, 4, abi::map_read | abi::map_write, part), Error::missing_right,
               "map writable");
  expect_ok(rt::map(abi::no_slot, va, first + 4, 4, abi::map_read, part));
  expect_error(rt::protect(abi::no_slot, va, 4, abi::map_read | abi::map_write), Error::missing_right,
               "protect past the ceiling");
  expect_ok(rt::protect(abi::no_slot, va, 4, abi::map_read));
  must(rt::unmap(abi::no_slot, va, 4));
  must(rt::revoke(all));
  must(rt::drop(all));
  expect_equal(frame_info(first + 4).refs, std::uint16_t{0}, "refs after");
  must(call::frame_free(boot::account, first, 16));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  derive_and_read();
  drop_reparents();
  revoke_trees();
  grants_and_tables();
  frame_ranges();
  finish();
}
