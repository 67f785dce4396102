// SPDX-License-Identifier: MIT
// Envs that will not let the end of their slice come: they ask for deferral again and again, alone, in turns with an
// accomplice, and on two processors; they never answer an epilogue. Each slice ends within what abi/env.hpp promises, the
// neighbour's share stays, and who overruns is at last ended, while its container goes on.
#include "tests/kernel/insight.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint32_t positions = 60;  // of each processor; on the first the other four are ours
alignas(16) constinit std::array<std::byte, 4096> exception_stack{}, upcall_stack{};

// The mailbox: whom to give the time to in between (a slot of the own table, or 0).
constexpr CapSlot accomplice{20};
bool has_accomplice() { return domain::own_mailbox().words[0] != 0; }
volatile std::uint64_t& epilogues() { return domain::own_mailbox().words[1]; }

void take_epilogues(rt::EventHandler handler) {
  rt::prepare_events(own_area(), exception_stack, [](rt::Event& event) { rt::halt(1000 + event.kind); }, upcall_stack, handler);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .epilogue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .gs_base = domain::area};
  must(call::env_configure(abi::no_slot, &entries));
}

// Defers for ever, and yields only when the epilogue comes: well within the rules, and as long as they allow.
[[noreturn]] void defer_for_ever() {
  std::atomic_ref defer{own_area().defer}, deferred{own_area().deferred};
  for (std::uint64_t n = 0;; ++n) {
    defer.store(1, std::memory_order_relaxed);
    deferred.store(0, std::memory_order_relaxed);
    if (has_accomplice() && n % 64 == 0) static_cast<void>(call::env_yield(accomplice));
    if (n % 256 == 0) asm volatile("pause");  // the other processor's turn
  }
}
void defers(std::uint64_t) {
  take_epilogues([](rt::Event&) {
    epilogues() = epilogues() + 1;
    rt::take_next_upcall();
    static_cast<void>(call::env_yield(abi::no_slot));
  });
  defer_for_ever();
}
void defers_without_epilogue(std::uint64_t) { defer_for_ever(); }
void works(std::uint64_t) {
  for (std::uint64_t n = 0;; ++n)
    if (n % 256 == 0) asm volatile("pause");  // as above: the other processor's timer waits for this
}

struct Share {
  std::uint64_t slices, ns;
};
Share share_of(CapSlot env) { return {env_info(env).slices, env_info(env).run_ns}; }

void bind_turns(std::uint32_t cpu, CapSlot even, CapSlot odd) {
  for (std::uint32_t p = 0; p < positions; ++p) must(call::slice_bind(boot::slices, cpu * abi::slices_per_cpu + p, p % 2 == 0 ? even : odd));
}
void unbind(std::uint32_t cpu) {
  for (std::uint32_t p = 0; p < positions; ++p)
    must(call::slice_bind(boot::slices, cpu * abi::slices_per_cpu + p, abi::no_slot));
}

void expect_bounded(std::string_view who, const Share& attacker, const Share& neighbour) {
  rt::log("{}: {} slices of {} us; the neighbour: {} slices of {} us", who, attacker.slices, attacker.ns / attacker.slices / 1000,
          neighbour.slices, neighbour.ns / neighbour.slices / 1000);
  const std::uint64_t most = system_info().slice_ns + abi::defer_ns + ms / 10;
  expect(attacker.slices > 10 && neighbour.slices > 10, "both had their slices");
  expect(attacker.ns / attacker.slices <= most, "no longer than a slice and one deferral");
  expect(neighbour.ns / neighbour.slices + ms / 10 >= system_info().slice_ns, "a whole slice");
}

// While this asks again and again, the other processor must have its turn to obey: its clock does not stand still.
void stop(const Domain& d) {
  must(rt::until_done([&] {
    asm volatile("pause");
    return call::env_stop(d.env);
  }));
}

