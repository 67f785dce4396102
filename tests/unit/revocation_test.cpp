// SPDX-License-Identifier: MIT
// Visible revocation and the abort protocol, and what may happen between their steps.
#include <gtest/gtest.h>

#include <random>
#include <set>

#include "abi/program.hpp"
#include "kernel/core/account_end.hpp"
#include "kernel/core/revocation.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::Resource;
constexpr std::uint64_t root = abi::boot::account.raw(), any = abi::any_frame.raw(), slices = abi::boot::slices.raw();
constexpr std::uint64_t self = abi::boot::self.raw(), all = abi::any_units, rights = abi::all_rights;
constexpr std::uint32_t rw = abi::map_read | abi::map_write;
constexpr std::uint64_t deadline = 1'000'000;

// An account (slot 20) with a space (21), an env (22) that is told, and memory mapped in its space.
struct Revocation : ::testing::Test {
  static constexpr std::uint64_t limit = 100, va = 0x1000'0000;
  World w;
  std::uint64_t vector = 0, area = 0;

  void SetUp() override {
    create(root, 20, {.limit = {limit, 10, 50}, .minimum = {20, 1, 0}});
    ASSERT_EQ(w.call(Call::space_create, {20, 21, any}).error, Error::none);
    area = alloc(20, 1);
    vector = alloc(20, 1);
    ASSERT_EQ(w.call(Call::env_create, {20, 22, 21, abi::boot::table.raw(), area, any}).error, Error::none);
    const abi::EnvEntries entries{.revoke = 0x7000};
    ASSERT_EQ(w.call(Call::env_configure, {22, w.put(entries)}).error, Error::none);
    ASSERT_EQ(w.call(Call::account_bind, {20, 22, vector}).error, Error::none);
  }
  void TearDown() override {
    EXPECT_EQ(w.problems(), "");
    EXPECT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none) << "it can always be ended";
    EXPECT_EQ(w.problems(), "");
    EXPECT_EQ(w.kernel().open_requests, 0u);
  }

  void create(std::uint64_t parent, std::uint64_t dst, const abi::AccountLimits& l) {
    ASSERT_EQ(w.call(Call::account_create, {parent, dst, w.put(l, 2048), any}).error, Error::none);
  }
  std::uint64_t alloc(std::uint64_t account, std::uint64_t n) {
    const Reply r = w.call(Call::frame_alloc, {account, any, n, 0, 0});
    EXPECT_EQ(r.error, Error::none);
    return r.value;
  }
  void fill(std::uint64_t pages) {
    ASSERT_EQ(w.update(CapSlot{21}, {abi::SpaceVerb::map_new, rw | abi::map_owned, CapSlot{20}, 0, va, pages, any}), Error::none);
  }
  std::uint64_t mapped(std::uint64_t pages) {
    std::uint64_t n = 0;
    for (std::uint64_t i = 0; i < pages; ++i) n += (w.entry(w.space_at(CapSlot{21}), va + i * 4096) & 1);
    return n;
  }
  aegis::Account& at(std::uint32_t slot) { return aegis::object_at<aegis::Account>(w.slot(CapSlot{slot}).object.frame); }
  aegis::Usage& frames(std::uint32_t slot = 20) { return at(slot).of(Resource::frames); }
  abi::RevocationPage& page() { return aegis::object_at<abi::RevocationPage>(static_cast<std::uint32_t>(vector)); }
  Error revoke(std::uint64_t count, std::uint64_t first = all, std::uint64_t account = 20,
               Resource what = Resource::frames) {
    return w.call(Call::account_revoke, {account, static_cast<std::uint64_t>(what), first, count, deadline}).error;
  }
  void pass_deadline() { machine().now_ns = deadline; }
  // Steps until done, with something done and everything checked in between.
  template <typename F>
  Reply reclaim_with(F between, std::uint64_t account = 20) {
    for (int i = 0; i < 100'000; ++i) {
      std::uint64_t budget = 3;  // so that there is much in between
      const auto r = aegis::reclaim(w.kernel(), at(static_cast<std::uint32_t>(account)), budget);
      EXPECT_EQ(w.problems(), "");
      if (r.has_value()) return {Error::none, *r};
      if (r.error() != Error::again) return {r.error(), 0};
      between();
    }
    return {Error::again, 0};
  }
  Reply reclaim(std::uint64_t account = 20) { return reclaim_with([] {}, account); }
  abi::AccountInfo info(std::uint64_t account = 20) {
    EXPECT_EQ(w.call(Call::account_read, {account, w.scratch()}).error, Error::none);
    return w.get<abi::AccountInfo>();
  }
};

