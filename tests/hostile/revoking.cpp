// SPDX-License-Identifier: MIT
// Victims of a revocation that do all they can to keep what is asked back: ignore it, lie, crash, map it again and again
// from another processor, hide it in large pages, in capabilities, in an accomplice's space, behind pins. Each loses exactly
// what was asked; the next owner finds zeros, the former finds nothing.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

using abi::Resource;

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t held = 64, asked = 40, secret = 0x5ec2'e75e'c2e7, bad = 0xbad0'bad0;
constexpr std::uint64_t hoard_va = 0x3'0000'0000;

// Mailbox words.
enum : std::size_t { first_frame, phase, faults, foreign, rounds_done };
enum : std::uint64_t { ready = 1, look = 2, done = 3 };

volatile std::uint64_t& told(std::size_t word) { return domain::own_mailbox().words[word]; }

// --- the victims: each takes a hoard, says so, misbehaves until it is told to look, and then tells what it can read -----
FrameNumber take_hoard(std::uint64_t mask = 0) {
  const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, held, static_cast<std::uint32_t>(mask), 0));
  must(rt::map(boot::space, hoard_va, first, held, read_write, boot::account));
  for (std::uint64_t i = 0; i < held; ++i) store(hoard_va + i * page_size, secret + i);
  told(first_frame) = first.raw();
  return first;
}

void look_around() {
  for (std::uint64_t i = 0; i < held; ++i) {
    const std::uint64_t va = hoard_va + i * page_size;
    const auto fault = catch_fault([=] {
      if (load(va) != secret + i) told(foreign) = told(foreign) + 1;
    });
    if (fault) told(faults) = told(faults) + 1;
  }
  told(phase) = done;
}

template <typename F>
void misbehave(F step) {
  told(phase) = ready;
  while (told(phase) != look) {
    step();
    told(rounds_done) = told(rounds_done) + 1;
  }
  look_around();
}

void ignores(std::uint64_t) {
  take_hoard();
  misbehave([] { static_cast<void>(call::env_yield(abi::no_slot)); });
}

void spins(std::uint64_t) {
  take_hoard();
  misbehave([] { asm volatile("pause"); });
}

// Maps every frame again, under the account and under capabilities that it makes anew, as fast as it can.
void maps_again(std::uint64_t) {
  const FrameNumber first = take_hoard();
  std::uint64_t i = 0;
  misbehave([&] {
    const std::uint64_t at = i++ % held;
    static_cast<void>(rt::map(boot::space, hoard_va + at * page_size, first + at, 1, read_write | abi::map_replace, boot::account));
    const CapSlot slot{static_cast<std::uint32_t>(20 + at % 30)};
    static_cast<void>(call::frame_cap(boot::account, slot, first + at, 1, abi::all_rights));
    static_cast<void>(rt::map(boot::space, hoard_va + (held + at) * page_size, first + at, 1, read_write | abi::map_replace, slot));
    if (at % 7 == 0) static_cast<void>(rt::drop(slot));
  });
}

// Gives up and takes again: what it frees it asks for by name at once.
void frees_and_takes(std::uint64_t) {
  const FrameNumber first = take_hoard();
  std::uint64_t i = 0;
  misbehave([&] {
    const std::uint64_t at = i++ % held;
    static_cast<void>(rt::unmap(boot::space, hoard_va + at * page_size, 1));
    static_cast<void>(call::frame_free(boot::account, first + at, 1));
    if (!call::frame_alloc(boot::account, first + at, 1, 0, 0).has_value()) return;
    static_cast<void>(rt::map(boot::space, hoard_va + at * page_size, first + at, 1, read_write | abi::map_replace, boot::account));
    static_cast<void>(catch_fault([=] { store(hoard_va + at * page_size, secret + at); }));
  });
}

// Every frame is behind ten capabilities, in its own table.
void derives(std::uint64_t) {
  const FrameNumber first = take_hoard();
  for (std::uint32_t i = 0; i < 10; ++i)
    must(call::frame_cap(boot::account, CapSlot{20 + i}, first, held, abi::all_rights));
  std::uint32_t i = 0;
  misbehave([&] {
    const CapSlot from{20 + i % 10}, to{31 + i % 20};
    ++i;
    static_cast<void>(call::cap_derive(from, to, abi::all_rights, 0, 0));
    if (i % 3 == 0) static_cast<void>(rt::drop(to));
  });
}

