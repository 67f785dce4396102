// SPDX-License-Identifier: MIT
// Wakeup predicates: sleepers on programs, signals of pages, and how each of the two is taken away under a sleeper. The
// tables are counted again after every test; TearDown sees that nothing is pinned that nobody waits for.
#include <gtest/gtest.h>

#include "kernel/core/program.hpp"
#include "kernel/core/wait.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
namespace bpf = abi::bpf;
using abi::ProgramKind;
using abi::RunState;
constexpr std::uint64_t forever = abi::forever.raw(), any = abi::any_frame.raw(), all = abi::all_rights;
constexpr std::uint64_t root = abi::boot::account.raw();
constexpr std::uint64_t va = 0x5000'0000;

// The value is whether the first word is above the number.
std::vector<bpf::Instruction> above(int number) {
  return {bpf::make(bpf::ldx | bpf::mem | bpf::double_word, 3, 1, 0, 0), bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, 0),
          bpf::make(bpf::jmp | bpf::jle, 3, 0, 1, number), bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, 7),
          bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0)};
}
std::vector<bpf::Instruction> endless() {
  return {bpf::make(bpf::alu64 | bpf::mov, 0, 0, 0, 0), bpf::make(bpf::alu64 | bpf::add, 0, 0, 0, 1),
          bpf::make(bpf::jmp | bpf::jne, 0, 0, -2, 0), bpf::make(bpf::jmp | bpf::exit, 0, 0, 0, 0)};
}

// Account 20 with space 21 and frames 22 (one page, mapped in 21 and, as a stranger's, in the first space at `va`); envs from
// 40 on, of the root account; program 30.
struct Watches : ::testing::Test {
  World w;
  std::uint64_t page = 0;

  void SetUp() override {
    create_account(20, {.limit = {200, 0, 200, 3}, .minimum = {}});
    ASSERT_EQ(w.call(Call::space_create, {20, 21, any}).error, Error::none);
    page = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
    ASSERT_EQ(w.call(Call::frame_cap, {20, 22, page, 1, all}).error, Error::none);
    map(abi::no_slot, 22);
    ASSERT_EQ(load(root, 30, ProgramKind::predicate, above(9)), abi::ProgramState::ready);
    machine().frames = &w.kernel().frames;
  }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }

  void create_account(std::uint64_t dst, const abi::AccountLimits& limits) {
    ASSERT_EQ(w.call(Call::account_create, {root, dst, w.put(limits, 2048), any}).error, Error::none);
  }
  void map(CapSlot space, std::uint32_t cap, std::uint32_t flags = abi::map_read | abi::map_write) {
    ASSERT_EQ(w.update(space, {abi::SpaceVerb::map, flags, CapSlot{cap}, 0, va, 1, page}), Error::none);
  }
  Reply verify(std::uint64_t slot) {
    Reply reply{};
    do reply = w.call(Call::program_verify, {slot});
    while (reply.error == Error::again);
    return reply;
  }
  Reply begin_load(std::uint64_t account, std::uint64_t slot, ProgramKind kind, const std::vector<bpf::Instruction>& code) {
    w.write(w.scratch() + 1024, code.data(), code.size() * sizeof code[0]);
    abi::ProgramHeader header{};
    header.kind = kind;
    header.length = static_cast<std::uint32_t>(code.size());
    header.code = w.scratch() + 1024;
    header.steps = abi::rules_of(kind)->max_steps;
    header.min_context = 8;
    return w.call(Call::program_load, {account, slot, w.put(header), any});
  }
  abi::ProgramState load(std::uint64_t account, std::uint64_t slot, ProgramKind kind, const std::vector<bpf::Instruction>& code) {
    EXPECT_EQ(begin_load(account, slot, kind, code).error, Error::none);
    return abi::ProgramVerdict::unpack(verify(slot).value).state;
  }
  aegis::Program& program(std::uint32_t slot = 30) { return aegis::object_at<aegis::Program>(w.slot(CapSlot{slot}).object.frame); }
  aegis::FrameInfo& info(std::uint64_t frame) { return w.kernel().frames[FrameNumber{frame}]; }
  void set(std::uint64_t value, std::uint64_t offset = 8) { std::memcpy(aegis::arch::frame_memory(FrameNumber{page}) + offset, &value, 8); }

  Reply watch(std::uint64_t slot, std::uint64_t deadline = forever, std::uint64_t address = va + 8) {
    return w.call(Call::env_watch, {slot, w.put(address, 512), 1, deadline, 0});
  }
  // A new env in the slot that sleeps on program 30.
  void sleep(std::uint32_t slot, std::uint64_t deadline = forever, std::uint64_t on = 30) {
    (void)w.make_env(CapSlot{slot});
    ASSERT_EQ(w.call(Call::env_start, {slot, 0x1000, 0x2000, 0}).error, Error::none);
    sleep_again(slot, deadline, on);
  }
  void sleep_again(std::uint32_t slot, std::uint64_t deadline = forever, std::uint64_t on = 30) {
    ASSERT_EQ(w.call(Call::env_yield, {slot}).error, Error::none);
    ASSERT_EQ(w.current(), &env(slot));
    ASSERT_EQ(watch(on, deadline).error, Error::none);
    ASSERT_EQ(env(slot).state, RunState::sleeping);
  }
  aegis::Env& env(std::uint32_t slot) { return w.env_at(CapSlot{slot}); }
  abi::Watched told(std::uint32_t slot) {
    EXPECT_EQ(env(slot).context.registers.rax, 0u);
    return abi::Watched::unpack(env(slot).context.registers.rdx);
  }
  void expect_woken(std::uint32_t slot, std::uint64_t why, std::uint32_t value = 0, int line = __builtin_LINE()) {
    EXPECT_EQ(env(slot).state, RunState::ready) << line;
    EXPECT_EQ(told(slot).why, why) << line;
    EXPECT_EQ(told(slot).value, value) << line;
  }
  Reply signal() { return w.call(Call::page_signal, {va + 100}); }
};

