// SPDX-License-Identifier: MIT
// Two domains that distrust each other. The attacker knows everything about the victim (its frames, addresses, the
// slots it uses) and tries every call against it. The victim must not notice.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

// What the maker tells the attacker, in words of its mailbox.
enum Told : std::size_t {
  victim_frame,
  victim_va,
  victim_area,
  victim_env,
  victim_space,
  victim_table,
  victim_account,
  kernel_frames,
  own_canary
};

[[nodiscard]] std::uint64_t told(Told what) { return domain::own_mailbox().words[what]; }

// --- in the victim ------------------------------------------------------------------------------------------------
constexpr std::uint64_t secret = 0x5ec4'e75e'c4e7'5ec4;
std::uint64_t victim_variable = 0;

void victim_prepares(std::uint64_t) {
  const Canary canary{new_page()};
  victim_variable = secret;
  domain::own_mailbox().words[victim_frame] = canary.page().frame.raw();
  domain::own_mailbox().words[victim_va] = canary.page().va;
}

void victim_checks(std::uint64_t va) {
  for (std::size_t i = 0; i < page_size / 8; ++i) {
    if (load(va + 8 * i) == Canary::pattern(i)) continue;
    return fail(here(), base::Text<60>{"the victim's word {} changed", i}.view());
  }
}

// --- in the attacker ----------------------------------------------------------------------------------------------
void reads_memory(std::uint64_t) {
  // Not mapped here, whatever is at the same address there.
  const auto fault = catch_fault([] { load(told(victim_va)); });
  expect(fault.has_value() || load(told(victim_va)) != Canary::pattern(0), "the victim's address shows its memory");
  expect(victim_variable == 0, "variables are shared");
}

void takes_frames(std::uint64_t) {
  const auto account = must(rt::read_account(boot::account));
  const std::uint64_t va = new_va(4);
  must(rt::map_new(abi::no_slot, va, 1, abi::map_read | abi::map_owned, boot::account));
  must(rt::unmap(abi::no_slot, va, 1));
  const auto warm = must(rt::read_account(boot::account));
  for (const Told which : {victim_frame, victim_area, victim_env, victim_space, victim_table, victim_account}) {
    const FrameNumber f{told(which)};
    expect_error(call::frame_alloc(boot::account, f, 1, 0, 0), Error::no_frame, "take by name");
    expect_error(call::frame_free(boot::account, f, 1), Error::out_of_range, "free");
    expect_error(call::frame_cap(boot::account, CapSlot{20}, f, 1, abi::all_rights), Error::out_of_range,
                 "capability to it");
    for (const std::uint32_t flags : {abi::map_read, abi::map_read | abi::map_write, abi::map_read | abi::map_execute,
                                      abi::map_read | abi::map_write | abi::map_owned}) {
      expect_refused(rt::map(abi::no_slot, va, f, 1, flags, boot::account), "map");
      expect_refused(rt::update(abi::no_slot, std::array{rt::map_new_op(va, 1, flags, boot::account, f)}),
                     "map_new by name");
    }
    // Objects built on top of it.
    const abi::AccountLimits one_frame = rt::frames_only(1);
    expect_error(call::space_create(boot::account, CapSlot{20}, f), Error::no_frame, "space there");
    expect_error(call::table_create(boot::account, CapSlot{20}, f), Error::no_frame, "table there");
    expect_error(call::account_create(boot::account, CapSlot{20}, &one_frame, f), Error::no_frame, "account there");
    expect_error(call::table_grow(boot::table, 1, boot::account, f), Error::no_frame, "leaf there");
    expect_refused(call::env_create(boot::account, CapSlot{20}, boot::space, boot::table, f, abi::any_frame),
                   "its frame as user area");
    expect_refused(call::env_create(boot::account, CapSlot{20}, boot::space, boot::table, FrameNumber{0}, f),
                   "env there");
  }
  // The private copy on write: of a page that is not there, onto the victim's frame.
  must(rt::map_new(abi::no_slot, va, 1, abi::map_read | abi::map_write | abi::map_owned, boot::account));
  const FrameNumber own{(rt::own_entry(va) & abi::pte_frame_mask) >> abi::page_bits};
  for (const Told which : {victim_frame, victim_area, victim_env})
    static_cast<void>(
        rt::update(abi::no_slot, std::array{rt::copy_op(va, 1, abi::map_read | abi::map_write | abi::map_owned,
                                                        boot::account, FrameNumber{told(which)})}));
  expect_equal((rt::own_entry(va) & abi::pte_frame_mask) >> abi::page_bits, own.raw(), "copy onto a foreign frame");
  must(rt::unmap(abi::no_slot, va, 1));
  expect_same_account(warm, boot::account, "attacks on frames");
  static_cast<void>(account);
}

