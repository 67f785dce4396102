// SPDX-License-Identifier: MIT
// Frames in the kernel's use (page tables, envs, capability tables, accounts, spaces, its own image, information pages)
// can never be mapped writable, freed, taken, or made into something else, not even by the account that pays for them.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

struct Used {
  std::string_view what;
  FrameNumber frame;
};

void attack_frame(const Used& u) {
  const abi::FrameInfo before = frame_info(u.frame);
  const std::uint64_t va = new_va();
  for (const std::uint32_t flags :
       {abi::map_read, abi::map_read | abi::map_write, abi::map_read | abi::map_write | abi::map_execute,
        abi::map_read | abi::map_write | abi::map_owned, abi::map_read | abi::map_write | abi::map_replace})
    expect_refused(rt::map(abi::no_slot, va, u.frame, 1, flags, boot::account),
                   base::Text<60>{"map of {}", u.what}.view());
  expect_refused(call::frame_free(boot::account, u.frame, 1), base::Text<60>{"free of {}", u.what}.view());
  expect_refused(call::frame_alloc(boot::account, u.frame, 1, 0, 0), base::Text<60>{"alloc of {}", u.what}.view());
  expect_refused(call::frame_cap(boot::account, CapSlot{60}, u.frame, 1, abi::all_rights),
                 base::Text<60>{"capability to {}", u.what}.view());
  expect_refused(call::space_create(boot::account, CapSlot{60}, u.frame), base::Text<60>{"space on {}", u.what}.view());
  expect_refused(call::env_create(boot::account, CapSlot{60}, boot::space, boot::table, u.frame, abi::any_frame),
                 base::Text<60>{"{} as user area", u.what}.view());
  expect_equal(rt::own_entry(va) & abi::pte_present, 0ull, "mapped");
  const abi::FrameInfo& after = frame_info(u.frame);
  expect(after.use == before.use && after.owner == before.owner && after.generation == before.generation &&
             after.maps == before.maps && after.pins == before.pins,
         base::Text<60>{"frame table entry of {}", u.what}.view());
}

// The range that ends (or begins) with a frame in kernel use is refused whole.
void ranges(FrameNumber first) {
  const auto before = must(rt::read_account(boot::account));
  expect_refused(call::frame_free(boot::account, first, 2), "free of a run with a kernel frame");
  expect_refused(call::frame_cap(boot::account, CapSlot{60}, first, 2, abi::all_rights),
                 "capability to a run with a kernel frame");
  expect_same_account(before, boot::account, "run with a kernel frame");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  Domain d = make_domain();
  const auto object = [](CapSlot slot) { return FrameNumber{must(rt::read_cap(slot)).object}; };
  const std::uint64_t here_va = reinterpret_cast<std::uint64_t>(&ranges);
  const auto entry_frame = [](std::uint64_t window) {
    return FrameNumber{(load(window) & abi::pte_frame_mask) >> abi::page_bits};
  };
  const std::array used{Used{"own env", object(boot::self)},
                        Used{"own space", object(boot::space)},
                        Used{"own table", object(boot::table)},
                        Used{"own account", object(boot::account)},
                        Used{"another env", object(d.env)},
                        Used{"another space", object(d.space)},
                        Used{"another table", object(d.table)},
                        Used{"another account", object(d.account)},
                        Used{"own level-1 table", entry_frame(abi::pde_window(here_va))},
                        Used{"own level-2 table", entry_frame(abi::pdpte_window(here_va))},
                        Used{"own level-3 table", entry_frame(abi::pml4e_window(here_va))},
                        Used{"own top table", entry_frame(abi::pml4e_window(abi::window_base & 0xffff'ffff'ffff))},
                        Used{"a page of the kernel", FrameNumber{0x100}},
                        Used{"frame 0", FrameNumber{0}},
                        Used{"the local APIC", FrameNumber{0xfee00}},
                        Used{"the last page below 1 MiB", FrameNumber{0xff}}};
  for (const Used& u : used)
    if (u.frame.raw() < system_info().frames) attack_frame(u);
    else expect_refused(rt::map(abi::no_slot, new_va(), u.frame, 1, abi::map_read, boot::account), u.what);

  // Every frame of the machine that is not plain: never writable.
  const std::uint64_t va = new_va();
  for (std::uint64_t i = 0; i < system_info().frames; ++i) {
    if (frame_info(FrameNumber{i}).use == abi::FrameUse::plain) continue;
    if (rt::map(abi::no_slot, va, FrameNumber{i}, 1, abi::map_read | abi::map_write, boot::account).has_value()) {
      fail(here(), base::Text<80>{"mapped frame {:#x} of use {}", i, frame_info(FrameNumber{i}).use}.view());
      must(rt::unmap(abi::no_slot, va, 1));
    }
  }

  // Information pages: read, never written.
  const abi::CapInfo info = must(rt::read_cap(boot::info));
  const FrameNumber page{info.base};
  expect_error(rt::map(abi::no_slot, va, page, 1, abi::map_read | abi::map_write, boot::info), Error::missing_right,
               "information page, writable");
  expect_ok(rt::map(abi::no_slot, va, page, 1, abi::map_read, boot::info));
  expect_refused(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_write), "protect to writable");
  expect_refused(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_execute), "protect to executable");
  const auto fault = catch_fault([&] { store(va, 0); });
  expect(fault.has_value(), "information page written");
  // A private copy of it is harmless, and must be a copy.
  static_cast<void>(rt::copy(abi::no_slot, va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  if ((rt::own_entry(va) & abi::pte_write) != 0) store(va, 0xdead);
  expect_equal(system_info().magic, abi::info_magic, "the information page itself");
  must(rt::unmap(abi::no_slot, va, 1));

  // The archive is the first env's, but its capability does not let it write.
  if (facts.archive_frames > 0) {
    expect_error(
        rt::map(abi::no_slot, va, FrameNumber{facts.archive_frame}, 1, abi::map_read | abi::map_write, boot::archive),
        Error::missing_right, "archive, writable");
    expect_ok(rt::map(abi::no_slot, va, FrameNumber{facts.archive_frame}, 1, abi::map_read, boot::archive));
    expect_error(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_write), Error::missing_right,
                 "archive, made writable");
    must(rt::unmap(abi::no_slot, va, 1));
  }

  // The window through a hostile hand: no entry can be linked, moved, mapped, cloned or unmapped there.
  for (const std::uint64_t window : {abi::window_base, 0xffff'8040'2010'0000ul & ~0xffful}) {
    expect_refused(rt::map_new(abi::no_slot, window, 1, abi::map_read | abi::map_write, boot::account),
                   "map over the window");
    expect_refused(rt::unmap(abi::no_slot, window, 1), "unmap the window");
    expect_refused(rt::protect(abi::no_slot, window, 1, abi::map_read | abi::map_write), "protect the window");
    expect_refused(rt::copy(abi::no_slot, window, 1, abi::map_read | abi::map_write, boot::account), "copy the window");
    expect_refused(rt::clone(abi::no_slot, window, 1, abi::map_read | abi::map_write, d.space), "clone the window");
    expect_refused(rt::move(abi::no_slot, new_va(), window, 1), "move the window");
  }
  const FrameNumber plain = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
  if (frame_info(plain + 1).use != abi::FrameUse::plain) ranges(plain);
  finish();
}
