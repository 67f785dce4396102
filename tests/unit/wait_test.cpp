// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernel/core/wait.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::Compare;
using abi::RunState;
constexpr std::uint64_t forever = abi::forever.raw();
constexpr std::uint64_t slices = abi::boot::slices.raw(), slice = aegis::slice_ns;

struct Waits : ::testing::Test {
  World w;
  void SetUp() override {
    (void)w.make_env(CapSlot{20});
    ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
    set(0);
  }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  aegis::Env& env() { return w.env_at(CapSlot{20}); }
  aegis::Env& first() { return w.env_at(abi::boot::self); }
  std::uint64_t word() { return w.scratch() + 1024; }
  void set(std::uint64_t value) { w.write(word(), &value, sizeof value); }
  Reply wait(Compare compare, std::uint64_t value, std::uint64_t deadline = forever, std::uint64_t mask = ~std::uint64_t{0}) {
    const abi::WaitWord one{.address = word(), .mask = mask, .value = value, .compare = compare, .reserved = 0};
    return w.call(Call::env_wait, {w.put(one), 1, deadline, 0});
  }
  // Env 20 waits until the word is 5.
  void sleep_for_five(std::uint64_t deadline = forever) {
    ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
    ASSERT_EQ(wait(Compare::equal, 5, deadline).error, Error::none);
    ASSERT_EQ(env().state, RunState::sleeping);
    ASSERT_EQ(w.current(), &first());
  }
};

TEST_F(Waits, ComparesMaskedAndUnsigned) {
  set(0xff05);
  EXPECT_EQ(wait(Compare::equal, 5, forever, 0xff).value, 0u);
  EXPECT_EQ(wait(Compare::not_equal, 5).value, 0u);
  EXPECT_EQ(wait(Compare::below, ~0ull).value, 0u);
  EXPECT_EQ(wait(Compare::at_least, 0xff05).value, 0u);
  EXPECT_EQ(w.current(), &first()) << "never slept";
  EXPECT_EQ(wait(Compare::at_least, 0xff06, 1).value, abi::wait_deadline);
  const std::array<abi::WaitWord, 2> two{abi::WaitWord{.address = word(), .mask = 1, .value = 0, .compare = Compare::equal, .reserved = 0},
                                         abi::WaitWord{.address = word(), .mask = 4, .value = 4, .compare = Compare::equal, .reserved = 0}};
  EXPECT_EQ(w.call(Call::env_wait, {w.put(two), 2, forever, 0}).value, 1u);
}

