// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::RunState;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw(), self = abi::boot::self.raw();
constexpr std::uint64_t forever = abi::forever.raw();

struct Envs : ::testing::Test {
  World w;
  std::uint64_t area = 0;
  void SetUp() override { area = w.make_env(CapSlot{20}); }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  aegis::Env& env() { return w.env_at(CapSlot{20}); }
  abi::UserArea& user_area() { return *reinterpret_cast<abi::UserArea*>(aegis::arch::frame_memory(FrameNumber{area})); }
  Error start(std::uint64_t rip = 0x1000) { return w.call(Call::env_start, {20, rip, 0x2000, 7}).error; }
  Error configure(const abi::EnvEntries& entries) { return w.call(Call::env_configure, {20, w.put(entries)}).error; }
};

TEST_F(Envs, UserAreaIsPinned) {
  EXPECT_EQ(w.call(Call::frame_free, {account, area, 1}).error, Error::busy);
  EXPECT_EQ(w.call(Call::env_create, {account, 21, abi::boot::space.raw(), abi::boot::table.raw(), area, any}).error,
            Error::busy);
  EXPECT_EQ(w.call(Call::env_create, {account, 21, abi::boot::space.raw(), abi::boot::table.raw(), 1, any}).error,
            Error::out_of_range);
  EXPECT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {account, area, 1}).error, Error::none);
}

TEST_F(Envs, LifeOfAnEnv) {
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::wrong_state);
  EXPECT_EQ(w.call(Call::env_resume, {20}).error, Error::wrong_state);
  EXPECT_EQ(start(abi::user_end), Error::bad_address);
  ASSERT_EQ(start(), Error::none);
  EXPECT_EQ(start(), Error::wrong_state);
  EXPECT_EQ(env().context.registers.rdi, 7u);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(w.current(), &env());
  EXPECT_EQ(w.call(Call::env_read, {self, 0x1000}).error, Error::bad_address);
  EXPECT_EQ(w.call(Call::env_read, {20, 0x1000}).error, Error::wrong_state) << "it runs";
  (void)w.call(Call::env_halt, {99});
  EXPECT_NE(w.current(), &env()) << "the slice's owner goes on";
  ASSERT_EQ(w.call(Call::env_read, {20, w.scratch()}).error, Error::none);
  EXPECT_EQ(w.get<abi::EnvState>().state, RunState::halted);
  EXPECT_EQ(w.get<abi::EnvState>().code, 99u);
}

