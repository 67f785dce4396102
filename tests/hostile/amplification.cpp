// SPDX-License-Identifier: MIT
// Rights never grow: not by derivation, grants, round trips through other tables, dropped parents, or mappings made
// before a right was taken away.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

// Every subset of rights, derived again with everything asked for: never more than the subset.
void derivation(CapSlot source) {
  const CapSlot subset = new_slot(), again = new_slot();
  const std::uint32_t full = must(rt::read_cap(source)).rights;
  for (std::uint32_t rights = 0; rights < 256; ++rights) {
    if ((rights & ~full) != 0) {
      expect_refused(call::cap_derive(source, subset, rights, 0, 0),
                     base::Text<60>{"rights {:#x} out of {:#x}", rights, full}.view());
      continue;
    }
    must(call::cap_derive(source, subset, rights, 0, 0));
    expect_equal(std::uint32_t{must(rt::read_cap(subset)).rights}, rights, "derived");
    must(call::cap_derive(subset, again, abi::all_rights, 0, 0));
    expect_equal(std::uint32_t{must(rt::read_cap(again)).rights}, rights, "all_rights means as many as the source has");
    must(rt::drop(again));
    for (std::uint32_t more = 0; more < 8; ++more) {
      if ((rights >> more & 1) != 0) continue;
      expect_refused(call::cap_derive(subset, again, rights | 1u << more, 0, 0), "one more right");
    }
    must(rt::drop(subset));
  }
}

// Out into a table and back by a second env that holds only what it was granted.
constexpr CapSlot weak_space{20}, weak_frames{21}, weak_env{22}, weak_account{23};

void with_weak_capabilities(std::uint64_t frame) {
  const FrameNumber f{frame};
  const std::uint64_t va = new_va(2);
  // share only: it may be linked, nothing else.
  expect_error(rt::map_new(weak_space, va, 1, read_write, boot::account), Error::missing_right, "change");
  expect_error(call::env_space(weak_space), Error::missing_right, "run in it");
  expect_error(rt::destroy(weak_space), Error::missing_right, "destroy it");
  expect_error(call::cap_grant(weak_space, boot::table, CapSlot{30}, abi::all_rights, 0, 0), Error::missing_right,
               "grant it on");
  must(call::space_link(abi::no_slot, 60, weak_space));
  expect_refused(rt::map_new(abi::no_slot, 60 * abi::slot_size, 1, read_write, boot::account),
                 "change through the link");
  expect_refused(rt::protect(abi::no_slot, 60 * abi::slot_size + 0x1000, 1, read_write), "protect through the link");
  expect_fault([] { store(60 * abi::slot_size + 0x1000, 1); }, exception::page_fault, 60 * abi::slot_size + 0x1000,
               "write to a read-only page through the link");
  expect_equal(load(60 * abi::slot_size + 0x1000), Canary::pattern(0), "read through the link");
  must(call::space_link(abi::no_slot, 60, abi::no_slot));
  // Cloning from it would need the same account.
  expect_refused(rt::clone(abi::no_slot, 60 * abi::slot_size + 0x1000, 1, abi::map_read, weak_space),
                 "clone from another account");

  // read only.
  expect_error(rt::map(abi::no_slot, va, f, 1, read_write, weak_frames), Error::missing_right, "map writable");
  expect_error(rt::map(abi::no_slot, va, f, 1, abi::map_read | abi::map_execute, weak_frames), Error::missing_right,
               "map executable");
  expect_refused(rt::map(abi::no_slot, va, f, 1, abi::map_read | abi::map_owned, weak_frames), "map as owned");
  expect_refused(rt::map(abi::no_slot, va, f + 1, 1, abi::map_read, weak_frames), "map the neighbour");
  expect_refused(rt::map(abi::no_slot, va, f, 2, abi::map_read, weak_frames), "map over the end");
  must(rt::unmap(abi::no_slot, va, 2));  // the first of the two was mapped
  expect_error(call::cap_derive(weak_frames, CapSlot{30}, bits(abi::FramesRight::write), 0, 0), Error::missing_right,
               "derive write");
  must(rt::map(abi::no_slot, va, f, 1, abi::map_read, weak_frames));
  expect_error(rt::protect(abi::no_slot, va, 1, read_write), Error::missing_right, "protect to writable");
  expect_error(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_execute), Error::missing_right,
               "protect to executable");
  static_cast<void>(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_owned));
  expect((rt::own_entry(va) & abi::pte_owned) == 0, "protect to owned");
  // Moving or cloning the entry keeps its ceiling.
  const std::uint64_t moved = new_va(), cloned_space = 0;
  static_cast<void>(cloned_space);
  must(rt::move(abi::no_slot, moved, va, 1));
  expect_error(rt::protect(abi::no_slot, moved, 1, read_write), Error::missing_right, "protect after a move");
  must(call::space_create(boot::account, CapSlot{31}, abi::any_frame));
  const abi::Status cloned = rt::clone(CapSlot{31}, moved, 1, read_write, boot::space);
  if (cloned)
    expect_error(rt::protect(CapSlot{31}, moved, 1, read_write), Error::missing_right, "protect after a clone");
  must(rt::destroy_and_drop(CapSlot{31}));
  expect_refused(rt::map(abi::no_slot, moved, f, 1, read_write | abi::map_replace, weak_frames),
                 "replace by a writable one");
  expect_equal(load(moved), Canary::pattern(0), "still mapped for reading");
  // A private copy is ours; the original is not.
  must(rt::copy(abi::no_slot, moved, 1, read_write | abi::map_owned, boot::account));
  store(moved, 1);

  // inspect only.
  abi::EnvState state{};
  expect_error(call::env_start(weak_env, Va{std::uint64_t{0x1000}}, Va{std::uint64_t{0x1000}}, 0), Error::missing_right,
               "start");
  expect_error(call::env_stop(weak_env), Error::missing_right, "stop");
  expect_error(call::env_write(weak_env, &state.registers), Error::missing_right, "write");
  expect_error(call::env_wake(weak_env), Error::missing_right, "wake");
  expect_error(call::env_yield(weak_env), Error::missing_right, "yield");
  expect_error(rt::destroy(weak_env), Error::missing_right, "destroy");
  expect_ok(call::env_read(weak_env, &state), "inspect");

  // read is no right of accounts: only what needs none.
  expect_error(call::frame_alloc(weak_account, abi::any_frame, 1, 0, 0), Error::missing_right, "allocate");
  expect_error(rt::map(abi::no_slot, new_va(), f, 1, abi::map_read, weak_account), Error::missing_right,
               "map under it");
  expect_error(call::frame_cap(weak_account, CapSlot{30}, f, 1, abi::all_rights), Error::missing_right,
               "capability to its frames");
  expect_error(rt::create_account(weak_account, CapSlot{30}, rt::frames_only(1)), Error::missing_right, "divide");
  expect_error(rt::destroy(weak_account), Error::missing_right, "destroy");
}

