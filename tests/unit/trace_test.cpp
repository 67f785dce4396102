// SPDX-License-Identifier: MIT
// What the trace rings hold after known events.
#include <gtest/gtest.h>

#include "kernel/core/trace.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::TraceEvent;
using abi::TraceRecord;
constexpr std::uint64_t the_machine = abi::boot::machine.raw();

struct Tracing : ::testing::Test {
  World w;
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  Error set(std::uint64_t mask) { return w.call(Call::trace_set, {the_machine, mask}).error; }
  const abi::TraceRing& ring(std::uint32_t cpu = 0) { return *machine().cpus[cpu].trace; }
  const TraceRecord& record(std::uint64_t n, std::uint32_t cpu = 0) {
    return reinterpret_cast<const TraceRecord*>(&ring(cpu) + 1)[n % ring(cpu).capacity];
  }
  static constexpr std::uint32_t bit(TraceEvent event) { return abi::trace_bit(event); }
};

TEST_F(Tracing, ArgumentsAreChecked) {
  EXPECT_EQ(set(1u << abi::trace_event_count), Error::bad_argument);
  EXPECT_EQ(set(1ull << 32), Error::bad_argument);
  ASSERT_EQ(w.call(Call::cap_derive, {the_machine, 20, static_cast<std::uint64_t>(abi::MachineRight::log), 0, 0}).error,
            Error::none);
  EXPECT_EQ(w.call(Call::trace_set, {20, 0}).error, Error::missing_right);
  EXPECT_EQ(w.kernel().frames.info().trace_mask, aegis::default_trace_mask) << "nothing changed";
  EXPECT_EQ(set(3), Error::none);
  EXPECT_EQ(w.kernel().frames.info().trace_mask, 3u);
}

TEST_F(Tracing, CallsAndTheirEnds) {
  ASSERT_EQ(set(bit(TraceEvent::call) | bit(TraceEvent::call_end)), Error::none);
  const std::uint64_t start = ring().next;
  const std::uint32_t env = w.slot(abi::boot::self).object.frame;
  machine().now_ns += 77;
  EXPECT_EQ(w.call(Call::cap_drop, {61}).error, Error::empty_slot);
  ASSERT_EQ(ring().next, start + 2);
  EXPECT_EQ(record(start).event, static_cast<std::uint32_t>(TraceEvent::call));
  EXPECT_EQ(record(start).tsc, machine().now_ns);
  EXPECT_EQ(record(start).env, env);
  EXPECT_EQ(record(start).a, static_cast<std::uint64_t>(Call::cap_drop));
  EXPECT_EQ(record(start).b, 61u);
  EXPECT_EQ(record(start + 1).event, static_cast<std::uint32_t>(TraceEvent::call_end));
  EXPECT_EQ(record(start + 1).b, static_cast<std::uint64_t>(Error::empty_slot));
  ASSERT_EQ(set(0), Error::none);
  const std::uint64_t end = ring().next;
  (void)w.call(Call::nop);
  EXPECT_EQ(ring().next, end) << "off";
  EXPECT_EQ(ring(1).next, ring(1).next);
}

TEST_F(Tracing, TheRingGoesRound) {
  ASSERT_EQ(set(bit(TraceEvent::call)), Error::none);
  const std::uint64_t start = ring().next;
  EXPECT_EQ(ring().capacity, (16u * 1024 - 64) / 32);
  const std::uint64_t count = ring().capacity + 100;
  for (std::uint64_t n = 0; n < count; ++n) (void)w.call(Call::cap_drop, {n});
  ASSERT_EQ(ring().next, start + count);
  for (std::uint64_t n = count - ring().capacity; n < count; ++n) EXPECT_EQ(record(start + n).b, n);
  EXPECT_EQ(aegis::recent_trace(machine().cpus[0], 0)->b, count - 1);
  EXPECT_EQ(aegis::recent_trace(machine().cpus[0], 15)->b, count - 16);
  EXPECT_EQ(aegis::recent_trace(machine().cpus[0], ring().capacity), nullptr);
}

TEST_F(Tracing, StatesRunsAndIdleTime) {
  w.make_env(CapSlot{20});
  const std::uint32_t other = w.slot(CapSlot{20}).object.frame;
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  const std::uint64_t start = ring().next;
  ASSERT_EQ(w.call(Call::env_yield, {20}).error, Error::none);
  ASSERT_EQ(ring().next, start + 2);
  EXPECT_EQ(record(start).event, static_cast<std::uint32_t>(TraceEvent::env_state));
  EXPECT_EQ(record(start).b, static_cast<std::uint64_t>(abi::RunState::ready));
  EXPECT_EQ(record(start + 1).event, static_cast<std::uint32_t>(TraceEvent::run));
  EXPECT_EQ(record(start + 1).a, other);
  EXPECT_EQ(record(start + 1).env, other);
  (void)w.call(Call::env_halt, {0});
  EXPECT_EQ(record(start + 2).event, static_cast<std::uint32_t>(TraceEvent::env_state));
  EXPECT_EQ(record(start + 2).a, other);
  EXPECT_EQ(record(start + 2).b, static_cast<std::uint64_t>(abi::RunState::halted));
  ASSERT_EQ(w.call(Call::env_sleep, {abi::forever.raw(), 0}).error, Error::none);
  EXPECT_EQ(aegis::recent_trace(machine().cpus[0], 0)->event, static_cast<std::uint32_t>(TraceEvent::idle));
  EXPECT_EQ(aegis::recent_trace(machine().cpus[0], 0)->env, 0u);
  const std::uint64_t idle = ring().next;
  w.pass(aegis::slice_ns * 3);
  EXPECT_EQ(ring().next, idle) << "idle once";
}

TEST_F(Tracing, SliceEndsTellOfOverruns) {
  (void)w.make_env(CapSlot{20});
  ASSERT_EQ(w.call(Call::env_configure, {20, w.put(abi::EnvEntries{.epilogue = 0x5000})}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_start, {20, 0x1000, 0x2000, 0}).error, Error::none);
  for (std::uint64_t p = 0; p < 64; ++p)
    ASSERT_EQ(w.call(Call::slice_bind, {abi::boot::slices.raw(), p, 20}).error, Error::none);
  w.pass(aegis::slice_ns);
  ASSERT_EQ(set(bit(TraceEvent::slice_end) | bit(TraceEvent::upcall)), Error::none);
  const std::uint64_t start = ring().next;
  w.pass(aegis::slice_ns);
  ASSERT_EQ(ring().next, start + 1);
  EXPECT_EQ(record(start).event, static_cast<std::uint32_t>(TraceEvent::upcall));
  EXPECT_EQ(record(start).b, static_cast<std::uint64_t>(abi::Upcall::epilogue));
  w.pass(aegis::grace_ns);
  ASSERT_EQ(ring().next, start + 2);
  EXPECT_EQ(record(start + 1).event, static_cast<std::uint32_t>(TraceEvent::slice_end));
  EXPECT_EQ(record(start + 1).b, 1u) << "it overran";
}

}  // namespace
