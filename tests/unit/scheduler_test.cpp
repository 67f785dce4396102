// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::RunState;
constexpr std::uint64_t slices = abi::boot::slices.raw(), forever = abi::forever.raw();
constexpr std::uint64_t slice = aegis::slice_ns, grace = aegis::grace_ns;

struct Scheduler : ::testing::Test {
  World w;
  std::array<std::uint64_t, 2> area{};
  void SetUp() override {
    for (std::uint32_t i = 0; i < 2; ++i) {
      area[i] = w.make_env(CapSlot{20 + i});
      ASSERT_EQ(w.call(Call::env_start, {20 + i, 0x1000, 0x2000, 0}).error, Error::none);
    }
  }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  aegis::Env& a() { return w.env_at(CapSlot{20}); }
  aegis::Env& b() { return w.env_at(CapSlot{21}); }
  aegis::Env& first() { return w.env_at(abi::boot::self); }
  abi::UserArea& area_of(int i) {
    return *reinterpret_cast<abi::UserArea*>(aegis::arch::frame_memory(FrameNumber{area[static_cast<std::size_t>(i)]}));
  }
  void bind(std::uint64_t position, std::uint64_t env) {
    ASSERT_EQ(w.call(Call::slice_bind, {slices, position, env}).error, Error::none);
  }
};

TEST_F(Scheduler, PositionsFollowEachOther) {
  for (std::uint64_t p = 0; p < 64; ++p)
    bind(p, p % 4 == 0 ? 20 : p % 4 == 1 ? 21 : p % 4 == 2 ? abi::boot::self.raw() : 0);
  std::map<aegis::Env*, int> runs;
  for (int i = 0; i < 300; ++i) {
    w.pass(slice);
    ++runs[w.current()];
  }
  EXPECT_EQ(runs.size(), 3u);
  for (const auto& [env, count] : runs) EXPECT_NEAR(count, 100, 2);
}

TEST_F(Scheduler, DirectedYieldStaysInTheSlice) {
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  ASSERT_EQ(w.current(), &a());
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::none) << "to itself";
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  ASSERT_EQ(w.current(), &b());
  EXPECT_EQ(w.cpu().slice_owner, w.kernel().frames.ref_of(&first()));
  ASSERT_EQ(w.call(Call::env_sleep, {forever, 0}).error, Error::none);
  EXPECT_EQ(w.current(), &first()) << "the rest is the owner's";
  EXPECT_EQ(w.call(Call::env_yield, {21}).error, Error::wrong_state) << "it sleeps";
  EXPECT_EQ(w.call(Call::env_wake, {21}).error, Error::none);
  EXPECT_EQ(b().state, RunState::ready);
}

TEST_F(Scheduler, WakesAreNotLost) {
  ASSERT_EQ(w.call(Call::env_wake, {abi::boot::self.raw()}).error, Error::none);
  EXPECT_EQ(w.call(Call::env_sleep, {forever, 0}).error, Error::none);
  EXPECT_EQ(w.current(), &first()) << "the token ended it at once";
  EXPECT_EQ(w.call(Call::env_sleep, {forever, 0}).error, Error::none);
  EXPECT_EQ(w.current(), nullptr);
}

TEST_F(Scheduler, SleepersWakeInTheirOwnSlices) {
  ASSERT_EQ(w.call(Call::env_sleep, {machine().now_ns + 5000, 0}).error, Error::none);
  EXPECT_EQ(w.current(), nullptr) << "nobody else owns a position";
  EXPECT_EQ(machine().timer[0], machine().now_ns + 5000);
  w.pass(4999);
  EXPECT_EQ(w.current(), nullptr);
  w.pass(1);
  EXPECT_EQ(w.current(), &first());
  EXPECT_EQ(machine().timer[0], machine().now_ns + slice);
}

