// SPDX-License-Identifier: MIT
// Translations that a processor may still remember of spaces that it has left, or that another has changed meanwhile: a secret
// is planted, looked at, taken away, and looked for. With tags (PCID) translations outlive a switch: there this is the
// test of `Space::stale`; without them of the same code, which then forgets at each switch.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t secret = 0x5ec2e7, later = 0x1a7e2;
constexpr std::uint64_t private_slot = 100, shown_slot = 101;
constexpr std::uint64_t va = private_slot * abi::slot_size, shown = shown_slot * abi::slot_size;

// A space that shows this program and has slots of its own beside it.
CapSlot make_space() {
  const CapSlot space = new_slot();
  must(call::space_create(boot::account, space, abi::any_frame));
  must(call::space_link(space, 0, boot::space));
  return space;
}
void destroy_space(CapSlot space) { must(rt::destroy_and_drop(space)); }

// A new page at `at` there that holds `word`.
void plant(CapSlot space, std::uint64_t at, std::uint64_t word, std::uint32_t flags = read_write) {
  const Page page = new_page();
  store(page.va, word);
  must(rt::map(space, at, page.frame, 1, flags | abi::map_owned, boot::account));
  must(rt::unmap(abi::no_slot, page.va, 1));
}

template <typename F>
void inside(CapSlot space, F body) {
  must(call::env_space(space));
  body();
  must(call::env_space(boot::space));
}
void expect_word(CapSlot space, std::uint64_t at, std::uint64_t word, std::string_view what, Where where = here()) {
  std::uint64_t got = 0;
  inside(space, [&] { got = load(at); });
  expect_equal(got, word, what, where);
}
void expect_nothing(CapSlot space, std::uint64_t at, std::string_view what, Where where = here()) {
  inside(space, [&] { expect_fault([=] { (void)load(at); }, exception::page_fault, at, what, where); });
}

// --- one processor: what changed while it was elsewhere ---------------------------------------------------------------
void changed_while_away() {
  const CapSlot space = make_space();
  for (std::uint64_t round = 0; round < 20; ++round) {
    plant(space, va, secret);
    expect_word(space, va, secret, "planted");
    must(rt::protect(space, va, 1, abi::map_read | abi::map_owned));
    inside(space, [] { expect_fault([] { store(va, 1); }, exception::page_fault, va, "written through an old right"); });
    must(rt::unmap(space, va, 1));
    if (round % 2 == 0) expect_nothing(space, va, "seen after it was unmapped");
    plant(space, va, later + round);
    expect_word(space, va, later + round, "the page before shows through");
    must(rt::unmap(space, va, 1));
  }
  destroy_space(space);
}

// More spaces than a processor has tags, all with another word at the same address.
void many_spaces() {
  constexpr std::uint32_t count = 24;
  std::array<CapSlot, count> spaces{};
  for (std::uint32_t i = 0; i < count; ++i) plant(spaces[i] = make_space(), va, later + i);
  Random random{11};
  for (int round = 0; round < 400; ++round) {
    const auto i = static_cast<std::uint32_t>(round < 100 ? static_cast<std::uint64_t>(round) % count : random.below(count));
    expect_word(spaces[i], va, later + i, "another space's page");
  }
  // New ones, mostly in the frames of those that go, and with their tags.
  for (std::uint32_t i = 0; i < count; i += 2) {
    destroy_space(spaces[i]);
    plant(spaces[i] = make_space(), va + page_size, i);
    expect_nothing(spaces[i], va, "the space before shows through");
    expect_word(spaces[i], va + page_size, i, "the new space");
  }
  for (const CapSlot space : spaces) destroy_space(space);
}

void shown_by_a_link() {
  const CapSlot source = make_space(), viewer = make_space();
  for (std::uint64_t round = 0; round < 10; ++round) {
    plant(source, shown, secret);
    if (round == 0) must(call::space_link(viewer, shown_slot, source));
    expect_word(viewer, shown, secret, "seen through the link");
    must(rt::unmap(source, shown, 1));
    expect_nothing(viewer, shown, "the link shows what its source has no more");
    plant(source, shown, later);
    expect_word(viewer, shown, later, "the page before shows through the link");
    must(rt::unmap(source, shown, 1));
  }
  plant(source, shown, secret);
  expect_word(viewer, shown, secret, "seen again");
  must(call::space_link(viewer, shown_slot, abi::no_slot));
  expect_nothing(viewer, shown, "seen without the link");
  destroy_space(viewer);
  destroy_space(source);
}