void crashes(std::uint64_t) {
  take_hoard();
  const abi::EnvEntries no_handler{};
  must(call::env_configure(abi::no_slot, &no_handler));
  told(phase) = ready;
  asm volatile("ud2");
}

// --- the other side -----------------------------------------------------------------------------------------------
enum class On : bool { own_processor, second_processor };
enum class Ask : bool { any, by_name };

struct Victim {
  std::string_view name;
  void (*body)(std::uint64_t);
  On where = On::own_processor;
  bool looks = true;         // it is in a state to look afterwards
  bool takes_again = false;  // what is free once more it may have as anybody may
};

void bind_second(CapSlot env) {
  for (std::uint32_t i = 0; i < 8; ++i) must(call::slice_bind(boot::slices, abi::slices_per_cpu + i, env));
}

template <typename F>
bool give_time_until(Domain& d, On where, F finished) {
  for (std::uint64_t i = 0; i < 40'000'000; ++i) {
    if (finished()) return true;
    if (where == On::second_processor) asm volatile("pause");
    else if (!call::env_yield(d.env).has_value()) static_cast<void>(call::env_yield(abi::no_slot));
  }
  return false;
}

// After the deadline by force; what reclaim() says was taken.
std::uint64_t force(CapSlot account) {
  const std::uint64_t deadline = must(rt::read_account(account)).request_deadline;
  while (now_ns() < deadline) static_cast<void>(call::env_yield(abi::no_slot));
  for (std::uint64_t steps = 0; steps < 1'000'000; ++steps) {
    const auto taken = call::account_reclaim(account);
    if (taken.has_value()) return *taken;
    if (!expect_error(taken, Error::again, "reclaim")) return 0;
  }
  fail(here(), "force never ends");
  return 0;
}

// The frames that the victim lost belong to nobody, are zero, and we take them and put something there. One who takes again may
// have been quicker than we after we looked.
std::uint64_t take_the_lost(FrameNumber first, std::span<FrameNumber> lost, bool takes_again = false) {
  std::uint64_t count = 0;
  const std::uint64_t va = new_va();
  for (FrameNumber f = first; f < first + held; ++f) {
    if (frame_info(f).owner != 0) continue;
    const auto ours = call::frame_alloc(boot::account, f, 1, 0, 0);
    if (!ours.has_value() && takes_again && expect_error(ours, Error::no_frame, "it was quicker")) continue;
    must(ours);
    expect_equal(frame_info(f).maps, 0u, "mapped by somebody");
    must(rt::map(abi::no_slot, va, f, 1, read_write, boot::account));
    for (std::uint64_t at = 0; at < page_size; at += 8)
      if (!expect_equal(load(va + at), 0ull, "the next owner finds something")) break;
    for (std::uint64_t at = 0; at < page_size; at += 8) store(va + at, bad);
    must(rt::unmap(abi::no_slot, va, 1));
    lost[count++] = f;
  }
  return count;
}

