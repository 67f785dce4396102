// SPDX-License-Identifier: MIT
// Trace rings: what they hold after known events, that what is off is not there, and that the ring goes round.
#include "tests/kernel/insight.hpp"

using namespace guest;

namespace {

using abi::TraceEvent;
using abi::trace_bit;

constexpr std::uint32_t number(auto value) { return static_cast<std::uint32_t>(value); }

void set(std::uint32_t mask) { must(call::trace_set(boot::machine, mask)); }

bool is(const abi::TraceRecord& record, TraceEvent event, std::uint64_t a, std::uint64_t b) {
  return record.event == number(event) && record.a == a && record.b == b;
}

void arguments() {
  const std::uint32_t before = static_cast<std::uint32_t>(system_info().trace_mask);
  expect(before != 0, "some events are on from the start");
  expect_error(call::trace_set(boot::machine, 1u << abi::trace_event_count), Error::bad_argument, "an unknown event");
  expect_error(call::trace_set(boot::console, 0), Error::wrong_kind);
  const CapSlot weak = new_slot();
  must(call::cap_derive(boot::machine, weak, rt::bits(abi::MachineRight::log, abi::MachineRight::stop), 0, 0));
  expect_error(call::trace_set(weak, 0), Error::missing_right);
  expect_equal(static_cast<std::uint32_t>(system_info().trace_mask), before, "unchanged");
  set(5);
  expect_equal(static_cast<std::uint32_t>(system_info().trace_mask), 5u, "told");
}

void calls() {
  set(trace_bit(TraceEvent::call) | trace_bit(TraceEvent::call_end));
  const Ring ring{0};
  const std::uint64_t me = must(rt::read_cap(boot::self)).object;
  const std::uint64_t start = ring.next(), tsc = rt::read_tsc();
  static_cast<void>(call::cap_drop(CapSlot{63}));
  static_cast<void>(call::nop());
  const std::uint64_t end_tsc = rt::read_tsc();
  expect_equal(ring.next() - start, 4ull, "two records a call");
  expect(is(ring[start], TraceEvent::call, number(abi::Call::cap_drop), 63), "begin");
  expect(is(ring[start + 1], TraceEvent::call_end, number(abi::Call::cap_drop), number(Error::empty_slot)), "end");
  expect(is(ring[start + 2], TraceEvent::call, number(abi::Call::nop), 0) || ring[start + 2].a == number(abi::Call::nop), "nop");
  expect(is(ring[start + 3], TraceEvent::call_end, number(abi::Call::nop), 0), "its end");
  std::uint64_t last = tsc;
  for (std::uint64_t n = start; n < start + 4; ++n) {
    expect_equal(std::uint64_t{ring[n].env}, me, "whose");
    expect(ring[n].tsc >= last && ring[n].tsc <= end_tsc, "when");
    last = ring[n].tsc;
  }
}

void off() {
  set(0);
  const Ring ring{0};
  const std::uint64_t start = ring.next();
  for (int i = 0; i < 100; ++i) static_cast<void>(call::nop());
  expect_fault([] { asm volatile("ud2"); }, exception::invalid_opcode);
  sleep_ns(20'000'000);
  expect_equal(ring.next(), start, "nothing");
}

void round() {
  set(trace_bit(TraceEvent::call));
  const Ring ring{0};
  const std::uint64_t start = ring.next(), count = ring.capacity() + 77;
  for (std::uint64_t i = 0; i < count; ++i) static_cast<void>(call::cap_drop(CapSlot{static_cast<std::uint32_t>(100'000 + i)}));
  expect_equal(ring.next() - start, count, "all were counted");
  for (std::uint64_t i = count - ring.capacity(); i < count; ++i)
    if (!expect_equal(ring[start + i].b, 100'000 + i, "the newest are there")) break;
}

void exceptions() {
  set(trace_bit(TraceEvent::exception));
  const Ring ring{0};
  const std::uint64_t start = ring.next();
  std::uint64_t rip = 0;
  const auto fault = catch_fault([] { asm volatile("ud2"); });
  if (expect(fault.has_value(), "it faults")) rip = fault->registers.rip;
  expect_fault([] { store(0x1238, 1); }, exception::page_fault, 0x1238);
  expect_equal(ring.next() - start, 2ull, "two");
  expect(is(ring[start], TraceEvent::exception, exception::invalid_opcode, rip), "vector and rip");
  expect(is(ring[start + 1], TraceEvent::exception, exception::page_fault, 0x1238), "vector and address");
}

void yields_back(std::uint64_t) {
  for (;;) static_cast<void>(call::env_yield(abi::no_slot));
}
void halts(std::uint64_t) { rt::halt(3); }

void runs_and_states() {
  Thread t = make_thread();
  const std::uint64_t me = must(rt::read_cap(boot::self)).object, other = must(rt::read_cap(t.env)).object;
  start(t, yields_back);
  set(trace_bit(TraceEvent::run) | trace_bit(TraceEvent::env_state));
  const Ring ring{0};
  std::uint64_t from = 0, to = 0;
  undisturbed([&] {
    from = ring.next();
    must(call::env_yield(t.env));
    to = ring.next();
  });
  if (expect_equal(to - from, 4ull, "we stop, it runs, it stops, we run")) {
    expect(is(ring[from], TraceEvent::env_state, me, number(abi::RunState::ready)), "we stay ready");
    expect(ring[from + 1].event == number(TraceEvent::run) && ring[from + 1].a == other, "it runs");
    expect(is(ring[from + 2], TraceEvent::env_state, other, number(abi::RunState::ready)), "it stays ready");
    expect(ring[from + 3].event == number(TraceEvent::run) && ring[from + 3].a == me, "we run");
    expect(ring[from + 1].b < abi::slices_per_cpu && ring[from + 1].b == ring[from + 3].b, "in one slice");
  }
  destroy(t);
  Thread h = make_thread();
  start(h, halts);
  const std::uint64_t name = must(rt::read_cap(h.env)).object;
  from = ring.next();
  expect_equal(run(h.env).state, abi::RunState::halted);
  bool seen = false;
  for (std::uint64_t n = from; n < ring.next(); ++n)
    seen |= is(ring[n], TraceEvent::env_state, name, number(abi::RunState::halted));
  expect(seen, "its end is traced");
  destroy(h);
}

void idle_and_slice_ends() {
  set(trace_bit(TraceEvent::idle) | trace_bit(TraceEvent::slice_end));
  const Ring ring{0};
  const std::uint64_t from = ring.next();
  sleep_ns(1'000'000);
  bool seen = false;
  for (std::uint64_t n = from; n < ring.next(); ++n) seen |= ring[n].event == number(TraceEvent::idle) && ring[n].env == 0;
  expect(seen, "idle while we slept");
  const std::uint64_t before = ring.next(), slices = env_info(boot::self).slices;
  while (env_info(boot::self).slices < slices + 2) asm volatile("pause");
  seen = false;
  for (std::uint64_t n = before; n < ring.next(); ++n)
    seen |= ring[n].event == number(TraceEvent::slice_end) && ring[n].a < abi::slices_per_cpu && ring[n].b == 0;
  expect(seen, "our slice ended");
}

void flush() {
  Thread t = make_thread();
  static volatile std::uint64_t rounds;
  start(t, [](std::uint64_t) { for (;;) rounds = rounds + 1; });
  bind_all(1, t.env);
  while (rounds < 100) asm volatile("pause");
  const Page page = new_page();
  page.word() = 1;
  set(trace_bit(TraceEvent::flush));
  const Ring ring{0};
  const std::uint64_t from = ring.next();
  must(rt::protect(abi::no_slot, page.va, 1, abi::map_read));
  expect_equal(ring.next() - from, 1ull, "one request");
  expect((ring[from].a & 2) != 0 && ring[from].event == number(TraceEvent::flush), "of the second processor");
  set(0);
  bind_all(1, abi::no_slot);
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  destroy(t);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  arguments();
  calls();
  off();
  round();
  exceptions();
  runs_and_states();
  idle_and_slice_ends();
  if (system_info().cpus > 1) flush();
  finish();
}