TEST_F(Envs, WriteMakesACreatedOneResumable) {
  abi::Registers r{.rbx = 5, .rip = 0x4000, .rflags = 0x202 | 0x1000, .rsp = 0x5000};
  EXPECT_EQ(w.call(Call::env_write, {20, w.put(r)}).error, Error::bad_argument) << "IOPL";
  r.rflags = 0x246;
  r.rip = 1ull << 63;
  EXPECT_EQ(w.call(Call::env_write, {20, w.put(r)}).error, Error::bad_address);
  r.rip = 0x4000;
  EXPECT_EQ(w.call(Call::env_write, {20, w.put(r)}).error, Error::none);
  EXPECT_EQ(w.call(Call::env_resume, {20}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(w.current()->context.registers.rbx, 5u);
}

TEST_F(Envs, ExceptionsAreDeliveredOnceAtATime) {
  abi::EnvEntries entries{.exception = 0x9000, .gs_base = 0x8000, .monitor = abi::boot::self};
  ASSERT_EQ(configure(entries), Error::none);
  ASSERT_EQ(start(), Error::none);
  ASSERT_EQ(w.call(Call::env_sleep, {forever, 20}).error, Error::none);
  aegis::traps::exception(w.cpu(), 14, 6, 0xdead000);
  ASSERT_EQ(w.current(), &env());
  EXPECT_EQ(env().context.registers.rip, 0x9000u);
  EXPECT_EQ(user_area().exception.busy, 1u);
  EXPECT_EQ(user_area().exception.kind, 14u);
  EXPECT_EQ(user_area().exception.address, 0xdead000u);
  EXPECT_EQ(user_area().exception.rip, 0x1000u);
  EXPECT_EQ(user_area().exception.rsp, 0x2000u);
  aegis::traps::exception(w.cpu(), 13, 1, 0);  // busy: stuck, and the monitor wakes in its own slice
  EXPECT_EQ(env().state, RunState::stuck);
  EXPECT_EQ(env().code, 13u);
  EXPECT_EQ(w.current(), &w.env_at(abi::boot::self));
  user_area().exception.busy = 0;
  EXPECT_EQ(w.call(Call::env_resume, {20}).error, Error::none);
  EXPECT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  aegis::traps::exception(w.cpu(), 3, 0, 0);
  EXPECT_EQ(user_area().exception.rip, 0x9000u);
}

TEST_F(Envs, PostedUpcallsWaitForTheProcessorAndTheFrame) {
  const auto post = [&](abi::Upcall what) {
    aegis::KernelGuard guard;
    env().post_upcall(*guard, what);
  };
  ASSERT_EQ(start(), Error::none);
  post(abi::Upcall::revoke);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(env().context.registers.rip, 0x1000u) << "it has no entry for them";
  ASSERT_EQ(w.call(Call::env_sleep, {forever, 0}).error, Error::none);
  ASSERT_EQ(configure({.revoke = 0x5000}), Error::none);
  post(abi::Upcall::repossess);
  post(abi::Upcall::revoke);
  EXPECT_EQ(env().state, RunState::ready) << "woken for it";
  EXPECT_EQ(user_area().upcall.busy, 0u);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(env().context.registers.rip, 0x5000u);
  EXPECT_EQ(user_area().upcall.kind, static_cast<std::uint64_t>(abi::Upcall::revoke));
  EXPECT_EQ(user_area().upcall.rip, 0x1000u);
  EXPECT_EQ(w.call(Call::nop, {}).error, Error::none);
  EXPECT_EQ(user_area().upcall.kind, static_cast<std::uint64_t>(abi::Upcall::revoke)) << "the frame is busy";
  user_area().upcall.busy = 0;
  ASSERT_EQ(w.call(Call::env_yield, {abi::boot::self.raw()}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(user_area().upcall.kind, static_cast<std::uint64_t>(abi::Upcall::repossess));
  EXPECT_EQ(user_area().upcall.rip, 0x5000u);
  EXPECT_EQ(env().upcalls_due, 0u);
  user_area().upcall.busy = 0;
  post(abi::Upcall::revoke);  // to the env that runs here: on its way out of the kernel
  EXPECT_EQ(w.call(Call::env_wake, {20}).error, Error::none);
  EXPECT_EQ(user_area().upcall.kind, static_cast<std::uint64_t>(abi::Upcall::revoke));
}

TEST_F(Envs, EntriesAreChecked) {
  for (auto member : {&abi::EnvEntries::exception, &abi::EnvEntries::foreign, &abi::EnvEntries::prologue,
                      &abi::EnvEntries::epilogue, &abi::EnvEntries::revoke, &abi::EnvEntries::gs_base, &abi::EnvEntries::fs_base}) {
    abi::EnvEntries entries{};
    entries.*member = 0x8000'0000'0000;
    EXPECT_EQ(configure(entries), Error::bad_address);
  }
  EXPECT_EQ(configure({.monitor = CapSlot{55}}), Error::empty_slot);
  EXPECT_EQ(configure({.monitor = abi::boot::space}), Error::wrong_kind);
}

TEST_F(Envs, EndOfTheCaller) {
  ASSERT_EQ(start(), Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  ASSERT_EQ(w.current(), &env());
  EXPECT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(w.current(), &w.env_at(abi::boot::self));
  EXPECT_EQ(w.call(Call::env_wake, {20}).error, Error::stale);
}

TEST_F(Envs, ConsoleInputIsNotLostOnABadAddress) {
  machine().console_in = "hello";
  EXPECT_EQ(w.call(Call::console_read, {abi::boot::console.raw(), 0x1000, 5}).error, Error::bad_address);
  const Reply r = w.call(Call::console_read, {abi::boot::console.raw(), w.scratch(), 3});
  EXPECT_EQ(r.value, 3u);
  EXPECT_EQ(w.call(Call::console_read, {abi::boot::console.raw(), w.scratch() + 3, 30}).value, 2u);
  std::array<char, 5> text;
  w.read(w.scratch(), text.data(), 5);
  EXPECT_EQ(std::string(text.data(), 5), "hello");
  EXPECT_EQ(w.call(Call::console_read, {abi::boot::console.raw(), w.scratch(), 3}).error, Error::would_block);
  machine().console_room = 2;
  EXPECT_EQ(w.call(Call::console_write, {abi::boot::console.raw(), w.scratch(), 5}).value, 2u);
  EXPECT_EQ(machine().console_out, "he");
}

TEST_F(Envs, SpacesAreChangedByTheirUsers) {
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  EXPECT_EQ(w.call(Call::env_space, {21}).error, Error::none);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call(Call::object_destroy, {21}).error, Error::busy);
  EXPECT_EQ(w.call(Call::cap_read, {1, w.scratch()}).error, Error::bad_address) << "nothing is mapped here";
  EXPECT_EQ(w.call(Call::env_space, {abi::boot::space.raw()}).error, Error::none);
  EXPECT_EQ(w.call_done(Call::object_destroy, {21}).error, Error::none);
}

}  // namespace