void attempt(const Victim& victim, Ask ask) {
  Domain d = make_domain(320);
  const abi::AccountLimits limits{.limit = {320, 8, 320}, .minimum = {}};
  must(call::account_limit(boot::account, d.account, &limits));
  start(d, victim.body);
  if (victim.where == On::second_processor) bind_second(d.env);
  const auto words = [&](std::size_t at) { return std::uint64_t{d.mailbox->words[at]}; };
  if (!expect(give_time_until(d, victim.where, [&] { return words(phase) == ready && (words(rounds_done) > 30 || !victim.looks); }),
              victim.name))
    return;
  const FrameNumber first{words(first_frame)};
  const std::uint64_t unit = ask == Ask::by_name ? first.raw() + 10 : abi::any_units;
  // It has all that its limit allows: what is asked must be given, or taken.
  const abi::AccountInfo before = must(rt::read_account(d.account));
  abi::AccountLimits tight = before.limits;
  tight.limit[0] = rt::use_of(before, Resource::frames);
  const bool exact = call::account_limit(boot::account, d.account, &tight).has_value();
  must(call::account_revoke(d.account, 0, unit, asked, now_ns() + 1'000'000));
  const std::uint64_t taken = force(d.account);
  expect(taken <= asked, "no more than was asked");
  const abi::AccountInfo after = must(rt::read_account(d.account));
  expect(rt::use_of(after, Resource::frames) <= rt::limit_of(after, Resource::frames), "within its limit");
  std::array<FrameNumber, held> lost{};
  const std::uint64_t count = take_the_lost(first, lost, victim.takes_again);
  if (victim.where == On::own_processor && exact) {
    expect_equal(taken, asked, "exactly what was asked");
    expect_equal(rt::use_of(after, Resource::frames), rt::use_of(before, Resource::frames) - asked, victim.name);
  }
  if (ask == Ask::by_name) {
    for (std::uint64_t i = 0; i < count && !victim.takes_again; ++i)
      expect(lost[i].raw() >= unit && lost[i].raw() - unit < asked, "only those that were named");
    for (std::uint64_t i = 0; i < asked && !victim.takes_again; ++i)
      expect(frame_info(FrameNumber{unit + i}).owner != frame_info(d.area_frame).owner, "each that was named");
  }
  // Of any frames it may have lost its stack: then it is in no state to look.
  if (victim.looks && ask == Ask::by_name) {
    d.mailbox->words[phase] = look;
    expect(give_time_until(d, victim.where, [&] { return words(phase) == done; }), "it looks");
    expect_equal(words(foreign), 0ull, "the former owner reads the next one's memory");
    expect(words(faults) >= count, "what it lost is gone");
  }
  if (victim.where == On::second_processor) bind_second(abi::no_slot);
  for (std::uint64_t i = 0; i < count; ++i) must(call::frame_free(boot::account, lost[i], 1));
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.area), 1));
  must(rt::unmap(abi::no_slot, reinterpret_cast<std::uint64_t>(d.mailbox), 1));
  expect_ok(rt::destroy_and_drop(d.account), "the account's end");
  for (const CapSlot slot : {d.env, d.table, d.space}) static_cast<void>(rt::drop(slot));
  must(call::frame_free(boot::account, d.mailbox_frame, 1));
  rt::log("{}, {}: {} of {} taken by force", victim.name, ask == Ask::by_name ? "by name" : "any", taken, asked);
}

// --- an accomplice holds capabilities and maps; a large page; pins -----------------------------------------------------
constexpr CapSlot given{20};
void maps_what_was_given(std::uint64_t frames) {
  must(rt::map(boot::space, hoard_va, FrameNumber{frames}, held, read_write, given));
  told(phase) = ready;
  while (told(phase) != look) static_cast<void>(call::env_yield(abi::no_slot));
  for (std::uint64_t i = 0; i < held; ++i) {
    const std::uint64_t va = hoard_va + i * page_size;
    if (catch_fault([=] { if (load(va) == bad) told(foreign) = told(foreign) + 1; })) told(faults) = told(faults) + 1;
  }
  told(phase) = done;
}

void hidden_with_an_accomplice() {
  const CapSlot victim = new_slot(), cap = new_slot();
  const abi::AccountLimits limits{.limit = {held, 0, 0}, .minimum = {}};
  must(call::account_create(boot::account, victim, &limits, abi::any_frame));
  const FrameNumber first = must_frame(call::frame_alloc(victim, abi::any_frame, held, 0, 0));
  must(call::frame_cap(victim, cap, first, held, abi::all_rights));
  Domain d = make_domain();
  must(call::cap_grant(cap, d.table, given, abi::all_rights, 0, 0));
  start(d, maps_what_was_given, first.raw());
  expect(give_time_until(d, On::own_processor, [&] { return d.mailbox->words[phase] == ready; }), "it has mapped");
  must(call::account_revoke(victim, 0, first.raw(), asked, 0));
  expect_equal(force(victim), asked, "taken from the accomplice too");
  std::array<FrameNumber, held> lost{};
  expect_equal(take_the_lost(first, lost), asked, "lost");
  // The capability that covered a lost frame is gone, whoever held it.
  abi::CapInfo info{};
  expect_error(call::cap_read(cap, &info), Error::empty_slot, "the capability");
  d.mailbox->words[phase] = look;
  expect(give_time_until(d, On::own_processor, [&] { return d.mailbox->words[phase] == done; }), "it looks");
  expect_equal(std::uint64_t{d.mailbox->words[foreign]}, 0ull, "the accomplice reads the next owner's memory");
  expect(d.mailbox->words[faults] >= asked, "what was hidden is gone");
  static_cast<void>(guest::run(d));
  for (std::uint64_t i = 0; i < asked; ++i) must(call::frame_free(boot::account, lost[i], 1));
  destroy(d);
  must(rt::destroy_and_drop(victim));
}

