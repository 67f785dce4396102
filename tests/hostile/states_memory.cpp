// SPDX-License-Identifier: MIT
// Frames, tables, spaces: limits reached, frames taken, nothing free anywhere, references counted to the brim.
#include "tests/hostile/arguments.hpp"

namespace arguments {
namespace {

using abi::SpaceOp;
using abi::SpaceVerb;

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

// An account with room for so many frames, all of which may be objects.
class Tight {
 public:
  explicit Tight(std::uint64_t frames) : slot_{new_slot()} {
    must(rt::create_account(boot::account, slot_, rt::frames_only(frames)));
  }
  ~Tight() { must(rt::destroy_and_drop(slot_)); }
  Tight(const Tight&) = delete;
  Tight& operator=(const Tight&) = delete;
  [[nodiscard]] CapSlot slot() const { return slot_; }

 private:
  CapSlot slot_;
};

// Both calls, which must refuse the same; what the first one has done the second does not repeat.
Error update(CapSlot space, const SpaceOp& op) {
  if (op.reserved != 0) return call::space_update.raw(space, &op, 1).code();
  const std::uint64_t what = std::to_underlying(op.verb) | std::uint64_t{op.flags} << 32;
  const Error one = call::page_update.raw(space, what, op.authority, Va{op.address}, op.pages, op.frame).code();
  if (one != Error::none && one != Error::again)
    expect_equal(call::space_update.raw(space, &op, 1).code(), one, "space_update and page_update agree");
  return one;
}

// --- one account full, one frame taken -----------------------------------------------------------------------------
void full_account(World& w) {
  const Tight none{0};
  expect_error(call::frame_alloc(none.slot(), abi::any_frame, 1, 0, 0), Error::over_limit, "frame");
  expect_error(call::table_create(none.slot(), w.empty, abi::any_frame), Error::over_limit, "table");
  expect_error(call::space_create(none.slot(), w.empty, abi::any_frame), Error::over_limit, "space");
  expect_error(call::table_grow(w.table, 3, none.slot(), abi::any_frame), Error::over_limit, "leaf");
  const abi::AccountLimits one = rt::frames_only(1);
  expect_error(call::account_create(none.slot(), w.empty, &one, abi::any_frame), Error::over_limit, "account");
  const std::uint64_t va = new_va();
  expect_equal(update(abi::no_slot, rt::map_new_op(va, 1, read_write, none.slot())), Error::over_limit, "map_new");
  must(rt::trim(abi::no_slot, va, 1));
}

void full_for_an_env(World& w) {
  const Tight one{1};
  const FrameNumber area = must_frame(call::frame_alloc(one.slot(), abi::any_frame, 1, 0, 0));
  expect_error(call::env_create(one.slot(), w.empty, w.space, w.table, area, abi::any_frame), Error::over_limit, "env");
  // A view of a slot without tables makes the source pay one.
  must(call::frame_free(one.slot(), area, 1));
  const Tight two{2};
  const CapSlot small = new_slot();
  must(call::space_create(two.slot(), small, abi::any_frame));
  expect_error(call::space_link(w.space, 7, small), Error::over_limit, "link");
  must(rt::destroy_and_drop(small));
}

void taken_frame(World& w) {
  const FrameNumber taken = w.frame;
  const abi::AccountLimits one = rt::frames_only(1);
  const CapSlot payer = boot::account;
  expect_error(call::frame_alloc(payer, taken, 1, 0, 0), Error::no_frame, "frame");
  expect_error(call::frame_alloc(payer, FrameNumber{1ull << 40}, 1, 0, 0), Error::out_of_range, "no such frame");
  expect_error(call::table_create(payer, w.empty, taken), Error::no_frame, "table");
  expect_error(call::space_create(payer, w.empty, taken), Error::no_frame, "space");
  expect_error(call::table_grow(w.table, 3, payer, taken), Error::no_frame, "leaf");
  expect_error(call::account_create(payer, w.empty, &one, taken), Error::no_frame, "account");
  expect_error(call::env_create(payer, w.empty, w.space, w.table, w.memory.frame, taken), Error::no_frame, "env");
  const std::uint64_t va = new_va();
  expect_equal(update(abi::no_slot, rt::map_new_op(va, 1, read_write, payer, taken)), Error::no_frame, "map_new");
  expect_error(call::table_grow(w.table, 0, payer, abi::any_frame), Error::occupied, "leaf");
}

void used_frames(World& w) {
  expect_error(call::frame_free(boot::account, w.memory.frame, 1), Error::busy, "mapped");
  expect_error(call::frame_free(boot::account, w.frame, 1), Error::out_of_range, "another's");
  expect_error(call::frame_cap(boot::account, w.empty, w.frame, 1, abi::all_rights), Error::out_of_range, "another's");
  expect_error(call::frame_cap(boot::account, w.empty, w.memory.frame, 1, 0x2), Error::missing_right, "no such right");
  expect_error(call::env_create(w.account, w.empty, w.space, w.table, w.area, abi::any_frame), Error::busy, "pinned");
  expect_error(call::env_create(w.account, w.empty, w.space, w.table, w.memory.frame, abi::any_frame),
               Error::out_of_range, "another's");
}

// --- spaces --------------------------------------------------------------------------------------------------------
void updates(World& w) {
  const std::uint64_t va = new_va(2048);
  const SpaceOp here_now = rt::map_op(w.memory.va, w.memory.frame, 1, abi::map_read, boot::account);
  expect_equal(update(abi::no_slot, here_now), Error::occupied, "mapped");
  expect_equal(update(abi::no_slot, rt::map_op(va, w.frame, 1, abi::map_read, boot::account)), Error::out_of_range,
               "another's");
  expect_equal(update(abi::no_slot, rt::copy_op(va, 1, read_write, boot::account)), Error::not_mapped, "nothing there");
  SpaceOp nonsense = here_now;
  nonsense.reserved = 1;
  expect_equal(update(abi::no_slot, nonsense), Error::bad_argument, "reserved");
  // Authorities are looked up like arguments.
  const auto under = [&](std::uint32_t authority) { return rt::map_new_op(va, 1, abi::map_read, CapSlot{authority}); };
  expect_equal(update(abi::no_slot, under(~0u)), Error::bad_slot, "authority outside");
  expect_equal(update(abi::no_slot, under(w.empty.raw())), Error::empty_slot, "no authority");
  expect_equal(update(abi::no_slot, under(w.gone.raw())), Error::stale, "authority gone");
  expect_equal(update(abi::no_slot, under(boot::console.raw())), Error::wrong_kind, "no account");
  // A batch larger than the budget comes back in the middle, and says where.
  const std::uint64_t many = abi::space_update_budget + 100;
  const SpaceOp big = rt::map_new_op(va, many, read_write | abi::map_owned, boot::account);
  const rt::RawAnswer part = call::space_update.raw(abi::no_slot, &big, 1);
  expect_equal(part.code(), Error::again, "more than the budget");
  expect(abi::SpaceProgress::unpack(part.value).pages < many, "a part of it");
  must(rt::unmap(abi::no_slot, va, many));
  const std::uint64_t what = std::to_underlying(big.verb) | std::uint64_t{big.flags} << 32;
  const rt::RawAnswer piece = call::page_update.raw(abi::no_slot, what, big.authority, Va{va}, many, big.frame);
  expect_equal(piece.code(), Error::again, "more than the budget, in registers");
  expect(piece.value > 0 && piece.value < many, "a part of it");
  must(rt::unmap(abi::no_slot, va, many));
}

void links(World& w) {
  const CapSlot other = new_slot();
  must(call::space_create(boot::account, other, abi::any_frame));
  expect_error(call::space_link(other, 256, abi::no_slot), Error::bad_argument, "index");
  expect_error(call::space_link(other, 9, abi::no_slot), Error::wrong_state, "not linked");
  must(rt::map_new(other, 0x1000, 1, abi::map_read | abi::map_owned, boot::account));
  expect_error(call::space_link(other, 0, w.space), Error::occupied, "has mappings");
  must(call::space_link(other, 9, w.space));
  const std::uint64_t seen = 9 * abi::slot_size;
  expect_equal(update(other, rt::map_new_op(seen, 1, abi::map_read, boot::account)), Error::wrong_state, "linked");
  expect_error(call::space_trim(other, Va{seen + 1}, 1), Error::bad_address, "misaligned");
  expect_error(call::space_trim(other, Va{std::uint64_t{0}}, 0), Error::bad_argument, "no pages");
  expect_error(call::space_trim(other, Va{std::uint64_t{0}}, abi::user_slots * abi::slot_size / page_size), Error::again, "a walk over all");
  must(rt::trim(other, 0, abi::user_slots * abi::slot_size / page_size));
  must(rt::destroy_and_drop(other));
}

// --- references to one frame, as many as can be counted -------------------------------------------------------------
void references(World& w) {
  constexpr std::uint32_t most = 0xffff;
  const CapSlot root = new_slot(), table = new_slot(), weak = new_slot();
  must(call::table_create(boot::account, table, abi::any_frame));
  must(call::frame_cap(boot::account, root, w.memory.frame, 1, abi::all_rights));
  must(call::cap_derive(root, weak, bits(abi::FramesRight::read), 0, 0));
  expect_error(call::cap_derive(weak, w.empty, bits(abi::FramesRight::write), 0, 0), Error::missing_right, "widening");
  expect_error(call::cap_grant(weak, table, CapSlot{1}, abi::all_rights, 0, 0), Error::missing_right, "no grant");
  expect_error(call::cap_derive(root, w.empty, abi::all_rights, w.memory.frame.raw() + 1, 1), Error::out_of_range,
               "range");
  must(rt::drop(weak));
  for (std::uint32_t refs = 1, slot = 1; refs < most; ++refs, ++slot) {
    if (slot % abi::slots_per_leaf == 0 || slot == 1)
      must(call::table_grow(table, slot / abi::slots_per_leaf, boot::account, abi::any_frame));
    must(rt::call::cap_grant(root, table, CapSlot{slot}, abi::all_rights, 0, 0));
  }
  expect_error(call::cap_grant(root, table, CapSlot{1}, abi::all_rights, 0, 0), Error::occupied, "filled slot");
  expect_error(call::cap_grant(root, w.table, CapSlot{20}, abi::all_rights, w.memory.frame.raw() + 1, 1),
               Error::out_of_range, "range");
  expect_error(call::cap_derive(root, w.empty, abi::all_rights, 0, 0), Error::over_limit, "references");
  expect_error(call::cap_grant(root, w.table, CapSlot{20}, abi::all_rights, 0, 0), Error::over_limit, "references");
  expect_error(call::frame_cap(boot::account, w.empty, w.memory.frame, 1, abi::all_rights), Error::over_limit,
               "references");
  expect_equal(frame_info(w.memory.frame).refs, 0xffff, "references counted");
  expect_error(call::cap_revoke(root), Error::again, "a large tree");
  expect_error(call::cap_drop(root), Error::again, "with many children");
  must(rt::revoke(root));
  must(rt::drop(root));
  expect_error(call::object_destroy(table), Error::again, "a large table");
  must(rt::destroy_and_drop(table));  // with those that the drop had moved up to the account's capability
  expect_equal(frame_info(w.memory.frame).refs, 0, "references left");
}

}  // namespace

void memory_states(World& w) {
  const abi::AccountInfo before = settled_account();
  full_account(w);
  full_for_an_env(w);
  taken_frame(w);
  used_frames(w);
  updates(w);
  links(w);
  references(w);
  expect_settled(before, "states of memory");
}

}  // namespace arguments