TEST_F(Scheduler, EpilogueHasItsGrace) {
  for (std::uint64_t p = 0; p < 64; ++p) bind(p, p % 2 == 0 ? 20 : abi::boot::self.raw());
  const abi::EnvEntries entries{.prologue = 0x7000, .epilogue = 0x6000};
  ASSERT_EQ(w.call(Call::env_configure, {20, w.put(entries)}).error, Error::none);
  while (w.current() != &a()) w.pass(slice);
  EXPECT_EQ(a().context.registers.rip, 0x7000u) << "the prologue came first";
  EXPECT_EQ(area_of(0).upcall.kind, static_cast<std::uint64_t>(abi::Upcall::prologue));
  EXPECT_EQ(area_of(0).upcall.rip, 0x1000u);
  area_of(0).upcall.busy = 0;
  w.pass(slice);
  ASSERT_EQ(w.current(), &a());
  EXPECT_EQ(a().context.registers.rip, 0x6000u);
  EXPECT_EQ(area_of(0).upcall.kind, static_cast<std::uint64_t>(abi::Upcall::epilogue));
  ASSERT_EQ(w.call(Call::env_yield, {0}).error, Error::none);
  EXPECT_EQ(w.current(), &first());
  EXPECT_EQ(a().info->overruns, 0u);
  // The next time it overstays, with the upcall still busy: no prologue, no epilogue, switched by force.
  while (w.current() != &a()) w.pass(slice);
  EXPECT_EQ(a().context.registers.rip, 0x6000u) << "busy";
  area_of(0).upcall.busy = 0;
  w.pass(slice);
  ASSERT_EQ(w.current(), &a());
  w.pass(grace);
  EXPECT_EQ(w.current(), &first());
  EXPECT_EQ(a().info->overruns, 1u);
}

// Each overrun is a strike and costs the next slice; a slice that ends in time forgives one; too many end it.
TEST_F(Scheduler, OverrunsAreCountedForgivenAndAtLastTheEnd) {
  for (std::uint64_t p = 0; p < 64; ++p) bind(p, p % 2 == 0 ? 20 : abi::boot::self.raw());
  const abi::EnvEntries entries{.epilogue = 0x6000, .monitor = abi::boot::self};
  ASSERT_EQ(w.call(Call::env_configure, {20, w.put(entries)}).error, Error::none);
  const auto reach = [&] {
    for (int i = 0; i < 300 && w.current() != &a(); ++i) w.pass(slice);
    ASSERT_EQ(w.current(), &a());
    area_of(0).upcall.busy = 0;
    w.pass(slice);
    ASSERT_EQ(a().context.registers.rip, 0x6000u);
  };
  reach();
  w.pass(grace);
  EXPECT_EQ(a().info->strikes, 1u);
  EXPECT_TRUE(a().forfeits);
  EXPECT_EQ(w.current(), &first());
  w.pass(slice);
  EXPECT_EQ(w.current(), &first()) << "its next slice is lost";
  EXPECT_FALSE(a().forfeits);
  reach();
  ASSERT_EQ(w.call(Call::env_yield, {0}).error, Error::none);
  EXPECT_EQ(a().info->strikes, 0u) << "forgiven";
  EXPECT_EQ(a().info->overruns, 1u);
  for (std::uint32_t n = 1; n <= abi::overrun_limit; ++n) {
    reach();
    w.pass(grace);
    ASSERT_EQ(a().info->strikes, n);
  }
  reach();
  w.pass(grace);
  EXPECT_EQ(a().state, RunState::stuck);
  EXPECT_EQ(a().code, abi::overrun_code);
  EXPECT_TRUE(first().wake_token) << "its monitor was woken";
}

TEST_F(Scheduler, TheEndOfASliceWaitsOnceAndNotForLong) {
  for (std::uint64_t p = 0; p < 64; ++p) bind(p, p % 2 == 0 ? 20 : abi::boot::self.raw());
  while (w.current() != &a()) w.pass(slice);
  area_of(0).defer = 1;
  w.pass(slice);
  ASSERT_EQ(w.current(), &a());
  EXPECT_EQ(area_of(0).deferred, 1u);
  w.pass(abi::defer_ns - 1);
  EXPECT_EQ(w.current(), &a());
  w.pass(1);
  EXPECT_EQ(w.current(), &first()) << "bounded";
  while (w.current() != &a()) w.pass(slice);
  area_of(0).deferred = 0;
  w.pass(slice);
  EXPECT_EQ(area_of(0).deferred, 1u) << "once in each slice";
  area_of(0).defer = area_of(0).deferred = 0;
  ASSERT_EQ(w.call(Call::env_yield, {0}).error, Error::none);
  EXPECT_EQ(w.current(), &first());
}

