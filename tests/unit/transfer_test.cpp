// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "kernel/core/scheduler.hpp"
#include "kernel/core/trace.hpp"
#include "kernel/core/traps.hpp"
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
  EXPECT_EQ(s.rax, 0u);
  EXPECT_EQ(s.rcx, s.rip) << "by sysret";
  EXPECT_EQ(s.r11, s.rflags);
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

// The quick way, with what the entry code adds to it. False: refused.
bool quickly(World& w, Call number, std::initializer_list<std::uint64_t> arguments) {
  std::array<std::uint64_t, 6> a{};
  std::copy(arguments.begin(), arguments.end(), a.begin());
  abi::Registers& r = w.current()->context.registers;
  r.rdi = a[0], r.rsi = a[1], r.rdx = a[2], r.r10 = a[3], r.r8 = a[4], r.r9 = a[5];
  if (r.rsi != 0) return false;
  if (!aegis::detail::kernel_lock.acquire_at_once()) return false;
  aegis::Env* const loaded = w.cpu().loaded;
  const auto way = number == Call::pct_call ? aegis::traps::quick_call : aegis::traps::quick_reply;
  aegis::Env* const gets_it = way(r.rdi, w.cpu());
  if (gets_it != nullptr) w.cpu().loaded = gets_it;
  aegis::detail::kernel_lock.release();
  if (gets_it == nullptr) return false;
  abi::Registers& to = gets_it->context.registers;
  const abi::Registers& from = loaded->context.registers;
  to.rax = to.rsi = 0;
  if (number == Call::pct_call) to.rflags = aegis::initial_flags;
  to.rdx = from.rdx, to.r10 = from.r10, to.r8 = from.r8, to.r9 = from.r9, to.rbx = from.rbx, to.rbp = from.rbp;
  to.r12 = from.r12, to.r13 = from.r13, to.r14 = from.r14, to.r15 = from.r15;
  return true;
}

// All that a transfer may change of these envs and of the processor. Of who waits rax and rdx are not set yet, and nobody's
// rcx and r11 mean anything.
std::vector<std::uint64_t> all_of(World& w, std::initializer_list<CapSlot> envs) {
  std::vector<std::uint64_t> all;
  const auto add = [&](const auto& object) {
    static_assert(sizeof(object) % 8 == 0);
    const auto* words = reinterpret_cast<const std::uint64_t*>(&object);
    all.insert(all.end(), words, words + sizeof(object) / 8);
  };
  for (const CapSlot slot : envs) {
    const aegis::Env& env = w.env_at(slot);
    abi::Registers r = env.context.registers;
    r.rcx = r.r11 = 0;
    if (&env != w.current()) r.rax = r.rdx = 0;
    add(r);
    add(*env.info);
    all.push_back(static_cast<std::uint64_t>(env.state) << 32 | env.cpu);
    for (const aegis::Env* other : {env.caller, env.callee}) all.push_back(other != nullptr ? aegis::frame_index(other) : 0);
    add(w.kernel().frames.ref_of(&env));
    const aegis::Space& space = aegis::object_at<aegis::Space>(env.space);
    all.insert(all.end(), {space.active, space.stale});
  }
  const aegis::Cpu& cpu = w.cpu();
  all.insert(all.end(), {aegis::frame_index(cpu.current), aegis::frame_index(cpu.loaded), cpu.space, cpu.position,
                         static_cast<std::uint64_t>(cpu.phase), cpu.slice_end.raw(), cpu.armed.raw(), cpu.info->switches,
                         cpu.info->space_loads, cpu.info->calls[static_cast<std::size_t>(Call::pct_call)],
                         cpu.info->calls[static_cast<std::size_t>(Call::pct_reply)], w.root().run_ns, cpu.since.raw(),
                         machine().top[0], machine().tag[0]});
  return all;
}

// A client calls 20, which asks 22 in another space; replies; slices that end in between.
std::vector<std::uint64_t> exchange(std::uint32_t tags, bool quick) {
  const auto was = std::exchange(new_machines_tags, tags);
  World w;
  const CapSlot space{30};
  EXPECT_EQ(w.call(Call::space_create, {abi::boot::account.raw(), space.raw(), abi::any_frame.raw()}).error, Error::none);
  (void)w.make_env(CapSlot{20});
  (void)w.make_env(CapSlot{22}, space);
  for (const std::uint64_t env : {20u, 22u}) {
    EXPECT_EQ(w.call(Call::env_start, {env, 0x1000 * env, 0x2000 * env, 0}).error, Error::none);
    EXPECT_EQ(w.call(Call::pct_entry, {env, env + 20, 0x7000 + env, env * 3}).error, Error::none);
    EXPECT_EQ(w.call(Call::env_yield, {env}).error, Error::none);
    (void)w.call(Call::pct_reply, {0, 0});
  }
  for (std::uint64_t p = 0; p < 64; ++p) EXPECT_EQ(w.call(Call::slice_bind, {slices, p, abi::boot::self.raw()}).error, Error::none);
  std::vector<std::uint64_t> seen;
  const auto step = [&](Call number, std::initializer_list<std::uint64_t> arguments) {
    w.pass(1234);
    if (!quick) (void)w.call(number, arguments);
    else EXPECT_TRUE(quickly(w, number, arguments));
    const auto now = all_of(w, {abi::boot::self, CapSlot{20}, CapSlot{22}});
    seen.insert(seen.end(), now.begin(), now.end());
    EXPECT_EQ(w.problems(), "");
  };
  for (std::uint64_t round = 1; round < 5; ++round) {
    abi::Registers& r = w.current()->context.registers;
    r.r12 = round, r.r13 = round * 3, r.r14 = round * 5, r.r15 = round * 7, r.rbx = round * 11, r.rbp = round * 13;
    step(Call::pct_call, {40, 0, round, 2, 3, 4});
    if (round % 2 == 0) w.pass(slice);
    step(Call::pct_call, {42, 0, round + 1, 5, 6, 7});
    step(Call::pct_reply, {round + 2, 0, 8, 9, 10, 11});
    if (round % 3 == 0) w.pass(slice);
    step(Call::pct_reply, {round + 3, 0, 12, 13, 14, round});
  }
  new_machines_tags = was;
  return seen;
}

