// SPDX-License-Identifier: MIT
// Vector state: initial for a new env, its own for each, kept across yields, sleeps and forced switches.
#include "libos/rt/transfer.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

struct alignas(32) Wide {
  std::uint64_t words[4];
};

volatile std::uint64_t mismatches, rounds_done, dirty_start;

[[nodiscard]] bool avx() { return (system_info().features & abi::cpu_avx) != 0; }

void load_patterns(std::uint64_t seed) {
  const Wide w{{seed, seed * 3, seed * 5, seed * 7}};
  if (avx()) asm volatile("vmovdqu %0, %%ymm0\n vmovdqu %0, %%ymm7\n vmovdqu %0, %%ymm15" : : "m"(w));
  else asm volatile("movdqu %0, %%xmm0\n movdqu %0, %%xmm7\n movdqu %0, %%xmm15" : : "m"(w));
  const std::uint32_t mxcsr = 0x1f80 | static_cast<std::uint32_t>((seed & 3) << 13);  // rounding mode
  asm volatile("ldmxcsr %0" : : "m"(mxcsr));
  asm volatile("finit; fildq %0" : : "m"(seed));
}

[[nodiscard]] bool patterns_hold(std::uint64_t seed) {
  const Wide w{{seed, seed * 3, seed * 5, seed * 7}};
  Wide got[3]{};
  const std::size_t size = avx() ? 32 : 16;
  if (avx())
    asm volatile("vmovdqu %%ymm0, %0\n vmovdqu %%ymm7, %1\n vmovdqu %%ymm15, %2"
                 : "=m"(got[0]), "=m"(got[1]), "=m"(got[2]));
  else
    asm volatile("movdqu %%xmm0, %0\n movdqu %%xmm7, %1\n movdqu %%xmm15, %2"
                 : "=m"(got[0]), "=m"(got[1]), "=m"(got[2]));
  std::uint32_t mxcsr = 0;
  asm volatile("stmxcsr %0" : "=m"(mxcsr));
  std::uint64_t x87 = 0;
  asm volatile("fistpq %0; fildq %0" : "+m"(x87));
  bool same = (mxcsr & 0x6000) == ((seed & 3) << 13) && x87 == seed;
  for (const Wide& g : got) same &= std::memcmp(&g, &w, size) == 0;
  return same;
}

void check_initial() {
  Wide got{};
  std::uint32_t mxcsr = 0;
  std::uint16_t control = 0;
  if (avx()) asm volatile("vmovdqu %%ymm7, %0" : "=m"(got));
  else asm volatile("movdqu %%xmm7, %0" : "=m"(got));
  asm volatile("stmxcsr %0\n fnstcw %1" : "=m"(mxcsr), "=m"(control));
  if ((got.words[0] | got.words[1] | got.words[2] | got.words[3]) != 0 || mxcsr != 0x1f80 || control != 0x37f)
    dirty_start = dirty_start + 1;
}

void yields(std::uint64_t seed) {
  check_initial();
  load_patterns(seed);
  for (int i = 0; i < 50; ++i) {
    if (i % 5 == 4) static_cast<void>(call::env_sleep(now_ns() + 100'000, abi::no_slot));
    else static_cast<void>(call::env_yield(boot::self));
    if (!patterns_hold(seed)) mismatches = mismatches + 1;
    rounds_done = rounds_done + 1;
  }
  rt::halt(0);
}

void spins(std::uint64_t seed) {
  check_initial();
  load_patterns(seed);
  for (;;) {
    if (!patterns_hold(seed)) mismatches = mismatches + 1;
    rounds_done = rounds_done + 1;
  }
}

void cooperative() {
  load_patterns(1);
  std::array<Thread, 3> threads{make_thread(), make_thread(), make_thread()};
  for (std::uint64_t i = 0; i < threads.size(); ++i) start(threads[i], yields, i + 10);
  for (int round = 0; round < 2000; ++round) {
    bool any = false;
    for (Thread& t : threads) any |= call::env_yield(t.env).has_value();
    if (!patterns_hold(1)) fail(here(), "our own state");
    if (any) continue;
    bool all = true;
    for (Thread& t : threads) all &= must(rt::read_env(t.env)).state == abi::RunState::halted;
    if (all) break;
    must(call::env_sleep(now_ns() + 200'000, abi::no_slot));
  }
  expect_equal(std::uint64_t{rounds_done}, 150ull, "rounds");
  expect_equal(std::uint64_t{mismatches}, 0ull, "foreign vector state seen");
  expect_equal(std::uint64_t{dirty_start}, 0ull, "new envs with other than the initial state");
  for (Thread& t : threads) destroy(t);
}

void preempted() {
  rounds_done = 0;
  std::array<Thread, 2> threads{make_thread(), make_thread()};
  for (std::uint32_t i = 0; i < 2; ++i) start(threads[i], spins, i + 100);
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, threads[position % 2].env));
  load_patterns(2);
  must(call::env_sleep(now_ns() + 150'000'000, abi::no_slot));
  expect(patterns_hold(2), "ours across a sleep");
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, boot::self));
  expect(rounds_done > 10, "they ran");
  expect_equal(std::uint64_t{mismatches}, 0ull, "foreign vector state seen");
  for (Thread& t : threads) destroy(t);
}

// Both ends of a transfer keep their own, whichever way it takes: the quick one, or with a traced event the general one.
volatile std::uint64_t served;
rt::Answer serves(rt::Request& request) {
  const std::uint64_t round = request.message[0];
  if (round == 0) check_initial();
  else if (!patterns_hold(1000 + round - 1)) mismatches = mismatches + 1;
  load_patterns(1000 + round);
  served = served + 1;
  return {};
}
void accepts(std::uint64_t) { rt::halt(static_cast<std::uint64_t>(rt::serve(serves))); }

void transferred() {
  Thread t = make_thread();
  const CapSlot entry = new_slot();
  must(call::pct_entry(t.env, entry, Va{reinterpret_cast<std::uint64_t>(&rt::rt_transfer_entry)}, 0));
  start(t, accepts);
  expect_equal(run(t.env).state, abi::RunState::accepting, "it accepts");
  const auto usual = static_cast<std::uint32_t>(system_info().trace_mask);
  for (std::uint64_t round = 0; round < 200; ++round) {
    must(call::trace_set(boot::machine, round % 3 == 0 ? abi::trace_bit(abi::TraceEvent::transfer) : usual));
    load_patterns(round + 3);
    rt::Message message{round};
    must(rt::transfer_call(entry, message));
    if (!patterns_hold(round + 3)) fail(here(), "our own state after a transfer");
  }
  must(call::trace_set(boot::machine, usual));
  expect_equal(std::uint64_t{served}, 200ull, "all were served");
  expect_equal(std::uint64_t{mismatches}, 0ull, "foreign vector state seen in a transfer");
  expect_equal(std::uint64_t{dirty_start}, 0ull, "the caller's vector state seen");
  destroy(t);
  must(rt::drop(entry));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  expect(system_info().xsave_size > 0 && (system_info().xcr0 & 3) == 3, "x87 and SSE state are switched");
  cooperative();
  preempted();
  transferred();
  finish();
}