TEST_F(Waits, ArgumentsAreChecked) {
  EXPECT_EQ(w.call(Call::env_wait, {w.scratch(), 0, forever, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::env_wait, {w.scratch(), 5, forever, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::env_wait, {0x1000, 1, forever, 0}).error, Error::bad_address);
  EXPECT_EQ(wait(static_cast<Compare>(4), 0).error, Error::bad_argument);
  abi::WaitWord bad{.address = word() + 4, .mask = 1, .value = 0, .compare = Compare::equal, .reserved = 0};
  EXPECT_EQ(w.call(Call::env_wait, {w.put(bad), 1, forever, 0}).error, Error::bad_address);
  bad.address = 0x1000;
  EXPECT_EQ(w.call(Call::env_wait, {w.put(bad), 1, forever, 0}).error, Error::bad_address) << "not mapped";
  bad = {.address = word(), .mask = 1, .value = 0, .compare = Compare::equal, .reserved = 1};
  EXPECT_EQ(w.call(Call::env_wait, {w.put(bad), 1, forever, 0}).error, Error::bad_argument);
}

TEST_F(Waits, AYieldLooksAgain) {
  sleep_for_five();
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::wrong_state);
  set(5);
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(w.current(), &env());
  EXPECT_EQ(env().context.registers.rax, 0u);
  EXPECT_EQ(env().context.registers.rdx, 0u);
}

TEST_F(Waits, WakesDeadlinesAndStopsEndIt) {
  sleep_for_five();
  ASSERT_EQ(w.call(Call::env_wake, {20}).error, Error::none);
  EXPECT_EQ(env().context.registers.rdx, abi::wait_woken);
  sleep_for_five(machine().now_ns + 100);
  w.pass(100);
  EXPECT_EQ(env().state, RunState::ready);
  EXPECT_EQ(env().context.registers.rdx, abi::wait_deadline);
  sleep_for_five(machine().now_ns + 100);
  set(5);
  w.pass(100);
  EXPECT_EQ(env().context.registers.rdx, 0u) << "the word says more than the deadline";
  set(0);
  sleep_for_five();
  ASSERT_EQ(w.call(Call::env_stop, {20}).error, Error::none);
  EXPECT_EQ(env().wait.count, 0u);
  ASSERT_EQ(w.call(Call::env_resume, {20}).error, Error::none);
  EXPECT_EQ(env().context.registers.rdx, abi::wait_woken);
  ASSERT_EQ(w.call(Call::env_wake, {20}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(wait(Compare::equal, 5).value, abi::wait_woken) << "a wake that came before";
}

// Its page is pinned: it stays, and is looked at, wherever it is mapped.
TEST_F(Waits, AnUnmappedWordIsStillLookedAt) {
  const std::uint64_t va = 0x5000'0000;
  ASSERT_EQ(w.map_new(abi::no_slot, va, 1), Error::none);
  const FrameNumber frame{w.entry(w.space_at(abi::boot::space), va) >> 12 & 0xf'ffff};
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  const abi::WaitWord far{.address = va + 8, .mask = ~0ull, .value = 1, .compare = Compare::equal, .reserved = 0};
  ASSERT_EQ(w.call(Call::env_wait, {w.put(far), 1, forever, 0}).error, Error::none);
  EXPECT_EQ(w.kernel().frames[frame].pins, 1u);
  ASSERT_EQ(w.update(abi::no_slot, {.verb = abi::SpaceVerb::unmap, .flags = 0, .authority = abi::no_slot, .reserved = 0, .address = va, .pages = 1, .frame = 0}), Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {1, frame.raw(), 1}).error, Error::busy);
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::wrong_state) << "not yet";
  const std::uint64_t one = 1;
  std::memcpy(aegis::arch::frame_memory(frame) + 8, &one, 8);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(env().context.registers.rax, 0u);
  EXPECT_EQ(env().context.registers.rdx, 0u);
  EXPECT_EQ(w.kernel().frames[frame].pins, 0u);
  EXPECT_EQ(w.call(Call::frame_free, {1, frame.raw(), 1}).error, Error::none);
}

TEST_F(Waits, AnIdleProcessorLooksOnceASlice) {
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 64, 20}).error, Error::none);
  w.deliver_pokes();
  ASSERT_EQ(machine().cpus[1].current, &env());
  w.on(1);
  ASSERT_EQ(wait(Compare::equal, 5).error, Error::none);
  EXPECT_EQ(machine().cpus[1].current, nullptr);
  EXPECT_EQ(machine().timer[1], machine().now_ns + slice);
  w.on(0);
  w.pass(slice);
  EXPECT_EQ(machine().cpus[1].current, nullptr);
  set(5);
  w.pass(slice);
  EXPECT_EQ(machine().cpus[1].current, &env());
  EXPECT_EQ(env().context.registers.rdx, 0u);
}

TEST_F(Waits, WordsInLargePages) {
  // By hand: a level-2 entry that maps 2 MiB whose second page is a frame that we can write.
  ASSERT_EQ(w.map_new(abi::no_slot, 0x6000'0000, 1), Error::none);
  const aegis::Space& space = w.space_at(abi::boot::space);
  std::uint64_t* l3 = aegis::table_at(space.top_table()[0]);
  std::uint64_t* l2 = aegis::table_at(l3[1]);
  const std::uint64_t saved = l2[256];
  l2[256] = std::uint64_t{512} << 12 | abi::pte_present | abi::pte_user | abi::pte_large;
  const std::uint64_t value = 77;
  std::byte* at = aegis::arch::frame_memory(FrameNumber{513}) + 16;
  std::uint64_t before;
  std::memcpy(&before, at, 8);
  std::memcpy(at, &value, 8);
  const auto word = aegis::find_word(space, 0x6000'1010);
  ASSERT_TRUE(word.has_value());
  EXPECT_EQ(word->frame, FrameNumber{513});
  std::memcpy(at, &before, 8);
  l2[256] = saved;
}

}  // namespace
