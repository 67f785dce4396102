// SPDX-License-Identifier: MIT
#include "kernel/core/trace.hpp"

namespace aegis {
namespace {

abi::TraceRecord* records_of(abi::TraceRing& ring) { return reinterpret_cast<abi::TraceRecord*>(&ring + 1); }

}  // namespace

extern "C" constinit std::atomic<std::uint32_t> trace_mask{0};

void write_trace(Cpu& here, TraceEvent event, std::uint64_t a, std::uint64_t b) {
  if (here.trace == nullptr) return;  // tracing was never begun
  abi::TraceRing& ring = *here.trace;
  records_of(ring)[ring.next % trace_capacity] = {.tsc = arch::time_stamp(),
                                                  .event = static_cast<std::uint32_t>(event),
                                                  .env = here.current != nullptr ? frame_index(here.current) : 0,
                                                  .a = a,
                                                  .b = b};
  // Pairs with the reader's acquire: who sees the number sees the record.
  std::atomic_ref{ring.next}.store(ring.next + 1, std::memory_order_release);
}

const abi::TraceRecord* recent_trace(const Cpu& cpu, std::uint64_t age) {
  if (cpu.trace == nullptr || age >= trace_capacity || age >= cpu.trace->next) return nullptr;
  return &records_of(*cpu.trace)[(cpu.trace->next - 1 - age) % trace_capacity];
}

}  // namespace aegis