void hidden_in_a_large_page() {
  constexpr std::uint64_t span = 512;
  const CapSlot victim = new_slot(), home = new_slot();
  const abi::AccountLimits limits{.limit = {span + 6, 0, 6}, .minimum = {}};
  must(call::account_create(boot::account, victim, &limits, abi::any_frame));
  must(call::space_create(victim, home, abi::any_frame));
  const FrameNumber run = must_frame(call::frame_alloc(victim, abi::any_frame, span, span - 1, 0));
  must(rt::update(home, std::array{rt::map_op(0x4000'0000, run, span, read_write | abi::map_owned | abi::map_large, victim)}));
  must(call::account_revoke(victim, 0, run.raw() + 100, 3, 0));
  expect_equal(force(victim), 3ull, "three out of a large page");
  for (std::uint64_t i = 0; i < span; ++i) {
    const bool lost = i >= 100 && i < 103;
    if (!expect(lost == (frame_info(run + i).owner == 0), "exactly those")) break;
    if (lost) expect_equal(frame_info(run + i).maps, 0u, "mapped nowhere");
  }
  must(rt::destroy_and_drop(victim));
  static_cast<void>(rt::drop(home));
}

// Pinned frames are not taken by force; everything else is, and the request ends.
void behind_pins() {
  const CapSlot victim = new_slot(), home = new_slot(), table = new_slot(), env = new_slot();
  const abi::AccountLimits limits{.limit = {40, 0, 40}, .minimum = {}};
  must(call::account_create(boot::account, victim, &limits, abi::any_frame));
  must(call::space_create(victim, home, abi::any_frame));
  must(call::table_create(victim, table, abi::any_frame));
  const std::uint64_t room = rt::room_in(must(rt::read_account(victim)), Resource::frames);
  const std::uint64_t pins = room / 2;  // each with an env
  FrameNumber pinned{};
  for (std::uint64_t i = 0; i < pins; ++i) {
    pinned = must_frame(call::frame_alloc(victim, abi::any_frame, 1, 0, 0));
    must(call::env_create(victim, env, home, table, pinned, abi::any_frame));
    must(rt::drop(env));
  }
  const std::uint64_t used = rt::use_of(must(rt::read_account(victim)), Resource::frames);
  must(call::account_revoke(victim, 0, abi::any_units, 30, 0));
  expect_equal(force(victim), 0ull, "nothing but pinned frames and objects");
  const abi::AccountInfo after = must(rt::read_account(victim));
  expect_equal(rt::use_of(after, Resource::frames), used, "nothing was taken");
  expect_equal(rt::limit_of(after, Resource::frames), used, "and the limit covers what is left");
  expect_error(call::frame_alloc(victim, abi::any_frame, 1, 0, 0), Error::over_limit, "it gets no more");
  expect(frame_info(pinned).owner != 0, "the last one is still there");
  must(rt::destroy_and_drop(victim));
  for (const CapSlot slot : {home, table}) static_cast<void>(rt::drop(slot));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  for (std::uint32_t i = boot::first_free.raw(); i <= abi::slots_per_leaf; ++i) static_cast<void>(new_slot());
  const abi::AccountInfo before = settled_account();
  constexpr std::array victims{
      Victim{.name = "ignores", .body = ignores},
      Victim{.name = "crashes", .body = crashes, .looks = false},
      Victim{.name = "derives", .body = derives, .where = On::second_processor},
      Victim{.name = "spins", .body = spins, .where = On::second_processor},
      Victim{.name = "maps again", .body = maps_again, .where = On::second_processor},
      Victim{.name = "frees and takes", .body = frees_and_takes, .where = On::second_processor, .takes_again = true},
  };
  for (const Victim& victim : victims) {
    attempt(victim, Ask::any);
    attempt(victim, Ask::by_name);
  }
  hidden_with_an_accomplice();
  hidden_in_a_large_page();
  behind_pins();
  expect_settled(before, "revocations");
  finish();
}