TEST_F(Revocation, ArgumentsAndStates) {
  EXPECT_EQ(revoke(0), Error::bad_argument);
  EXPECT_EQ(revoke(1, all, 20, Resource::objects), Error::bad_argument);
  EXPECT_EQ(revoke(1, all, 20, static_cast<Resource>(4)), Error::bad_argument);
  EXPECT_EQ(revoke(2, frame_count - 1), Error::out_of_range);
  EXPECT_EQ(revoke(abi::max_cap_run + 1, 0), Error::bad_argument);
  EXPECT_EQ(revoke(limit - 20 + 1), Error::out_of_range) << "the minimum";
  EXPECT_EQ(revoke(1, all, root), Error::out_of_range) << "the root keeps all";
  EXPECT_EQ(w.call(Call::account_reclaim, {20}).error, Error::wrong_state) << "no request";
  ASSERT_EQ(w.call(Call::cap_derive, {20, 40, rights & 0x1f, 0, 0}).error, Error::none);
  EXPECT_EQ(revoke(1, all, 40), Error::missing_right);
  EXPECT_EQ(w.call(Call::account_reclaim, {40}).error, Error::missing_right);
  ASSERT_EQ(revoke(10), Error::none);
  EXPECT_EQ(revoke(1), Error::wrong_state) << "one at a time";
  const abi::AccountLimits l{.limit = {limit, 10, 50}, .minimum = {}};
  EXPECT_EQ(w.call(Call::account_limit, {root, 20, w.put(l, 2048)}).error, Error::wrong_state);
  EXPECT_EQ(reclaim(), (Reply{Error::none, 0})) << "it had that much to spare";
  EXPECT_EQ(frames().limit, limit - 10);
}

TEST_F(Revocation, BindingIsChecked) {
  const std::uint64_t mine = alloc(root, 1);
  EXPECT_EQ(w.call(Call::account_bind, {20, 22, mine}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::account_bind, {20, 22, any}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::account_bind, {20, 22, w.space_at(CapSlot{21}).top}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::account_bind, {20, 22, area}).error, Error::busy) << "a user area";
  EXPECT_EQ(w.call(Call::account_bind, {20, self, alloc(20, 1)}).error, Error::wrong_state) << "an env of another";
  EXPECT_EQ(w.call(Call::account_bind, {20, 0, vector}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::account_bind, {20, 22, vector}).error, Error::none) << "the same again";
  EXPECT_EQ(w.call(Call::frame_free, {20, vector, 1}).error, Error::busy) << "pinned";
  EXPECT_EQ(w.call(Call::account_bind, {20, 0, 0}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {20, vector, 1}).error, Error::none);
}

// The well-behaved: told, it gives, the requester is woken, nothing is taken.
TEST_F(Revocation, GivenInTime) {
  const std::uint64_t loose = alloc(20, 80);
  const std::uint64_t used = frames().used;
  ASSERT_EQ(w.call(Call::env_start, {22, 0x1000, 0x2000, 0}).error, Error::none);
  ASSERT_EQ(revoke(30), Error::none);
  EXPECT_EQ(page().request.sequence, 1u);
  EXPECT_EQ(page().request.count, 30u);
  EXPECT_EQ(page().request.first, all);
  EXPECT_EQ(page().request.deadline_ns, deadline);
  EXPECT_EQ(frames().limit, limit - 30);
  const std::uint64_t left = used - (limit - 30);
  EXPECT_EQ(info().request_left, left);
  EXPECT_EQ(info().request_resource, 1u);
  EXPECT_EQ(w.call(Call::frame_alloc, {20, any, 1, 0, 0}).error, Error::over_limit) << "while it owes";
  EXPECT_EQ(w.call(Call::table_create, {20, 40, any}).error, Error::over_limit);
  EXPECT_EQ(w.call(Call::account_reclaim, {20}).error, Error::would_block);
  ASSERT_EQ(w.call(Call::env_sleep, {abi::forever.raw(), 22}).error, Error::none);
  ASSERT_EQ(w.current(), &w.env_at(CapSlot{22}));
  EXPECT_EQ(w.env_at(CapSlot{22}).context.registers.rip, 0x7000u) << "the upcall";
  ASSERT_EQ(w.call(Call::frame_free, {20, loose, left - 1}).error, Error::none);
  EXPECT_EQ(w.env_at(abi::boot::self).state, abi::RunState::sleeping);
  ASSERT_EQ(w.call(Call::frame_free, {20, loose + left - 1, 1}).error, Error::none);
  EXPECT_NE(w.env_at(abi::boot::self).state, abi::RunState::sleeping) << "woken when it was enough";
  (void)w.call(Call::env_halt, {0});
  ASSERT_EQ(w.current(), &w.env_at(abi::boot::self));
  EXPECT_EQ(reclaim(), (Reply{Error::none, 0}));
  EXPECT_EQ(page().loss_count, 0u);
  EXPECT_EQ(frames().used, limit - 30);
}