// Every number as every slot of every call: what is not in the own table does not exist.
void forges_slots(std::uint64_t) {
  Random random{0x1234567};
  abi::CapInfo info{};
  std::uint32_t found = 0;
  for (std::uint32_t slot = 0; slot < 504 * abi::slots_per_leaf; ++slot)
    if (call::cap_read(CapSlot{slot}, &info).has_value()) ++found;
  expect_equal(found, 5u, "capabilities in the own table: account, self, space, table, log");
  for (int i = 0; i < 3000; ++i) {
    // Frame numbers of the victim's objects, its slots, and noise.
    const std::uint64_t pick = random.below(4);
    std::uint64_t value = pick == 0   ? random.next()
                          : pick == 1 ? told(static_cast<Told>(random.below(7)))
                          : pick == 2 ? random.below(64) + 16
                                      : random.next() >> 32;
    if (value < 10) value = 20;
    const CapSlot s{static_cast<std::uint32_t>(value)};
    if (s < CapSlot{10}) continue;
    expect_refused(call::env_stop(s), "env_stop");
    expect_refused(call::env_read(s, &info), "env_read");
    expect_refused(call::env_write(s, &info), "env_write");
    expect_refused(call::env_start(s, Va{std::uint64_t{0x200000}}, Va{std::uint64_t{0x1000}}, 0), "env_start");
    expect_refused(call::env_resume(s), "env_resume");
    expect_refused(call::env_wake(s), "env_wake");
    expect_refused(call::env_yield(s), "env_yield");
    expect_refused(call::env_sleep(0, s), "env_sleep");
    expect_refused(call::env_configure(s, &info), "env_configure");
    expect_refused(call::env_space(s), "env_space");
    expect_refused(call::object_destroy(s), "object_destroy");
    expect_refused(call::cap_drop(s), "cap_drop");
    expect_refused(call::cap_revoke(s), "cap_revoke");
    expect_refused(call::cap_derive(s, CapSlot{30}, abi::all_rights, 0, 0), "cap_derive");
    expect_refused(call::cap_grant(boot::self, s, CapSlot{30}, abi::all_rights, 0, 0), "cap_grant");
    expect_refused(call::frame_alloc(s, abi::any_frame, 1, 0, 0), "frame_alloc");
    expect_refused(call::frame_free(s, FrameNumber{told(victim_frame)}, 1), "frame_free");
    expect_refused(call::frame_cap(s, CapSlot{30}, FrameNumber{told(victim_frame)}, 1, abi::all_rights), "frame_cap");
    expect_refused(call::space_link(abi::no_slot, 3, s), "space_link");
    expect_refused(call::space_link(s, 3, boot::space), "space_link");
    expect_refused(rt::unmap(s, told(victim_va) & ~4095ull, 1), "unmap");
    expect_refused(rt::clone(abi::no_slot, told(victim_va) & ~4095ull, 1, abi::map_read, s), "clone");
    expect_refused(rt::map(abi::no_slot, 0x3'0000'0000, FrameNumber{told(victim_frame)}, 1, abi::map_read, s), "map");
    expect_refused(call::slice_bind(s, 0, boot::self), "slice_bind");
    expect_refused(call::console_write(s, &info, 1), "console_write");
    expect_refused(call::machine_stop(s, 0), "machine_stop");
    expect_refused(call::account_read(s, &info), "account_read");
    if (failures() > 20) return;
  }
  expect_error(call::machine_stop(boot::machine, 0), Error::missing_right, "stop with the log right");
}

