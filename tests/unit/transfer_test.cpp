// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::RunState;
constexpr std::uint64_t forever = abi::forever.raw(), slices = abi::boot::slices.raw(), slice = aegis::slice_ns;

// Env 20 is a server that accepts, 40 the entry to it (badge 7); 21 a client with a start.
struct Transfers : ::testing::Test {
  World w;
  std::uint64_t server_area = 0;
  void SetUp() override {
    server_area = w.make_env(CapSlot{20});
    (void)w.make_env(CapSlot{21});
    for (std::uint64_t env : {20u, 21u}) ASSERT_EQ(w.call(Call::env_start, {env, 0x1000, 0x2000, 0}).error, Error::none);
    ASSERT_EQ(w.call(Call::pct_entry, {20, 40, 0x7000, 7}).error, Error::none);
    EXPECT_EQ(w.call(Call::pct_call, {40, 0}).error, Error::would_block) << "it does not accept yet";
    accept();
  }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  aegis::Env& server() { return w.env_at(CapSlot{20}); }
  aegis::Env& client() { return w.env_at(CapSlot{21}); }
  aegis::Env& first() { return w.env_at(abi::boot::self); }
  void accept() {
    ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
    ASSERT_EQ(w.current(), &server());
    (void)w.call(Call::pct_reply, {0, 0});
    ASSERT_EQ(server().state, RunState::accepting);
    ASSERT_EQ(w.current(), &first());
  }
  static void fill(abi::Registers& r, std::uint64_t from) {
    r.r12 = from, r.r13 = from + 1, r.r14 = from + 2, r.r15 = from + 3, r.rbx = from + 4, r.rbp = from + 5;
  }
};

TEST_F(Transfers, RegistersAreTheMessage) {
  fill(first().context.registers, 100);
  (void)w.call(Call::pct_call, {40, 0, 11, 12, 13, 14});
  ASSERT_EQ(w.current(), &server());
  abi::Registers& s = server().context.registers;
  EXPECT_EQ(s.rip, 0x7000u);
  EXPECT_EQ(s.rsp, 0x2000u);
  EXPECT_EQ(s.rdi, 7u);
  EXPECT_EQ(s.rsi, 0u);
  EXPECT_EQ(s.rax | s.rcx | s.r11, 0u);
  EXPECT_EQ(s.rflags, 0x202u);
  EXPECT_EQ(s.rdx, 11u);
  EXPECT_EQ(s.r10, 12u);
  EXPECT_EQ(s.r8, 13u);
  EXPECT_EQ(s.r9, 14u);
  EXPECT_EQ(s.r12, 100u);
  EXPECT_EQ(s.r15, 103u);
  EXPECT_EQ(s.rbp, 105u);
  EXPECT_EQ(first().state, RunState::calling);
  EXPECT_EQ(first().info->transfers, 1u);
  EXPECT_EQ(w.problems(), "");
  const std::uint64_t stack = first().context.registers.rsp;
  fill(s, 200);
  s.rsp = 0x1f00;
  (void)w.call(Call::pct_reply, {55, 0, 21, 22, 23, 24});
  ASSERT_EQ(w.current(), &first());
  const abi::Registers& r = first().context.registers;
  EXPECT_EQ(r.rax, 0u);
  EXPECT_EQ(r.rdi, 55u);
  EXPECT_EQ(r.rsi, 0u);
  EXPECT_EQ(r.rdx, 21u);
  EXPECT_EQ(r.r9, 24u);
  EXPECT_EQ(r.rbx, 204u);
  EXPECT_EQ(r.rsp, stack);
  EXPECT_EQ(server().state, RunState::accepting);
  (void)w.call(Call::pct_call, {40, 0});
  EXPECT_EQ(server().context.registers.rsp, 0x1f00u);
}

TEST_F(Transfers, ArgumentsAndStates) {
  EXPECT_EQ(w.call(Call::pct_entry, {20, 41, abi::user_end, 7}).error, Error::bad_address);
  EXPECT_EQ(w.call(Call::pct_entry, {20, 40, 0x7000, 7}).error, Error::occupied);
  EXPECT_EQ(w.call(Call::pct_entry, {abi::boot::space.raw(), 41, 0x7000, 7}).error, Error::wrong_kind);
  EXPECT_EQ(w.call(Call::pct_call, {40, 1}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::pct_call, {40, 1ull << 48}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::pct_call, {40, 1ull << 32}).error, Error::bad_argument) << "rights of nothing";
  EXPECT_EQ(w.call(Call::pct_call, {20, 0}).error, Error::wrong_kind);
  ASSERT_EQ(w.call(Call::cap_derive, {40, 41, abi::right_grant, 0, 0}).error, Error::none);
  EXPECT_EQ(w.call(Call::pct_call, {41, 0}).error, Error::missing_right);
  ASSERT_EQ(w.call(Call::cap_read, {40, w.scratch()}).error, Error::none);
  EXPECT_EQ(w.get<abi::CapInfo>().base, 0u) << "the badge is the maker's own";
  EXPECT_EQ(w.call_done(Call::cap_revoke, {20}).error, Error::none);
  EXPECT_EQ(w.call(Call::pct_call, {40, 0}).error, Error::empty_slot) << "revoked with the env's capability";
}