TEST_F(Revocation, TakenByForce) {
  fill(40);
  const std::uint64_t loose = alloc(20, 20);
  const std::uint64_t shared = alloc(20, 10);
  ASSERT_EQ(w.call(Call::frame_cap, {20, 30, shared, 10, rights}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {30, 31, rights, shared, 5}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {30, 32, rights, shared + 5, 5}).error, Error::none);
  ASSERT_EQ(w.update(abi::no_slot, {abi::SpaceVerb::map, rw, CapSlot{31}, 0, 0x5000'0000, 5, shared}), Error::none);
  const std::uint64_t used = frames().used, free = w.kernel().frames.free_count();
  ASSERT_EQ(revoke(limit - used + 30), Error::none);
  pass_deadline();
  EXPECT_EQ(reclaim(), (Reply{Error::none, 30}));
  EXPECT_EQ(frames().used, used - 30);
  EXPECT_EQ(frames().limit, used - 30);
  EXPECT_EQ(w.kernel().frames.free_count(), free + 30);
  for (std::uint64_t i = 0; i < 20; ++i) EXPECT_EQ(w.kernel().frames[FrameNumber{loose + i}].use, abi::FrameUse::free) << "first of all";
  EXPECT_EQ(mapped(40), 30u) << "then what has no capability";
  EXPECT_FALSE(w.slot(CapSlot{30}).empty());
  EXPECT_EQ(page().lost_units, 30u);
  EXPECT_EQ(page().unlisted, 0u);
  std::uint64_t listed = 0;
  for (std::uint64_t i = 0; i < page().loss_count; ++i) listed += page().losses[i].count;
  EXPECT_EQ(listed, 30u);
  EXPECT_NE(w.env_at(CapSlot{22}).upcalls_due & (1u << static_cast<unsigned>(abi::Upcall::repossess)), 0);
  // What is left of the plain ones goes next, and the capabilities that cover it.
  ASSERT_EQ(revoke(frames().used - 20), Error::none);
  EXPECT_EQ(reclaim().error, Error::none);
  EXPECT_EQ(frames().used, 20u) << "the minimum";
  EXPECT_EQ(w.kernel().frames[FrameNumber{vector}].pins, 1u);
  EXPECT_EQ(w.kernel().frames[FrameNumber{area}].pins, 1u);
}

TEST_F(Revocation, ByName) {
  const std::uint64_t run = alloc(20, 16), free = w.kernel().frames.free_count();
  ASSERT_EQ(w.call(Call::frame_cap, {20, 30, run, 16, rights}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {30, 31, rights, run, 4}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {30, 32, rights, run + 12, 4}).error, Error::none);
  ASSERT_EQ(revoke(6, run + 4), Error::none);
  EXPECT_EQ(info().request_left, 6u);
  EXPECT_EQ(page().request.first, run + 4);
  pass_deadline();
  EXPECT_EQ(reclaim(), (Reply{Error::none, 6}));
  for (std::uint64_t i = 0; i < 16; ++i)
    EXPECT_EQ(w.kernel().frames[FrameNumber{run + i}].use == abi::FrameUse::free, i >= 4 && i < 10) << i;
  EXPECT_TRUE(w.slot(CapSlot{30}).empty()) << "it covered them";
  EXPECT_EQ(w.slot(CapSlot{31}).parent, &w.slot(CapSlot{20})) << "these did not, and moved up";
  EXPECT_EQ(w.slot(CapSlot{32}).parent, &w.slot(CapSlot{20}));
  EXPECT_EQ(w.kernel().frames.free_count(), free + 6);
  EXPECT_EQ(page().losses[0].first, run + 4);
  EXPECT_EQ(page().losses[0].count, 6u);
  EXPECT_EQ(frames().limit, limit - 6);
}

TEST_F(Revocation, Slices) {
  for (std::uint64_t p = 64; p < 70; ++p) ASSERT_EQ(w.call(Call::slice_bind, {slices, p, 22}).error, Error::none);
  ASSERT_EQ(revoke(7, all, 20, Resource::slices), Error::none);
  EXPECT_EQ(info().request_left, 3u);
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 70, 22}).error, Error::over_limit);
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 69, 0}).error, Error::none) << "one is given";
  EXPECT_EQ(info().request_left, 2u);
  pass_deadline();
  EXPECT_EQ(reclaim(), (Reply{Error::none, 2}));
  for (std::uint64_t p = 64; p < 70; ++p) EXPECT_EQ(static_cast<bool>(w.kernel().slices[p]), p < 67) << p;
  EXPECT_EQ(at(20).of(Resource::slices).limit, 3u);
  ASSERT_EQ(revoke(1, 65, 20, Resource::slices), Error::none);
  EXPECT_EQ(reclaim(), (Reply{Error::none, 1}));
  EXPECT_FALSE(static_cast<bool>(w.kernel().slices[65]));
  EXPECT_EQ(revoke(2, all, 20, Resource::slices), Error::out_of_range) << "the minimum";
}

