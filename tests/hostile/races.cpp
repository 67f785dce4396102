// SPDX-License-Identifier: MIT
// Two processors on the same objects: capabilities revoked while they are used, frames taken while they are read,
// spaces and envs ended while they run, calls restarted in the middle.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t rounds = 60;

volatile std::uint64_t phase, seen_after;
CapSlot contested, contested_table;

void bind_second(CapSlot env) {
  for (std::uint32_t position = 0; position < abi::slices_per_cpu; ++position)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + position, env));
}

// --- derive and grant against revoke ------------------------------------------------------------------------------
void derives(std::uint64_t first) {
  Random random{42};
  for (;;) {
    const CapSlot a{static_cast<std::uint32_t>(first + random.below(30))},
        b{static_cast<std::uint32_t>(first + random.below(30))};
    static_cast<void>(call::cap_derive(random.below(3) == 0 ? contested : a, b, abi::all_rights, 0, 0));
    static_cast<void>(call::cap_grant(a, contested_table, CapSlot{static_cast<std::uint32_t>(random.below(64))},
                                      abi::all_rights, 0, 0));
    if (random.below(4) == 0) static_cast<void>(rt::drop(b));
    phase = phase + 1;
  }
}

void revoke_against_derive() {
  contested = new_slot();
  contested_table = new_slot();
  must(rt::create_account(boot::account, contested, rt::frames_only(16)));
  must(call::table_create(boot::account, contested_table, abi::any_frame));
  must(call::table_grow(contested_table, 0, boot::account, abi::any_frame));
  std::uint32_t first = 0;
  for (int i = 0; i < 30; ++i) {
    const CapSlot slot = new_slot();
    if (i == 0) first = slot.raw();
  }
  Thread t = make_thread();
  start(t, derives, first);
  bind_second(t.env);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    const std::uint64_t then = phase;
    expect_ok(rt::revoke(contested));
    expect_ok(rt::read_cap(contested), "the revoked one itself stays");
    if (!expect(wait_until([=] { return phase > then; }), "the other goes on")) break;
  }
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  must(rt::revoke(contested));
  abi::CapInfo info{};
  for (std::uint32_t i = 0; i < 30; ++i)
    expect_error(call::cap_read(CapSlot{first + i}, &info), Error::empty_slot, "left after the last revocation");
  bind_second(abi::no_slot);
  destroy(t);
  must(rt::destroy_and_drop(contested_table));
  must(rt::destroy_and_drop(contested));
}

// --- a frame that changes hands while another processor reads it
// ------------------------------------------------------
volatile std::uint64_t watched_va;

void watches(std::uint64_t) {
  // Our handler (the thread has none) is the main env: when this faults, it is stuck, and started again.
  for (;;) {
    const std::uint64_t value = load(watched_va);
    if (value == 0xbad) seen_after = seen_after + 1;
    phase = phase + 1;
  }
}

void frames_changing_hands() {
  Thread t = make_thread();
  watched_va = new_va();
  const std::uint64_t elsewhere = new_va();
  bind_second(t.env);
  seen_after = 0;
  for (std::uint64_t i = 0; i < rounds; ++i) {
    must(rt::map_new(abi::no_slot, watched_va, 1, read_write | abi::map_owned, boot::account));
    const FrameNumber f{(rt::own_entry(watched_va) & abi::pte_frame_mask) >> abi::page_bits};
    phase = 0;
    start(t, watches);
    if (!expect(wait_until([] { return phase > 2; }), "it reads")) break;
    // Unmapped, freed, taken again by name: nothing written from here on may be seen through the old translation.
    must(rt::unmap(abi::no_slot, watched_va, 1));
    must(rt::update(abi::no_slot,
                    std::array{rt::map_new_op(elsewhere, 1, read_write | abi::map_owned, boot::account, f)}));
    store(elsewhere, 0xbad);
    expect(wait_until([&] {
      const auto state = rt::read_env(t.env);
      return state && state->state == abi::RunState::stuck;
    }), "it faults");
    must(rt::unmap(abi::no_slot, elsewhere, 1));
    if (failures() != 0) break;
  }
  expect_equal(std::uint64_t{seen_after}, 0ull, "a stale translation showed the next owner's memory");
  bind_second(abi::no_slot);
  destroy(t);
}

