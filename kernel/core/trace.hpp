// SPDX-License-Identifier: MIT
// Trace rings: each processor writes its own, with interrupts off, so no lock is needed. An event that is switched off
// costs one test.
#pragma once

#include "kernel/core/cpu.hpp"
#include "kernel/core/info_tables.hpp"

namespace aegis {

using abi::TraceEvent;

// What the rings take from the start on: what a crash report wants, and nothing that happens at every call.
inline constexpr std::uint32_t default_trace_mask =
    abi::trace_bit(TraceEvent::run) | abi::trace_bit(TraceEvent::idle) | abi::trace_bit(TraceEvent::slice_end) |
    abi::trace_bit(TraceEvent::env_state) | abi::trace_bit(TraceEvent::upcall) | abi::trace_bit(TraceEvent::revoke) |
    abi::trace_bit(TraceEvent::force);
inline constexpr std::uint32_t all_trace_events = (1u << abi::trace_event_count) - 1;
inline constexpr std::uint64_t trace_capacity = (trace_ring_size - sizeof(abi::TraceRing)) / sizeof(abi::TraceRecord);

// Read by every processor without the lock: an event more or less after a change does no harm.
extern "C" constinit std::atomic<std::uint32_t> trace_mask;  // the entry code reads it too

template <typename... Events>
[[nodiscard]] bool traced(Events... events) {  // any of them
  return (trace_mask.load(std::memory_order_relaxed) & (abi::trace_bit(events) | ...)) != 0;
}
void write_trace(Cpu& here, TraceEvent event, std::uint64_t a, std::uint64_t b);

// Gives the processor its ring: trace_ring_size bytes of zeros.
void begin_trace(Cpu& cpu, abi::TraceRing* ring);

// `here` is the processor that executes this.
inline void trace(Cpu& here, TraceEvent event, std::uint64_t a, std::uint64_t b) {
  if (traced(event)) [[unlikely]] write_trace(here, event, a, b);
}

// The record `age` records back from the newest (0); nothing when there is none so old.
[[nodiscard]] const abi::TraceRecord* recent_trace(const Cpu& cpu, std::uint64_t age);

}  // namespace aegis