// Of an account with 3 programs and one below it with 2: any, and by name; they end as by object_destroy.
TEST_F(Revocation, Programs) {
  create(root, 30, {.limit = {90, 0, 90, 6}, .minimum = {}});
  create(30, 31, {.limit = {40, 0, 40, 2}, .minimum = {}});
  const std::array code{abi::bpf::make(abi::bpf::alu64 | abi::bpf::mov, 0, 0, 0, 0), abi::bpf::make(abi::bpf::jmp | abi::bpf::exit, 0, 0, 0, 0)};
  const auto load = [&](std::uint64_t account, std::uint64_t slot) {
    const std::uint64_t at = w.put(code, 512);
    const abi::ProgramHeader header{.kind = abi::ProgramKind::function, .length = code.size(), .code = at, .steps = 10};
    const Error loaded = w.call(Call::program_load, {account, slot, w.put(header), any}).error;
    return loaded != Error::none ? loaded : w.call_done(Call::program_verify, {slot}).error;
  };
  for (const std::uint64_t slot : {32u, 33u, 34u}) ASSERT_EQ(load(30, slot), Error::none);
  for (const std::uint64_t slot : {35u, 36u}) ASSERT_EQ(load(31, slot), Error::none);
  const std::uint64_t frames_before = frames(30).used;
  const auto live = [&] {
    std::uint64_t n = 0;
    for (std::uint64_t slot = 32; slot < 37; ++slot) n += w.call(Call::program_read, {slot, w.scratch()}).error == Error::none;
    return n;
  };
  EXPECT_EQ(revoke(7, all, 30, Resource::programs), Error::out_of_range) << "more than it may have";
  ASSERT_EQ(revoke(3, all, 30, Resource::programs), Error::none);
  EXPECT_EQ(load(30, 37), Error::over_limit);
  ASSERT_EQ(w.call_done(Call::object_destroy, {32}).error, Error::none) << "one is given";
  pass_deadline();
  EXPECT_EQ(reclaim(30), (Reply{Error::none, 1})) << "one was spare, one is taken";
  EXPECT_EQ(live(), 3u);
  EXPECT_EQ(at(30).of(Resource::programs).limit, 3u);
  EXPECT_LT(frames(30).used, frames_before);
  // By name, the one of the account below; a frame beside it is no program.
  const std::uint64_t slot = w.call(Call::program_read, {36, w.scratch()}).error == Error::none ? 36u : 35u;
  const std::uint64_t named = w.slot(CapSlot{static_cast<std::uint32_t>(slot)}).object.frame;
  ASSERT_EQ(revoke(2, named, 30, Resource::programs), Error::none);
  EXPECT_EQ(reclaim(30).value, 1u);
  EXPECT_EQ(w.call(Call::program_read, {slot, w.scratch()}).error, Error::stale);
  EXPECT_EQ(live(), 2u);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.call_done(Call::object_destroy, {31}).error, Error::none);
  ASSERT_EQ(w.call_done(Call::object_destroy, {30}).error, Error::none);
}