void granted() {
  Domain d = make_domain();
  const FrameNumber run = must_frame(call::frame_alloc(boot::account, abi::any_frame, 2, 0, 0));
  const Page page{run, new_va()};
  must(rt::map(abi::no_slot, page.va, run, 1, read_write, boot::account));
  const Canary canary{page};
  const CapSlot space = new_slot(), frames = new_slot();
  must(call::space_create(boot::account, space, abi::any_frame));
  must(rt::map(space, 60 * abi::slot_size + 0x1000, run, 1, abi::map_read, boot::account));
  must(call::frame_cap(boot::account, frames, run, 2, abi::all_rights));
  Thread t = make_thread();
  must(call::cap_grant(space, d.table, weak_space, bits(abi::SpaceRight::share), 0, 0));
  must(call::cap_grant(frames, d.table, weak_frames, bits(abi::FramesRight::read), run.raw(), 1));
  must(call::cap_grant(t.env, d.table, weak_env, bits(abi::EnvRight::inspect), 0, 0));
  must(call::cap_grant(boot::account, d.table, weak_account, 0, 0, 0));
  run_body(d, with_weak_capabilities, run.raw());
  canary.check("weak capabilities");
  destroy(t);

  // Revoking takes them out of the other's table, and what was mapped under them out of its space.
  must(rt::revoke(frames));
  must(rt::revoke(space));
  expect_equal(std::uint32_t{frame_info(run).refs}, 1u, "references after the revocation");
  must(rt::destroy_and_drop(space));
}

// A right kept through a dropped parent, and a table grant that closes a circle.
void circles() {
  const CapSlot a = new_slot(), b = new_slot(), c = new_slot(), table = new_slot();
  must(rt::create_account(boot::account, a, rt::frames_only(8)));
  must(call::table_create(boot::account, table, abi::any_frame));
  must(call::table_grow(table, 0, boot::account, abi::any_frame));
  // A table that holds itself.
  must(call::cap_grant(table, table, CapSlot{1}, abi::all_rights, 0, 0));
  must(call::cap_grant(a, table, CapSlot{2}, abi::all_rights, 0, 0));
  must(call::cap_derive(a, b, bits(abi::AccountRight::allocate), 0, 0));
  must(call::cap_derive(b, c, abi::all_rights, 0, 0));
  must(rt::drop(b));
  expect_equal(std::uint32_t{must(rt::read_cap(c)).rights}, bits(abi::AccountRight::allocate),
               "rights do not come from the grandparent");
  must(rt::revoke(a));
  expect_error(rt::read_cap(c), Error::empty_slot, "revoked");
  must(rt::destroy_and_drop(table));
  must(rt::destroy_and_drop(a));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  for (const CapSlot source :
       {boot::account, boot::self, boot::space, boot::table, boot::archive, boot::slices, boot::console, boot::machine})
    derivation(source);
  granted();
  circles();
  finish();
}
