// SPDX-License-Identifier: MIT
#include "kernel/core/trace.hpp"

namespace aegis {
namespace {

abi::TraceRecord* records_of(abi::TraceRing& ring) { return reinterpret_cast<abi::TraceRecord*>(&ring + 1); }

}  // namespace

extern "C" constinit std::atomic<std::uint32_t> trace_mask{0};

void begin_trace(Cpu& cpu, abi::TraceRing* ring) {
  ring->capacity = trace_capacity;
  cpu.trace = ring;
  cpu.trace_place = records_of(*ring);
}

void write_trace(Cpu& here, TraceEvent event, std::uint64_t a, std::uint64_t b) {
  if (here.trace == nullptr) return;  // tracing was never begun
  abi::TraceRing& ring = *here.trace;
  abi::TraceRecord* const place = here.trace_place;
  *place = {.tsc = arch::time_stamp(),
            .event = static_cast<std::uint32_t>(event),
            .env = here.current != nullptr ? frame_index(here.current) : 0,
            .a = a,
            .b = b};
  here.trace_place = place + 1 == records_of(ring) + trace_capacity ? records_of(ring) : place + 1;
  // Pairs with the reader's acquire: who sees the number sees the record.
  std::atomic_ref{ring.next}.store(ring.next + 1, std::memory_order_release);
}

const abi::TraceRecord* recent_trace(const Cpu& cpu, std::uint64_t age) {
  if (cpu.trace == nullptr || age >= trace_capacity || age >= cpu.trace->next) return nullptr;
  return &records_of(*cpu.trace)[(cpu.trace->next - 1 - age) % trace_capacity];
}

}  // namespace aegis