// What was given on is taken back too: first what nobody uses, never what is guaranteed.
TEST_F(Revocation, ReachesAccountsBelow) {
  create(20, 23, {.limit = {60, 0, 5}, .minimum = {15, 0, 0}});
  create(23, 24, {.limit = {50, 0, 2}, .minimum = {15, 0, 0}});
  (void)alloc(24, 30);
  const std::uint64_t own = frames().used - 60, grand = w.slot(CapSlot{24}).object.frame;
  ASSERT_EQ(revoke(limit - frames().used + 25), Error::none);
  pass_deadline();
  EXPECT_EQ(reclaim(), (Reply{Error::none, 0})) << "limits that nobody used";
  EXPECT_EQ(frames(23).claim(), 35u);
  EXPECT_EQ(frames(24).used, 30u);
  ASSERT_EQ(revoke(frames().limit - 20), Error::none);
  const Reply taken = reclaim();
  EXPECT_EQ(taken.error, Error::none);
  EXPECT_EQ(frames(24).used, 15u) << "its minimum stays";
  EXPECT_GE(frames(24).limit, 15u);
  EXPECT_EQ(taken.value, 15u);
  EXPECT_EQ(frames().used, own + frames(23).claim());
  EXPECT_EQ(w.slot(CapSlot{24}).object.frame, grand);
  // Kernel objects and pinned frames cannot be taken: the limit covers what is left.
  EXPECT_EQ(frames().limit, frames().used);
  ASSERT_EQ(w.call_done(Call::object_destroy, {24}).error, Error::none);
  ASSERT_EQ(w.call_done(Call::object_destroy, {23}).error, Error::none);
}