TEST(QuickTransfers, GiveWhatTheGeneralWayGives) {
  EXPECT_EQ(exchange(1, true), exchange(1, false));
  EXPECT_EQ(exchange(4, true), exchange(4, false)) << "with tags";
}

TEST_F(Transfers, TheQuickWayRefusesAllThatIsRare) {
  ASSERT_EQ(w.call(Call::cap_derive, {40, 41, abi::right_grant, 0, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::pct_entry, {21, 43, 0x7000, 7}).error, Error::none);
  const auto refused = [&](const char* what, Call number, std::initializer_list<std::uint64_t> arguments) {
    aegis::Env& self = *w.current();
    const abi::Registers registers = self.context.registers;
    const auto before = all_of(w, {abi::boot::self, CapSlot{20}});
    EXPECT_FALSE(quickly(w, number, arguments)) << what;
    self.context.registers = registers;
    EXPECT_EQ(before, all_of(w, {abi::boot::self, CapSlot{20}})) << what;
    EXPECT_EQ(w.problems(), "") << what;
    { aegis::KernelGuard not_held; }
  };
  for (const std::uint64_t slot : std::initializer_list<std::uint64_t>{0, 20, 41, 49, 5000, abi::slots_per_table, 0xffff'ffff, 1ull << 32 | 40, ~0ull})
    refused("a slot that is no entry that can be called", Call::pct_call, {slot, 0});
  refused("a capability goes along", Call::pct_call, {40, 21});
  refused("bits that a transfer does not have", Call::pct_call, {40, 1ull << 63});
  refused("it does not accept", Call::pct_call, {43, 0});
  refused("nobody has called", Call::pct_reply, {0, 0});
  const auto with = [&](auto& where, auto value, auto test) {
    const auto was = std::exchange(where, value);
    test();
    where = was;
  };
  with(w.cpu().phase, aegis::Phase::grace, [&] {
    aegis::note_hurry(w.cpu());
    refused("after the slice", Call::pct_call, {40, 0});
  });
  aegis::note_hurry(w.cpu());
  with(server().upcalls_due, std::uint32_t{8}, [&] { refused("an upcall waits for the callee", Call::pct_call, {40, 0}); });
  for (const auto event : {abi::TraceEvent::call, abi::TraceEvent::call_end, abi::TraceEvent::transfer}) {
    const std::uint32_t mask = aegis::trace_mask;
    ASSERT_EQ(w.call(Call::trace_set, {abi::boot::machine.raw(), abi::trace_bit(event)}).error, Error::none);
    refused("somebody wants to see it", Call::pct_call, {40, 0});
    ASSERT_EQ(w.call(Call::trace_set, {abi::boot::machine.raw(), mask}).error, Error::none);
  }
  {
    aegis::KernelGuard busy;
    EXPECT_FALSE(quickly(w, Call::pct_call, {40, 0})) << "somebody else has the lock";
  }
  ASSERT_TRUE(quickly(w, Call::pct_call, {40, 0}));
  ASSERT_EQ(w.current(), &server());
  refused("a capability goes back", Call::pct_reply, {0, 21});
  with(server().upcalls_due, std::uint32_t{8}, [&] { refused("an upcall is due", Call::pct_reply, {0, 0}); });
  with(first().upcalls_due, std::uint32_t{8}, [&] { refused("one waits for the caller", Call::pct_reply, {0, 0}); });
  ASSERT_TRUE(quickly(w, Call::pct_reply, {0, 0}));
  EXPECT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_FALSE(quickly(w, Call::pct_call, {40, 0})) << "stale";
}

TEST_F(Transfers, WhoEndsItselfIsCharged) {
  const std::uint64_t before = w.root().run_ns;
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  ASSERT_EQ(w.current(), &client());
  w.pass(5000);
  (void)w.call(Call::object_destroy, {21});
  EXPECT_EQ(w.current(), &first());
  EXPECT_GE(w.root().run_ns, before + 5000);
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
  EXPECT_FALSE(quickly(w, Call::pct_call, {44 + abi::max_call_depth, 0}));
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