// Its own capabilities used in the other's stead.
void escapes(std::uint64_t) {
  expect_refused(call::slice_bind(boot::self, 0, boot::self), "bind a slice by the env");
  expect_refused(call::frame_alloc(boot::account, FrameNumber{told(kernel_frames)}, 1, 0, 0), "a kernel frame");
  expect_refused(rt::map(abi::no_slot, new_va(), FrameNumber{told(kernel_frames)}, 1, abi::map_read, boot::account),
                 "map a kernel frame");
  expect_refused(rt::create_account(boot::account, CapSlot{20}, rt::frames_only(1ull << 40)), "a limit above the own");
  // A child account does not make room.
  const abi::AccountInfo own = must(rt::read_account(boot::account));
  const std::uint64_t left = rt::limit_of(own, abi::Resource::frames) - rt::use_of(own, abi::Resource::frames);
  must(rt::create_account(boot::account, CapSlot{20}, rt::frames_only(left - 1)));
  expect_error(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0), Error::over_limit, "the own room is gone");
  expect_error(call::frame_alloc(CapSlot{20}, abi::any_frame, left, 0, 0), Error::over_limit, "the child has no more");
  must(rt::destroy_and_drop(CapSlot{20}));
  expect_same_account(own, boot::account, "a child account");
}

void takes_everything(std::uint64_t) {
  // Grabs all it can and leaves it so.
  for (std::uint64_t run = 64; run > 0; run /= 2)
    while (call::frame_alloc(boot::account, abi::any_frame, run, 0, 0).has_value()) {}
  const auto own = must(rt::read_account(boot::account));
  expect_equal(rt::use_of(own, abi::Resource::frames), rt::limit_of(own, abi::Resource::frames), "all of its own");
}

void loops_for_ever(std::uint64_t) {
  spin_for_ever();
}

void tell(Domain& attacker, const Domain& victim) {
  const auto object = [](CapSlot slot) { return must(rt::read_cap(slot)).object; };
  auto& words = attacker.mailbox->words;
  words[victim_frame] = victim.mailbox->words[victim_frame];
  words[victim_va] = victim.mailbox->words[victim_va];
  words[victim_area] = victim.area_frame.raw();
  words[victim_env] = object(victim.env);
  words[victim_space] = object(victim.space);
  words[victim_table] = object(victim.table);
  words[victim_account] = object(victim.account);
  words[kernel_frames] = 0x100;  // 1 MiB: the kernel's image
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  Domain victim = make_domain(), attacker = make_domain();
  run_body(victim, victim_prepares);
  tell(attacker, victim);
  const std::uint64_t va = victim.mailbox->words[victim_va];
  const auto account = must(rt::read_account(victim.account));
  const auto state = must(rt::read_env(victim.env));
  const auto check = [&](std::string_view what) {
    expect_same_account(account, victim.account, what);
    const auto now = must(rt::read_env(victim.env));
    expect(std::memcmp(&now, &state, sizeof now) == 0, "the victim's registers and state");
  };
  for (const auto attack : {reads_memory, takes_frames, forges_slots, escapes}) {
    run_body(attacker, attack);
    check("an attack");
  }
  run_body(victim, victim_checks, va);
  run_body(attacker, takes_everything);
  expect_ok(call::frame_alloc(victim.account, abi::any_frame, 4, 0, 0), "the victim's frames are still to be had");
  run_body(victim, victim_checks, va);
  // A loop takes the attacker's time only.
  start(attacker, loops_for_ever);
  constexpr std::uint32_t positions = 32;
  for (std::uint32_t i = 0; i < positions; ++i) must(call::slice_bind(boot::slices, i * 2, abi::no_slot));
  abi::AccountLimits limits = must(rt::read_account(attacker.account)).limits;
  limits.limit[static_cast<std::size_t>(abi::Resource::slices)] = positions;
  must(call::account_limit(boot::account, attacker.account, &limits));
  for (std::uint32_t i = 0; i < positions; ++i) must(call::slice_bind(boot::slices, i * 2, attacker.env));
  run_body(victim, victim_checks, va);
  must(rt::until_done([&] { return call::env_stop(attacker.env); }));
  finish();
}