TEST_F(Watches, ASignalLooks) {
  sleep(40);
  EXPECT_EQ(info(page).pins, 1u);
  EXPECT_EQ(program().info->runs, 1u);
  EXPECT_EQ(signal().error, Error::none);
  EXPECT_EQ(env(40).state, RunState::sleeping) << "it looked, and saw no reason";
  EXPECT_EQ(program().info->runs, 2u);
  set(10);
  EXPECT_EQ(env(40).state, RunState::sleeping) << "nobody has said so";
  EXPECT_EQ(signal().error, Error::none);
  expect_woken(40, abi::wait_true, 7);
  EXPECT_EQ(info(page).pins, 0u);
  EXPECT_EQ(watch(30).value, (abi::Watched{abi::wait_true, 7}.pack())) << "at once";
}

TEST_F(Watches, ADeadlineAndAWakeLookToo) {
  sleep(40, machine().now_ns + 100);
  w.pass(100);
  expect_woken(40, abi::wait_deadline);
  sleep_again(40, machine().now_ns + 100);
  set(11);
  w.pass(100);
  expect_woken(40, abi::wait_true, 7);
  set(0);
  sleep_again(40);
  ASSERT_EQ(w.call(Call::env_wake, {40}).error, Error::none);
  expect_woken(40, abi::wait_woken);
  sleep_again(40);
  ASSERT_EQ(w.call(Call::env_stop, {40}).error, Error::none);
  EXPECT_EQ(told(40).why, abi::wait_woken);
  ASSERT_EQ(w.call(Call::env_resume, {40}).error, Error::none);
  sleep_again(40);
  EXPECT_EQ(w.call(Call::env_yield, {40}).error, Error::wrong_state);
  set(12);
  EXPECT_EQ(w.call(Call::env_yield, {40}).error, Error::none) << "its slice came";
  EXPECT_EQ(told(40).value, 7u);
}

