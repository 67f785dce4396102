// SPDX-License-Identifier: MIT
// Time slices: owned by position, prologue and epilogue, forced preemption, overruns.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

struct Counters {
  volatile std::uint64_t loops, prologues, epilogues;
};
Counters counters[2];
volatile bool spin_in_epilogue;

void loops(std::uint64_t index) {
  for (;;) counters[index].loops = counters[index].loops + 1;
}

template <std::size_t Index>
void on_upcall(rt::Event& event) {
  Counters& c = counters[Index];
  if (event.kind == static_cast<std::uint64_t>(abi::Upcall::prologue)) c.prologues = c.prologues + 1;
  if (event.kind != static_cast<std::uint64_t>(abi::Upcall::epilogue)) return;
  c.epilogues = c.epilogues + 1;
  while (spin_in_epilogue) {}
  rt::take_next_upcall();  // the prologue of our next slice
  static_cast<void>(call::env_yield(abi::no_slot));
}

alignas(16) constinit std::array<std::byte, 8192> exception_stacks[2]{}, upcall_stacks[2]{};

void unexpected(rt::Event& event) { rt::halt(1000 + event.kind); }

// A thread whose upcalls go to on_upcall<Index>.
template <std::size_t Index>
Thread upcalled_thread() {
  Thread t = make_thread();
  rt::prepare_events(*t.area, exception_stacks[Index], unexpected, upcall_stacks[Index], on_upcall<Index>);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .prologue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .epilogue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .gs_base = reinterpret_cast<std::uint64_t>(t.area)};
  must(call::env_configure(t.env, &entries));
  return t;
}

void bind(std::uint32_t first, std::uint32_t count, CapSlot env) {
  for (std::uint32_t position = first; position < first + count; ++position)
    must(call::slice_bind(boot::slices, position, env));
}

void sleep_ms(std::uint64_t ms) { must(call::env_sleep(now_ns() + ms * 1'000'000, abi::no_slot)); }

void forced() {
  // Neither looping thread takes upcalls: the kernel switches them by force, each in its own half.
  std::array<Thread, 2> threads{make_thread(), make_thread()};
  for (std::uint32_t i = 0; i < 2; ++i) start(threads[i], loops, i);
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, threads[position % 2].env));
  counters[0] = counters[1] = {};
  sleep_ms(200);
  expect(counters[0].loops > 1000 && counters[1].loops > 1000, "both ran");
  bind(0, 63, boot::self);
  for (Thread& t : threads) destroy(t);
}

void shares() {
  // Owned by position: three quarters and one quarter.
  std::array<Thread, 2> threads{make_thread(), make_thread()};
  for (std::uint32_t i = 0; i < 2; ++i) start(threads[i], loops, i);
  for (std::uint32_t position = 0; position < 60; ++position)
    must(call::slice_bind(boot::slices, position, threads[position % 4 == 3 ? 1 : 0].env));
  sleep_ms(700);
  for (Thread& t : threads) must(call::env_stop(t.env));
  bind(0, 60, boot::self);
  const std::uint64_t first = must(rt::read_env(threads[0].env)).run_ns,
                      second = must(rt::read_env(threads[1].env)).run_ns;
  if (first < 2 * second || first > 4 * second + 20'000'000)
    fail(here(), base::Text<80>{"run_ns {} and {}, want three to one", first, second}.view());
  for (Thread& t : threads) destroy(t);
}

void upcalls() {
  Thread a = upcalled_thread<0>(), b = upcalled_thread<1>();
  counters[0] = counters[1] = {};
  start(a, loops, 0);
  start(b, loops, 1);
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, position % 2 == 0 ? a.env : b.env));
  sleep_ms(300);
  must(call::env_stop(a.env));
  must(call::env_stop(b.env));
  bind(0, 63, boot::self);
  for (const Counters& c : counters) {
    if (c.prologues < 3 || c.epilogues < 3)
      fail(here(), base::Text<80>{"{} prologues, {} epilogues", c.prologues, c.epilogues}.view());
    expect(c.loops > 1000, "and it ran in between");
  }
  expect_equal(must(rt::read_env(a.env)).overruns, 0ull, "no overruns");
  destroy(a);
  destroy(b);
}

void overruns() {
  Thread a = upcalled_thread<0>();
  counters[0] = {};
  spin_in_epilogue = true;
  start(a, loops, 0);
  bind(0, 63, a.env);
  sleep_ms(100);  // we come back although it never yields
  must(call::env_stop(a.env));
  bind(0, 63, boot::self);
  expect(must(rt::read_env(a.env)).overruns >= 1, "counted");
  spin_in_epilogue = false;
  destroy(a);
}

// An upcall comes at the last instruction of rt_exception_entry, when the event frame is free again and what iretq reads lies on
// the exception stack; its handler raises an exception of its own.
extern "C" void rt_exception_resume();
volatile std::uint64_t raised;
void skips_ud2(rt::Event& event) {
  raised = raised + 1;
  event.registers.rip += 2;
}
void raises(rt::Event&) { asm volatile("ud2"); }
void halts_with(std::uint64_t code) { rt::halt(code); }

void upcall_on_the_way_back() {
  Thread t = make_thread();
  rt::prepare_events(*t.area, exception_stacks[0], skips_ud2, upcall_stacks[0], raises);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .prologue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .gs_base = reinterpret_cast<std::uint64_t>(t.area)};
  must(call::env_configure(t.env, &entries));
  start(t, halts_with, 77);
  must(call::env_stop(t.env));
  abi::Registers r = must(rt::read_env(t.env)).registers;
  const std::array<std::uint64_t, 5> returning{r.rip, 0x33, 0x202, r.rsp, 0x2b};
  std::byte* at = exception_stacks[0].data() + exception_stacks[0].size() - sizeof returning;
  std::memcpy(at, returning.data(), sizeof returning);
  r.rip = reinterpret_cast<std::uint64_t>(&rt_exception_resume);
  r.rsp = reinterpret_cast<std::uint64_t>(at);
  must(call::env_write(t.env, &r));
  must(call::env_resume(t.env));
  bind(0, 63, t.env);
  while (must(rt::read_env(t.env)).state == abi::RunState::ready) sleep_ms(1);
  const auto end = must(rt::read_env(t.env));
  expect(raised > 0, "the upcall came, and raised its exception");
  expect_equal(end.state, abi::RunState::halted, "it went back to where it was going");
  expect_equal(end.code, 77ull, "with its registers");
  bind(0, 63, boot::self);
  destroy(t);
}

void nobody() {
  // Positions of nobody are skipped; the only owner left goes on.
  bind(0, 63, abi::no_slot);
  sleep_ms(5);
  expect_ok(call::env_yield(abi::no_slot));
  bind(0, 63, boot::self);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  forced();
  shares();
  upcalls();
  overruns();
  upcall_on_the_way_back();
  nobody();
  finish();
}