TEST_F(Transfers, CapabilitiesGoAlong) {
  ASSERT_EQ(w.call(Call::env_configure, {20, w.put(abi::EnvEntries{.receive = CapSlot{50}})}).error, Error::none);
  const abi::Transfer transfer{.slot = CapSlot{21}, .rights = 1u << 4};
  ASSERT_EQ(w.call(Call::cap_derive, {21, 42, 1u << 4, 0, 0}).error, Error::none);
  EXPECT_EQ(w.call(Call::pct_call, {40, abi::Transfer{.slot = CapSlot{42}, .rights = 0xffff}.pack()}).error,
            Error::missing_right)
      << "no right to grant";
  EXPECT_EQ(w.call(Call::pct_call, {40, abi::Transfer{.slot = CapSlot{49}, .rights = 0xffff}.pack()}).error, Error::empty_slot);
  EXPECT_EQ(server().state, RunState::accepting);
  (void)w.call(Call::pct_call, {40, transfer.pack()});
  ASSERT_EQ(w.current(), &server());
  EXPECT_EQ(server().context.registers.rsi, 50u);
  EXPECT_EQ(w.slot(CapSlot{50}).rights, 1u << 4);
  EXPECT_EQ(w.slot(CapSlot{50}).parent, &w.slot(CapSlot{21}));
  EXPECT_EQ(w.call(Call::pct_reply, {0, abi::Transfer{.slot = CapSlot{21}, .rights = 0xffff}.pack()}).error,
            Error::out_of_range)
      << "the caller named no slot";
  EXPECT_EQ(w.current(), &server()) << "nothing has happened";
  EXPECT_EQ(first().state, RunState::calling);
  (void)w.call(Call::pct_reply, {0, 0});
  EXPECT_EQ(w.call(Call::pct_call, {40, transfer.pack()}).error, Error::occupied);
}

TEST_F(Transfers, SendingDoesNotWait) {
  (void)w.call(Call::pct_send, {40, 0, 99});
  ASSERT_EQ(w.current(), &server());
  EXPECT_EQ(first().state, RunState::ready);
  EXPECT_EQ(server().context.registers.rdx, 99u);
  (void)w.call(Call::pct_reply, {1, 0, 5});
  EXPECT_EQ(w.current(), &first()) << "the slice's owner";
  EXPECT_EQ(first().context.registers.rdi, 40u) << "no reply";
}

TEST_F(Transfers, TimeFollowsTheChain) {
  for (std::uint64_t p = 0; p < 64; ++p) ASSERT_EQ(w.call(Call::slice_bind, {slices, p, abi::boot::self.raw()}).error, Error::none);
  (void)w.call(Call::pct_call, {40, 0});
  w.pass(slice);
  EXPECT_EQ(w.current(), &server()) << "in its caller's next slice";
  EXPECT_EQ(w.cpu().slice_owner, w.kernel().frames.ref_of(&first()));
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  ASSERT_EQ(w.current(), &client());
  EXPECT_EQ(w.call(Call::env_yield, {abi::boot::self.raw()}).error, Error::none);
  EXPECT_EQ(w.current(), &server()) << "a yield to who waits for the server";
  ASSERT_EQ(w.call(Call::env_sleep, {forever, 21}).error, Error::none);
  ASSERT_EQ(w.current(), &client());
  EXPECT_EQ(w.call(Call::env_yield, {abi::boot::self.raw()}).error, Error::wrong_state) << "the server sleeps";
}

TEST_F(Transfers, TheEndOfTheCalleeEndsTheCall) {
  (void)w.call(Call::pct_call, {40, 0});
  (void)w.call(Call::env_halt, {1});
  EXPECT_EQ(w.current(), &first());
  EXPECT_EQ(first().context.registers.rax, static_cast<std::uint64_t>(Error::stale));
  EXPECT_EQ(w.call(Call::pct_call, {40, 0}).error, Error::would_block);
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  accept();
  (void)w.call(Call::pct_call, {40, 0});
  aegis::traps::exception(w.cpu(), 13, 0, 0);
  EXPECT_EQ(server().state, RunState::stuck);
  EXPECT_EQ(w.current(), &first());
  EXPECT_EQ(first().context.registers.rax, static_cast<std::uint64_t>(Error::stale));
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  accept();
  (void)w.call(Call::pct_call, {40, 0});
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  EXPECT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(first().state, RunState::ready);
  EXPECT_EQ(first().context.registers.rax, static_cast<std::uint64_t>(Error::stale));
  EXPECT_EQ(w.call(Call::pct_call, {40, 0}).error, Error::stale);
}