TEST_F(Scheduler, WhoIsYieldedToWhileTheEndWaitsHasASliceOfItsOwn) {
  for (std::uint64_t p = 0; p < 64; ++p) bind(p, p % 2 == 0 ? 20 : abi::boot::self.raw());
  while (w.current() != &a()) w.pass(slice);
  area_of(0).defer = 1;
  w.pass(slice);
  area_of(0).defer = area_of(0).deferred = 0;
  ASSERT_EQ(w.current(), &a());
  ASSERT_EQ(w.call(Call::env_yield, {abi::boot::self.raw()}).error, Error::none);
  ASSERT_EQ(w.current(), &first());
  w.pass(slice - 1);
  EXPECT_EQ(w.current(), &first()) << "not what was left of the other's";
  w.pass(1);
  EXPECT_NE(w.current(), &first());
}

TEST_F(Scheduler, PositionsOnSeveralProcessors) {
  bind(64, 20);
  for (std::uint64_t p = 0; p < 64; ++p) bind(p, 20);
  w.deliver_pokes();
  ASSERT_EQ(machine().cpus[1].current, &a());
  ASSERT_EQ(w.call(Call::env_sleep, {forever, 0}).error, Error::none);
  EXPECT_EQ(machine().cpus[0].current, nullptr) << "it runs over there";
  w.on(1);
  ASSERT_EQ(w.call(Call::env_sleep, {machine().now_ns + 10, 0}).error, Error::none);
  EXPECT_EQ(machine().cpus[1].current, nullptr);
  w.on(0);
  w.pass(10);
  w.deliver_pokes();
  EXPECT_EQ(a().state, RunState::running) << "on either";
}

TEST_F(Scheduler, AnIdleProcessorStartsAtOnce) {
  EXPECT_EQ(machine().cpus[1].current, nullptr);
  bind(64, 20);
  EXPECT_EQ(machine().pokes[1], 1u);
  w.deliver_pokes();
  EXPECT_EQ(machine().cpus[1].current, &a());
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::busy) << "it runs over there";
  EXPECT_EQ(w.call(Call::env_configure, {20, w.put(abi::EnvEntries{})}).error, Error::wrong_state);
  EXPECT_EQ(w.call(Call::env_stop, {20}).error, Error::again);
  w.deliver_pokes();
  EXPECT_EQ(w.call(Call::env_stop, {20}).error, Error::none);
  EXPECT_EQ(a().state, RunState::stopped);
  EXPECT_EQ(w.call(Call::env_resume, {20}).error, Error::none);
  w.deliver_pokes();
  EXPECT_EQ(machine().cpus[1].current, &a());
  EXPECT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(machine().cpus[1].current, nullptr);
}

// A space can be destroyed while an idle processor still has its tables loaded.
TEST_F(Scheduler, IdleProcessorsLeaveADyingSpace) {
  ASSERT_EQ(w.call(Call::space_create, {abi::boot::account.raw(), 30, abi::any_frame.raw()}).error, Error::none);
  (void)w.make_env(CapSlot{31}, CapSlot{30});
  ASSERT_EQ(w.call(Call::env_start, {31, 0x1000, 0x2000, 0}).error, Error::none);
  bind(70, 31);
  w.deliver_pokes();
  ASSERT_EQ(machine().cpus[1].current, &w.env_at(CapSlot{31}));
  ASSERT_EQ(w.call_done(Call::object_destroy, {31}).error, Error::none);
  EXPECT_NE(machine().cpus[1].space, 0u);
  EXPECT_EQ(w.call_done(Call::object_destroy, {30}).error, Error::none);
  EXPECT_EQ(machine().cpus[1].space, 0u);
}

}  // namespace