// A frames capability is revoked: the holder's space was visited, and is visited again.
void revoked_while_away() {
  const CapSlot space = make_space(), frames = new_slot();
  const Page page = new_page();
  store(page.va, secret);
  must(call::frame_cap(boot::account, frames, page.frame, 1, abi::all_rights));
  must(rt::map(space, va, page.frame, 1, abi::map_read, frames));
  expect_word(space, va, secret, "held");
  must(rt::unmap(space, va, 1));
  must(rt::drop(frames));
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::frame_free(boot::account, page.frame, 1));
  expect_nothing(space, va, "seen after its frame was freed");
  destroy_space(space);
}

// The page-table window shows the tables of the space that one is in, not of the one before.
void windows() {
  const CapSlot a = make_space(), b = make_space();
  plant(a, va, secret);
  plant(b, va, later);
  for (int round = 0; round < 4; ++round) {
    std::uint64_t in_a = 0, in_b = 0;
    inside(a, [&] { in_a = load(abi::pte_window(va)); });
    inside(b, [&] { in_b = load(abi::pte_window(va)); });
    expect((in_a & abi::pte_frame_mask) != (in_b & abi::pte_frame_mask), "one space's entry in the other's window");
  }
  destroy_space(a);
  destroy_space(b);
}

// --- two processors ---------------------------------------------------------------------------------------------------
volatile std::uint64_t phase, seen_later;

void bind_second(CapSlot env) {
  for (std::uint32_t position = 0; position < abi::slices_per_cpu; ++position)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + position, env));
}
void reads(std::uint64_t) {
  for (;;) {
    if (load(va) == later) seen_later = seen_later + 1;
    phase = phase + 1;
  }
}
// Reads it, sleeps where the other unmaps it, and reads it again when it is woken.
void reads_and_sleeps(std::uint64_t) {
  for (;;) {
    if (load(va) == later) seen_later = seen_later + 1;
    phase = phase + 1;
    static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
  }
}

bool is(const Thread& t, abi::RunState what) {
  const auto state = rt::read_env(t.env);  // of a running one there is none
  return state && state->state == what;
}

// The frame that a thread in another space reads is taken from it and given to us by name.
void taken_from_another_processor(void (*body)(std::uint64_t), bool sleeps) {
  const CapSlot space = make_space();
  Thread t = make_thread();
  must(rt::destroy_and_drop(t.env));
  t.env = new_slot();
  must(call::env_create(boot::account, t.env, space, boot::table, t.area_frame, abi::any_frame));
  bind_second(t.env);
  const std::uint64_t here_now = new_va();
  seen_later = 0;
  for (std::uint64_t round = 0; round < 30 && failures() == 0; ++round) {
    const Page page = new_page();
    store(page.va, secret);
    must(rt::map(space, va, page.frame, 1, read_write | abi::map_owned, boot::account));
    must(rt::unmap(abi::no_slot, page.va, 1));
    phase = 0;
    start(t, body);
    if (!expect(wait_until([&] { return phase > (sleeps ? 0 : 2); }), "it reads")) break;
    if (sleeps && !expect(wait_until([&] { return is(t, abi::RunState::sleeping); }), "it sleeps")) break;
    must(rt::unmap(space, va, 1));
    must(rt::update(abi::no_slot, std::array{rt::map_new_op(here_now, 1, read_write | abi::map_owned, boot::account, page.frame)}));
    store(here_now, later);
    if (sleeps) must(call::env_wake(t.env));
    expect(wait_until([&] { return is(t, abi::RunState::stuck); }), "it faults");
    must(rt::unmap(abi::no_slot, here_now, 1));
  }
  expect_equal(std::uint64_t{seen_later}, 0ull, "a stale translation showed the next owner's memory");
  bind_second(abi::no_slot);
  destroy(t);
  destroy_space(space);
}

}  // namespace

std::uint64_t program(const guest::boot::Facts& facts) {
  begin(facts);
  changed_while_away();
  many_spaces();
  shown_by_a_link();
  revoked_while_away();
  windows();
  if (system_info().cpus > 1) {
    taken_from_another_processor(reads, false);
    taken_from_another_processor(reads_and_sleeps, true);
  }
  const auto& cpu = *reinterpret_cast<const abi::CpuInfo*>(reinterpret_cast<const std::byte*>(&system_info()) + system_info().cpu_table_offset);
  rt::log("space loads {}, of them {} kept what was remembered", cpu.space_loads, cpu.kept_loads);
  finish();
}