TEST_F(Transfers, TheEndOfTheCallerLosesTheReply) {
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  (void)w.call(Call::pct_call, {40, 0});
  ASSERT_EQ(w.current(), &server());
  ASSERT_EQ(w.call(Call::env_stop, {21}).error, Error::none);
  EXPECT_EQ(server().caller, nullptr);
  ASSERT_EQ(w.call(Call::env_resume, {21}).error, Error::none);
  EXPECT_EQ(client().context.registers.rax, static_cast<std::uint64_t>(Error::stale));
  (void)w.call(Call::pct_reply, {0, abi::Transfer{.slot = CapSlot{21}, .rights = 0xffff}.pack()});
  EXPECT_EQ(server().state, RunState::accepting) << "only accepts";
  ASSERT_EQ(w.current(), &first());
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  (void)w.call(Call::pct_call, {40, 0});
  EXPECT_EQ(w.call(Call::object_destroy, {21}).error, Error::none);
  (void)w.call(Call::pct_reply, {0, 0});
  EXPECT_EQ(server().state, RunState::accepting);
}

TEST_F(Transfers, AcceptingCanBeStoppedAndUpcalled) {
  ASSERT_EQ(w.call(Call::env_stop, {20}).error, Error::none);
  EXPECT_EQ(w.call(Call::pct_call, {40, 0}).error, Error::would_block);
  ASSERT_EQ(w.call(Call::env_resume, {20}).error, Error::none);
  EXPECT_EQ(server().context.registers.rax, static_cast<std::uint64_t>(Error::again));
  accept();
  ASSERT_EQ(w.call(Call::env_configure, {20, w.put(abi::EnvEntries{.revoke = 0x5000})}).error, Error::none);
  {
    aegis::KernelGuard guard;
    server().post_upcall(*guard, abi::Upcall::revoke);
  }
  EXPECT_EQ(server().state, RunState::ready);
  EXPECT_EQ(server().context.registers.rax, static_cast<std::uint64_t>(Error::again));
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  EXPECT_EQ(server().context.registers.rip, 0x5000u);
}

TEST_F(Transfers, ChainsHaveABound) {
  for (std::uint32_t i = 0; i < 10; ++i) {
    (void)w.make_env(CapSlot{22 + i});
    ASSERT_EQ(w.call(Call::env_start, {22 + i, 0x1000, 0x2000, 0}).error, Error::none);
    ASSERT_EQ(w.call(Call::pct_entry, {22 + i, 44 + i, 0x7000, i}).error, Error::none);
    ASSERT_EQ(w.call(Call::env_yield, {22 + i}).error, Error::none);
    (void)w.call(Call::pct_reply, {0, 0});
  }
  for (std::uint32_t i = 0; i < abi::max_call_depth; ++i) {
    (void)w.call(Call::pct_call, {44 + i, 0});
    ASSERT_EQ(w.current(), &w.env_at(CapSlot{22 + i}));
  }
  EXPECT_EQ(w.call(Call::pct_call, {44 + abi::max_call_depth, 0}).error, Error::wrong_state);
  EXPECT_EQ(w.call(Call::pct_call, {44, 0}).error, Error::would_block) << "no cycles: it waits itself";
  w.pass(slice);
  EXPECT_EQ(w.current(), &w.env_at(CapSlot{22 + abi::max_call_depth - 1})) << "time goes down the whole chain";
  for (std::uint32_t i = abi::max_call_depth; i-- > 0;) (void)w.call(Call::pct_reply, {i, 0});
  EXPECT_EQ(w.current(), &first());
}

TEST_F(Transfers, BetweenProcessors) {
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 64, 21}).error, Error::none);
  w.deliver_pokes();
  ASSERT_EQ(machine().cpus[1].current, &client());
  w.on(1);
  (void)w.call(Call::pct_call, {40, 0});
  ASSERT_EQ(w.current(), &server()) << "here, although it last ran on the other";
  w.on(0);
  EXPECT_EQ(w.call(Call::pct_call, {40, 0}).error, Error::would_block) << "it runs elsewhere";
  EXPECT_EQ(w.call(Call::env_yield, {21}).error, Error::busy) << "its callee runs elsewhere";
  EXPECT_EQ(w.call(Call::env_stop, {20}).error, Error::again);
  w.deliver_pokes();
  EXPECT_EQ(server().state, RunState::stopped);
  EXPECT_EQ(machine().cpus[1].current, nullptr);
  ASSERT_EQ(w.call(Call::env_resume, {20}).error, Error::none);
  w.deliver_pokes();
  EXPECT_EQ(machine().cpus[1].current, &server()) << "the caller's position gives it time";
  w.on(1);
  (void)w.call(Call::pct_reply, {0, 0});
  EXPECT_EQ(w.current(), &client());
  w.on(0);
}

}  // namespace