TEST_F(Watches, ArgumentsAreChecked) {
  EXPECT_EQ(w.call(Call::env_watch, {30, w.scratch(), 0, forever, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::env_watch, {30, w.scratch(), 17, forever, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::env_watch, {30, 0x1000, 1, forever, 0}).error, Error::bad_address);
  EXPECT_EQ(watch(30, forever, va + 4).error, Error::bad_address);
  EXPECT_EQ(watch(30, forever, va + 4096).error, Error::bad_address) << "not mapped";
  EXPECT_EQ(watch(30, forever, abi::user_end).error, Error::bad_address);
  EXPECT_EQ(watch(22).error, Error::wrong_kind);
  ASSERT_EQ(w.call(Call::cap_derive, {30, 31, 0x8, 0, 0}).error, Error::none);
  EXPECT_EQ(watch(31).error, Error::missing_right);
  ASSERT_EQ(load(root, 32, ProgramKind::filter, above(9)), abi::ProgramState::ready);
  EXPECT_EQ(watch(32).error, Error::bad_argument) << "another kind";
  ASSERT_EQ(begin_load(root, 33, ProgramKind::predicate, above(9)).error, Error::none);
  EXPECT_EQ(watch(33).error, Error::wrong_state) << "not ready";
  EXPECT_EQ(w.call(Call::page_signal, {va + 4096}).error, Error::bad_address);
  EXPECT_EQ(w.call(Call::page_signal, {abi::user_end}).error, Error::bad_address);
  map(abi::no_slot, 22, abi::map_read | abi::map_replace);
  EXPECT_EQ(signal().error, Error::missing_right) << "who may not write has nothing to say";
  EXPECT_EQ(w.kernel().watched, 0u);
}

// More than one call may look at: each is looked at once for one signal, and the one signal comes to an end.
TEST_F(Watches, ASignalGoesOnWhereItWas) {
  constexpr std::uint32_t sleepers = 200;
  for (std::uint32_t leaf = 1; leaf < 5; ++leaf) ASSERT_EQ(w.call(Call::table_grow, {0, leaf, 1, any}).error, Error::none);
  w.fill_every = 64;
  for (std::uint32_t i = 0; i < sleepers; ++i) sleep(64 + i);
  EXPECT_EQ(info(page).pins, 1u) << "one pin for all";
  const std::uint64_t before = program().info->runs;
  std::uint64_t calls = 1;
  while (signal().error == Error::again) {
    ++calls;
    EXPECT_EQ(w.problems(), "");
  }
  EXPECT_GT(calls, 1u);
  EXPECT_EQ(program().info->runs, before + sleepers);
  set(10);
  while (signal().error == Error::again) {}
  EXPECT_EQ(program().info->runs, before + 2 * sleepers);
  for (std::uint32_t i = 0; i < sleepers; ++i) expect_woken(64 + i, abi::wait_true, 7);
}

TEST_F(Watches, ARevokedPageIsTold) {
  sleep(40);
  ASSERT_EQ(w.call_done(Call::cap_revoke, {20}).error, Error::none);
  expect_woken(40, abi::wait_revoked);
  EXPECT_EQ(w.kernel().watched, 0u);
  ASSERT_EQ(w.call(Call::env_yield, {40}).error, Error::none);
  EXPECT_EQ(watch(30).error, Error::bad_address) << "the mapping is gone too";
}

TEST_F(Watches, AnOwnersEndIsTold) {
  sleep(40);
  ASSERT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none);
  expect_woken(40, abi::wait_ended);
}

TEST_F(Watches, ForceTakesAWatchedPage) {
  sleep(40);
  const abi::AccountInfo before = aegis::object_at<aegis::Account>(w.slot(CapSlot{20}).object.frame).read();
  ASSERT_EQ(w.call(Call::account_revoke, {20, 0, any, before.limits.limit[0] - before.used[0] + 1, machine().now_ns + 10}).error, Error::none);
  w.pass(20);
  const Reply taken = w.call_done(Call::account_reclaim, {20});
  EXPECT_EQ(taken.error, Error::none);
  EXPECT_EQ(taken.value, 1u) << "the page, though somebody waits for it";
  expect_woken(40, abi::wait_revoked);
}

TEST_F(Watches, AProgramsEndIsTold) {
  sleep(40);
  sleep(41);
  ASSERT_EQ(w.call_done(Call::object_destroy, {30}).error, Error::none);
  expect_woken(40, abi::wait_ended);
  expect_woken(41, abi::wait_ended);
  EXPECT_EQ(info(page).pins, 0u);
}

TEST_F(Watches, ARevokedProgramIsTold) {
  sleep(40);
  ASSERT_EQ(w.call_done(Call::cap_revoke, {30}).error, Error::none);
  expect_woken(40, abi::wait_revoked);
  EXPECT_EQ(watch(30, 1).value, abi::wait_deadline) << "who still holds it waits again";
}

TEST_F(Watches, AProgramThatDoesNotEndWakesItsSleeper) {
  ASSERT_EQ(load(root, 31, ProgramKind::predicate, endless()), abi::ProgramState::ready);
  const Reply reply = watch(31);
  EXPECT_EQ(reply.value, (abi::Watched{abi::wait_failed, static_cast<std::uint32_t>(abi::ProgramEnd::steps)}.pack()));
  EXPECT_EQ(program(31).info->exhausted, 1u);
}

TEST_F(Watches, AnEnvEndsInItsSleep) {
  sleep(40);
  sleep(41);
  ASSERT_EQ(w.call(Call::object_destroy, {40}).error, Error::none);
  EXPECT_EQ(info(page).pins, 1u);
  ASSERT_EQ(w.call(Call::object_destroy, {41}).error, Error::none);
  EXPECT_EQ(info(page).pins, 0u);
}

// Words of several pages and of one page, and the page of the program itself among them: each frame is watched once.
TEST_F(Watches, ManyWords) {
  ASSERT_EQ(w.map_new(abi::no_slot, va + 4096, 15), Error::none);
  std::array<std::uint64_t, 16> words{};
  for (std::size_t i = 0; i < 16; ++i) words[i] = va + i / 2 * 4096 + i % 2 * 8;
  (void)w.make_env(CapSlot{40});
  ASSERT_EQ(w.call(Call::env_start, {40, 0x1000, 0x2000, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {40}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_watch, {30, w.put(words, 512), 16, forever, 0}).error, Error::none);
  EXPECT_EQ(env(40).wait.watched, 9u);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.call(Call::page_signal, {va + 7 * 4096}).error, Error::none);
  EXPECT_EQ(program().info->runs, 2u);
  set(10, 0);
  ASSERT_EQ(w.call(Call::page_signal, {va + 3 * 4096}).error, Error::none) << "any of its pages";
  expect_woken(40, abi::wait_true, 7);
}

TEST_F(Watches, ALookIsTheSleepersTime) {
  sleep(40);
  const std::uint64_t before = env(40).info->run_ns;
  EXPECT_EQ(program().info->run_ns, 0u) << "time stands still here";
  EXPECT_EQ(env(40).info->run_ns, before);
}

// Programs are asked back like frames: the limit falls, the library is told, and at the deadline they go, whoever sleeps on them.
struct Revoked : Watches {
  void SetUp() override {
    Watches::SetUp();
    for (const std::uint64_t slot : {31u, 32u, 33u}) ASSERT_EQ(load(20, slot, ProgramKind::predicate, above(9)), abi::ProgramState::ready);
    vector = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
    const std::uint64_t area = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
    ASSERT_EQ(w.call(Call::env_create, {20, 50, 21, abi::boot::table.raw(), area, any}).error, Error::none);
    const abi::EnvEntries entries{.revoke = 0x7000};
    ASSERT_EQ(w.call(Call::env_configure, {50, w.put(entries)}).error, Error::none);
    ASSERT_EQ(w.call(Call::account_bind, {20, 50, vector}).error, Error::none);
  }
  Reply ask(std::uint64_t first, std::uint64_t count) {
    return w.call(Call::account_revoke, {20, static_cast<std::uint64_t>(abi::Resource::programs), first, count, machine().now_ns + 100});
  }
  const abi::RevocationPage& told() { return aegis::object_at<abi::RevocationPage>(static_cast<std::uint32_t>(vector)); }
  const aegis::Usage& use() { return aegis::object_at<aegis::Account>(w.slot(CapSlot{20}).object.frame).of(abi::Resource::programs); }
  std::uint64_t frame_of(std::uint32_t slot) { return w.slot(CapSlot{slot}).object.frame; }
  std::uint64_t vector = 0;
};

TEST_F(Revoked, WhatIsGivenInTimeIsNotTaken) {
  EXPECT_EQ(w.call(Call::account_revoke, {20, static_cast<std::uint64_t>(abi::Resource::objects), any, 1, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::account_revoke, {20, 4, any, 1, 0}).error, Error::bad_argument);
  ASSERT_EQ(ask(any, 2).error, Error::none);
  EXPECT_EQ(use().limit, 1u);
  EXPECT_EQ(told().request.resource, static_cast<std::uint64_t>(abi::Resource::programs));
  EXPECT_EQ(env(50).upcalls_due, 1u << static_cast<unsigned>(abi::Upcall::revoke));
  EXPECT_EQ(w.call(Call::account_reclaim, {20}).error, Error::would_block);
  ASSERT_EQ(w.call_done(Call::object_destroy, {31}).error, Error::none);
  ASSERT_EQ(w.call_done(Call::object_destroy, {33}).error, Error::none);
  const Reply closed = w.call_done(Call::account_reclaim, {20});
  EXPECT_EQ(closed.error, Error::none);
  EXPECT_EQ(closed.value, 0u);
  EXPECT_EQ(program(32).state, abi::ProgramState::ready);
}

TEST_F(Revoked, TheRestIsTaken) {
  sleep(40, forever, 31);
  sleep(41, forever, 32);
  const std::uint64_t lost = frame_of(31);
  ASSERT_EQ(ask(any, 2).error, Error::none);
  w.pass(200);
  const Reply taken = w.call_done(Call::account_reclaim, {20});
  EXPECT_EQ(taken.error, Error::none);
  EXPECT_EQ(taken.value, 2u);
  EXPECT_EQ(use().used, 1u);
  EXPECT_EQ(use().limit, 1u);
  EXPECT_EQ(told().lost_units, 2u);
  EXPECT_EQ(told().losses[0].resource, static_cast<std::uint64_t>(abi::Resource::programs));
  EXPECT_EQ(told().losses[0].first, lost);
  EXPECT_NE(env(50).upcalls_due & 1u << static_cast<unsigned>(abi::Upcall::repossess), 0u);
  expect_woken(40, abi::wait_ended);
  expect_woken(41, abi::wait_ended);
  EXPECT_EQ(watch(31).error, Error::stale);
  EXPECT_EQ(program(33).state, abi::ProgramState::ready);
}

TEST_F(Revoked, ByName) {
  ASSERT_EQ(ask(frame_of(32), 1).error, Error::none);
  w.pass(200);
  EXPECT_EQ(w.call_done(Call::account_reclaim, {20}).value, 1u);
  EXPECT_EQ(watch(32).error, Error::stale);
  EXPECT_EQ(program(31).state, abi::ProgramState::ready);
  EXPECT_EQ(use().limit, 2u);
}

TEST_F(Revoked, AProcessorInsideIsWaitedFor) {
  program(32).inside = 1;
  ASSERT_EQ(ask(frame_of(32), 1).error, Error::none);
  w.pass(200);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(w.call(Call::account_reclaim, {20}).error, Error::again);
  EXPECT_EQ(watch(32).error, Error::stale) << "but nobody begins anew";
  program(32).inside = 0;
  EXPECT_EQ(w.call_done(Call::account_reclaim, {20}).value, 1u);
}

// The counters lie in the information pages, and the entry goes with the program.
TEST_F(Watches, TheTableOfProgramsShowsIt) {
  const abi::SystemInfo& system = w.kernel().frames.info();
  const std::span entries{reinterpret_cast<const abi::ProgramEntry*>(reinterpret_cast<const std::byte*>(&system) + system.program_table_offset), system.program_table_count};
  const auto entry = std::ranges::find(entries, w.slot(CapSlot{30}).object.frame, &abi::ProgramEntry::program);
  ASSERT_NE(entry, entries.end());
  EXPECT_EQ(entry->kind, static_cast<std::uint32_t>(ProgramKind::predicate));
  EXPECT_EQ(entry->state, static_cast<std::uint32_t>(abi::ProgramState::ready));
  EXPECT_EQ(entry->length, 5u);
  EXPECT_GT(entry->code_bytes, 0u);
  EXPECT_EQ(watch(30, 1).value, abi::wait_deadline);
  EXPECT_EQ(entry->runs, 1u);
  EXPECT_EQ(entry->steps, 5u);
  ASSERT_EQ(w.call_done(Call::object_destroy, {30}).error, Error::none);
  EXPECT_EQ(entry->program, 0u);
  EXPECT_EQ(w.root().of(abi::Resource::programs).limit, entries.size()) << "so the table is never too small";
}

// Programs may hold a frame so often that no other could; who waits for it finds a place all the same.
TEST_F(Watches, PinsAreNotUsedUp) {
  auto header_with_region = [&] {
    abi::ProgramHeader header{};
    header.kind = ProgramKind::predicate;
    header.length = 5;
    header.code = w.scratch() + 1024;
    header.steps = 100;
    header.region_count = 1;
    header.regions[0] = {page, 1, 0};
    return header;
  };
  info(page).pins = 0xffff - abi::max_program_regions;
  EXPECT_EQ(w.call(Call::program_load, {20, 31, w.put(header_with_region()), any}).error, Error::over_limit);
  info(page).pins = 0xfffe;
  EXPECT_EQ(watch(30, 1).value, abi::wait_deadline);
  sleep(40);
  sleep(41);
  EXPECT_EQ(info(page).pins, 0xffffu);
  set(10);
  ASSERT_EQ(signal().error, Error::none);
  expect_woken(41, abi::wait_true, 7);
  EXPECT_EQ(info(page).pins, 0xfffeu);
  info(page).pins = 0;
}

// Every allocation on the way of a program fails once, by the account's limit, and leaves everything as it was.
TEST_F(Watches, LoadingFailsAtEveryStep) {
  std::uint64_t failures = 0;
  for (std::uint64_t frames = 0;; ++frames) {
    create_account(50, {.limit = {frames, 0, frames, 1}, .minimum = {}});
    const Reply begun = begin_load(50, 51, ProgramKind::predicate, above(9));
    const Reply done = begun.error == Error::none ? verify(51) : begun;
    if (done.error != Error::none) EXPECT_EQ(done.error, Error::over_limit);
    if (begun.error == Error::none) ASSERT_EQ(w.call_done(Call::object_destroy, {51}).error, Error::none);
    const auto& account = aegis::object_at<aegis::Account>(w.slot(CapSlot{50}).object.frame);
    EXPECT_EQ(account.of(abi::Resource::frames).used, 0u);
    EXPECT_EQ(account.of(abi::Resource::programs).used, 0u);
    ASSERT_EQ(w.call_done(Call::object_destroy, {50}).error, Error::none);
    for (const std::uint64_t slot : {51u, 50u})
      if (!w.slot(CapSlot{static_cast<std::uint32_t>(slot)}).empty()) ASSERT_EQ(w.call_done(Call::cap_drop, {slot}).error, Error::none);
    ASSERT_EQ(w.problems(), "");
    if (done.error == Error::none) break;
    ++failures;
  }
  EXPECT_GE(failures, 3u);
}

}  // namespace