// One deferrer and one neighbour in turns on each of the two processors.
void alone(std::string_view who, void (*body)(std::uint64_t)) {
  std::array<Domain, 2> attackers{make_domain(256, positions / 2), make_domain(256, positions / 2)},
      neighbours{make_domain(256, positions / 2), make_domain(256, positions / 2)};
  for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
    start(attackers[cpu], body);
    start(neighbours[cpu], works);
    bind_turns(cpu, attackers[cpu].env, neighbours[cpu].env);
  }
  sleep_ns(700 * ms);
  for (std::uint32_t cpu = 0; cpu < 2; ++cpu) unbind(cpu);
  for (std::uint32_t cpu = 2; cpu-- > 0;)   // the other one's first: it runs on meanwhile
    for (Domain* d : {&attackers[cpu], &neighbours[cpu]}) stop(*d);
  for (std::uint32_t cpu = 0; cpu < 2; ++cpu) {
    expect_bounded(who, share_of(attackers[cpu].env), share_of(neighbours[cpu].env));
    destroy(attackers[cpu]);
    destroy(neighbours[cpu]);
  }
}

// Two who defer and hand the slice to each other, with deferrals of their own each.
void in_turns() {
  Domain one = make_domain(256, positions / 2), two = make_domain(), neighbour = make_domain(256, positions / 2);
  must(call::cap_grant(two.env, one.table, accomplice, abi::all_rights, 0, 0));
  must(call::cap_grant(one.env, two.table, accomplice, abi::all_rights, 0, 0));
  start(one, defers);
  start(two, defers_without_epilogue);
  start(neighbour, works);
  one.mailbox->words[0] = 1;
  two.mailbox->words[0] = 1;
  bind_turns(0, one.env, neighbour.env);
  sleep_ns(700 * ms);
  unbind(0);
  for (Domain* d : {&one, &two, &neighbour}) stop(*d);
  const Share both{share_of(one.env).slices, share_of(one.env).ns + share_of(two.env).ns};
  expect(share_of(two.env).ns > 0, "the accomplice ran");
  expect_bounded("in turns", both, share_of(neighbour.env));
  destroy(one);
  destroy(two);
  destroy(neighbour);
}

// --- epilogues that do not end -------------------------------------------------------------------------------------
void never_yields(std::uint64_t) {
  take_epilogues([](rt::Event&) {
    epilogues() = epilogues() + 1;
    rt::take_next_upcall();
    spin_for_ever();
  });
  defer_for_ever();
}

// It is told each time and goes on; the ninth overrun is its end, of which its monitor is told. What else lives in its
// account goes on.
void overruns_to_the_end() {
  Domain d = make_domain(256, positions / 2), neighbour = make_domain(256, positions / 2);
  start(d, never_yields);
  start(neighbour, works);
  bind_turns(0, d.env, neighbour.env);
  const std::uint64_t end = now_ns() + 4000 * ms;
  while (env_info(d.env).state != static_cast<std::uint32_t>(abi::RunState::stuck) && now_ns() < end) sleep_ns(20 * ms);
  unbind(0);
  const auto last = must(rt::read_env(d.env));
  rt::log("overrunning: {} epilogues, {} overruns, {} slices, then ended", std::uint64_t{d.mailbox->words[1]}, last.overruns,
          std::uint32_t{env_info(d.env).slices});
  expect(last.state == abi::RunState::stuck && last.code == abi::overrun_code, "ended for its overruns");
  expect_equal(last.overruns, std::uint64_t{abi::overrun_limit} + 1, "with the first beyond the limit");
  expect(d.mailbox->words[1] >= last.overruns, "it was told each time");
  must(rt::until_done([&] { return call::env_stop(neighbour.env); }));
  expect_equal(must(rt::read_env(neighbour.env)).overruns, 0ull, "the neighbour has none");
  const Share theirs = share_of(d.env), ours = share_of(neighbour.env);
  const std::uint64_t most = system_info().slice_ns + abi::defer_ns + system_info().grace_ns + ms / 10;
  expect(theirs.ns / theirs.slices <= most, "slice, deferral and grace at most");
  expect(ours.ns / ours.slices + ms / 10 >= system_info().slice_ns, "whole slices for the neighbour");
  // Its owner can have it run again, and it has as many lives as before.
  start(d, works);
  must(call::slice_bind(boot::slices, 0, d.env));
  sleep_ns(700 * ms);
  unbind(0);
  must(rt::until_done([&] { return call::env_stop(d.env); }));
  expect(share_of(d.env).ns > theirs.ns, "it runs again");
  destroy(d);
  destroy(neighbour);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  if (!expect_equal(system_info().cpus, 2u, "processors")) finish();
  unbind(0);
  alone("deferring", defers);
  alone("deferring without an epilogue", defers_without_epilogue);
  in_turns();
  overruns_to_the_end();
  finish();
}