// The attacker has a step between any two of ours, and tries to keep what it loses.
TEST_F(Revocation, NothingEscapesBetweenSteps) {
  fill(40);
  ASSERT_EQ(w.call(Call::space_create, {20, 25, any}).error, Error::none);
  const std::uint64_t shared = alloc(20, 8);
  ASSERT_EQ(w.call(Call::frame_cap, {20, 30, shared, 8, rights}).error, Error::none);
  ASSERT_EQ(w.update(CapSlot{21}, {abi::SpaceVerb::map, rw, CapSlot{30}, 0, va + 0x100'0000, 8, shared}), Error::none);
  const std::uint64_t free = w.kernel().frames.free_count(), keep = 22;
  std::mt19937 random{3};
  ASSERT_EQ(revoke(limit - keep), Error::none);
  const std::uint64_t excess = info().request_left;
  pass_deadline();
  std::uint32_t next = 31;
  std::uint64_t given = 0;
  const Reply taken = reclaim_with([&] {
    const std::uint64_t there = w.kernel().frames.free_count();
    const std::uint64_t page = random() % 40;
    switch (random() % 7) {
      case 0: (void)w.update(CapSlot{21}, {abi::SpaceVerb::move, 0, abi::no_slot, 0, va + 0x20'0000 + page * 4096, 4, va + page * 4096}); break;
      case 1: (void)w.update(CapSlot{25}, {abi::SpaceVerb::clone, abi::map_write, CapSlot{21}, 0, va, 64, 0}); break;
      case 2: (void)w.update(CapSlot{25}, {abi::SpaceVerb::map, rw, CapSlot{30}, 0, va + 0x800'0000 + page * 4096, 1, shared + page % 8}); break;
      case 3: if (next < 60 && w.call(Call::cap_derive, {30, next, rights, shared, 4}).error == Error::none) ++next; break;
      case 4: (void)w.update(CapSlot{25}, {abi::SpaceVerb::map, rw, CapSlot{20}, 0, va + 0x900'0000 + page * 4096, 1, shared + page % 8}); break;
      case 5: (void)w.update(CapSlot{21}, {abi::SpaceVerb::unmap, 0, abi::no_slot, 0, va + page * 4096, 1, 0}); break;
      default: (void)w.call(Call::env_create, {20, 61, 21, abi::boot::table.raw(), shared + page % 8, any}); break;
    }
    given += w.kernel().frames.free_count() - there;
  });
  EXPECT_EQ(taken.error, Error::none);
  EXPECT_LE(taken.value + given, excess + 1);
  EXPECT_LE(frames().used, frames().limit);
  EXPECT_GE(w.kernel().frames.free_count(), free + taken.value);
  for (std::uint32_t f = 0; f < frame_count; ++f) EXPECT_FALSE(aegis::is_condemned(w.kernel().frames[f])) << f;
}

// The one who asked dies; another with the right goes on. The account above ends it all in the middle.
// Between the look at limits and the choice of frames, an account in the middle gives something: its own limit pays then,
// and the one below keeps what it has.
TEST_F(Revocation, WhatTheMiddleGivesIsNotTakenFromBelow) {
  const std::uint64_t own = frames().used;
  create(20, 30, {.limit = {limit - own - 1, 0, 20}, .minimum = {}});
  create(30, 31, {.limit = {20, 0, 5}, .minimum = {}});
  alloc(31, 20);
  const std::uint64_t given = alloc(30, frames(30).room());
  ASSERT_EQ(frames(20).room() + frames(30).room() + frames(31).room(), 0u);
  ASSERT_EQ(revoke(5), Error::none);
  pass_deadline();
  bool gave = false;
  const Reply done = reclaim_with([&] {
    if (gave || w.kernel().force.pass == aegis::ForcePass::spare || w.kernel().force.pass == aegis::ForcePass::units) return;
    gave = true;
    EXPECT_EQ(w.call(Call::frame_free, {30, given, 3}).error, Error::none);
  });
  EXPECT_TRUE(gave);
  EXPECT_EQ(done, (Reply{Error::none, 2}));
  EXPECT_EQ(frames(31).excess(), 0u);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.call_done(Call::object_destroy, {31}).error, Error::none);
  ASSERT_EQ(w.call_done(Call::object_destroy, {30}).error, Error::none);
}

// An account of which force has chosen frames begins to end, and does not come to its end before the request is closed.
TEST_F(Revocation, WhatBeginsToEndOwesNothing) {
  create(20, 30, {.limit = {limit - frames().used - 1, 0, 20}, .minimum = {}});
  create(30, 31, {.limit = {frames(30).limit - 1, 0, 5}, .minimum = {}});
  alloc(31, frames(31).room());
  ASSERT_EQ(frames(20).room() + frames(30).room() + frames(31).room(), 0u);
  ASSERT_EQ(revoke(5), Error::none);
  pass_deadline();
  const Reply done = reclaim_with([&] {
    if (at(31).dying || w.kernel().force.condemned < 5) return;
    EXPECT_EQ(frames(30).excess(), 5u);
    std::uint64_t budget = 1;
    EXPECT_EQ(aegis::end_account(w.kernel(), w.cpu(), at(31), budget).error(), Error::again);
    EXPECT_EQ(frames(30).excess() + frames(31).excess(), 0u);
  });
  EXPECT_TRUE(at(31).dying);
  EXPECT_EQ(done.error, Error::none);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.call_done(Call::object_destroy, {31}).error, Error::none);
  ASSERT_EQ(w.call_done(Call::object_destroy, {30}).error, Error::none);
}

TEST_F(Revocation, RequesterAndAccountsMayEnd) {
  fill(60);
  create(root, 26, {.limit = {50, 0, 50}, .minimum = {}});
  (void)alloc(26, 40);
  const std::uint64_t other = w.make_env(CapSlot{27});
  (void)other;
  ASSERT_EQ(w.call(Call::env_start, {27, 0x1000, 0x2000, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {27}).error, Error::none);
  ASSERT_EQ(revoke(50), Error::none);
  pass_deadline();
  std::uint64_t budget = 40;
  ASSERT_EQ(aegis::reclaim(w.kernel(), at(20), budget).error(), Error::again) << "begun";
  (void)w.call(Call::env_halt, {0});
  ASSERT_EQ(w.current(), &w.env_at(abi::boot::self));
  ASSERT_EQ(w.call_done(Call::object_destroy, {27}).error, Error::none);
  // Whoever wants to take from another account finishes the first.
  ASSERT_EQ(revoke(30, all, 26), Error::none);
  EXPECT_EQ(reclaim(26), (Reply{Error::none, 20}));
  const Reply first = reclaim(20);
  EXPECT_EQ(first.error, Error::none);
  EXPECT_EQ(frames().used, limit - 50);
  // An account that ends while it is under force.
  ASSERT_EQ(revoke(10, all, 26), Error::none);
  budget = 40;
  ASSERT_EQ(aegis::reclaim(w.kernel(), at(26), budget).error(), Error::again);
  EXPECT_EQ(w.call_done(Call::object_destroy, {26}).error, Error::none);
  EXPECT_FALSE(static_cast<bool>(w.kernel().force.account));
  EXPECT_EQ(w.kernel().open_requests, 0u);
}

// The page is the victim's: whatever it writes there, the kernel stays inside.
TEST_F(Revocation, LyingPages) {
  fill(60);
  page().loss_count = ~0ull;
  ASSERT_EQ(revoke(50), Error::none);
  pass_deadline();
  EXPECT_EQ(reclaim().error, Error::none);
  EXPECT_EQ(page().loss_count, ~0ull);
  EXPECT_EQ(page().unlisted, page().lost_units);
}

}  // namespace