// --- envs ended, stopped, restarted while they run there
// --------------------------------------------------------------
void calls_everything(std::uint64_t seed) {
  Random random{seed + 1};
  for (;;) {
    const CapSlot s{static_cast<std::uint32_t>(1 + random.below(8))};
    abi::CapInfo info{};
    switch (random.below(8)) {
      case 0: static_cast<void>(call::cap_read(s, &info)); break;
      case 1: static_cast<void>(call::env_sleep(now_ns() + random.below(100'000), abi::no_slot)); break;
      case 2: static_cast<void>(call::env_yield(abi::no_slot)); break;
      case 3:
        static_cast<void>(
            rt::map_new(abi::no_slot, 0x6000'0000'0000 + (seed << 32), 4, read_write | abi::map_owned, boot::account));
        break;
      case 4: static_cast<void>(rt::unmap(abi::no_slot, 0x6000'0000'0000 + (seed << 32), 4)); break;
      case 5: static_cast<void>(call::nop()); break;
      case 6: static_cast<void>(call::env_wake(boot::self)); break;
      default: static_cast<void>(call::space_trim(abi::no_slot, Va{0x6000'0000'0000 + (seed << 32)}, 4)); break;
    }
    phase = phase + 1;
  }
}

void ended_while_running() {
  for (std::uint64_t i = 0; i < 40; ++i) {
    Thread t = make_thread();
    phase = 0;
    start(t, calls_everything, i % 4);
    bind_second(t.env);
    if (!expect(wait_until([=] { return phase > i % 13; }), "it runs")) return;
    if (i % 3 == 0) must(rt::until_done([&] { return call::env_stop(t.env); }));
    destroy(t);
  }
  bind_second(abi::no_slot);
  for (std::uint64_t seed = 0; seed < 4; ++seed) must(rt::unmap(abi::no_slot, 0x6000'0000'0000 + (seed << 32), 4));
}

// --- a space that is cloned and changed at once
// -----------------------------------------------------------------------
constexpr std::uint64_t shared_pages = 64;
volatile std::uint64_t shared_va;

void writes_and_copies(std::uint64_t) {
  Random random{7};
  for (;;) {
    const std::uint64_t va = shared_va + random.below(shared_pages) * page_size;
    static_cast<void>(rt::copy(abi::no_slot, va, 1, read_write | abi::map_owned, boot::account));
    static_cast<void>(rt::protect(abi::no_slot, va, 1, abi::map_read | abi::map_owned));
    phase = phase + 1;
  }
}

void clone_against_copy() {
  const auto before = settled_account();
  shared_va = new_va(shared_pages);
  must(rt::map_new(abi::no_slot, shared_va, shared_pages, read_write | abi::map_owned, boot::account));
  for (std::uint64_t i = 0; i < shared_pages; ++i) store(shared_va + i * page_size, i + 1);
  Thread t = make_thread();
  phase = 0;
  start(t, writes_and_copies);
  bind_second(t.env);
  const CapSlot child = new_slot();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    must(call::space_create(boot::account, child, abi::any_frame));
    must(rt::clone(child, shared_va, shared_pages, abi::map_read, boot::space));
    must(rt::destroy_and_drop(child));
  }
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  bind_second(abi::no_slot);
  for (std::uint64_t i = 0; i < shared_pages; ++i)
    if (load(shared_va + i * page_size) != i + 1) return fail(here(), "contents after clones and copies");
  destroy(t);
  must(rt::unmap(abi::no_slot, shared_va, shared_pages));
  const auto after = settled_account();
  expect(rt::use_of(after, abi::Resource::frames) <= rt::use_of(before, abi::Resource::frames) + 2,
         base::Text<80>{"{} frames before, {} after", rt::use_of(before, abi::Resource::frames), rt::use_of(after, abi::Resource::frames)}.view());
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  if (!expect_equal(system_info().cpus, 2u, "processors")) finish();
  revoke_against_derive();
  frames_changing_hands();
  ended_while_running();
  clone_against_copy();
  finish();
}
