// SPDX-License-Identifier: MIT
// Trace rings: one per processor in the information pages, written by the kernel, read in place.
#pragma once

#include "abi/types.hpp"

namespace abi {

enum class TraceEvent : std::uint32_t {   // a: b:
  call = 0,          // number, first argument
  call_end = 1,      // number, error
  exception = 2,     // vector, address (page faults) or rip
  // Of transfers the kernel records run and env_state only when it has to take the long way: when call, call_end or transfer
  // is asked for, or for another reason (docs/decisions/0010).
  run = 3,           // an env gets the processor: env, slice position
  idle = 4,          // 0, 0
  slice_end = 5,     // position, 1 when it overran
  env_state = 6,     // env, RunState
  upcall = 7,        // env, Upcall
  transfer = 8,      // protected control transfer: callee, badge (reply: caller, all ones)
  flush = 9,         // processors, pages
  revoke = 10,       // account, units asked for
  force = 11,        // account, units taken
};
inline constexpr std::array<std::string_view, 12> trace_event_names{
    "call", "call_end", "exception", "run", "idle", "slice_end", "env_state", "upcall", "transfer", "flush", "revoke", "force"};
inline constexpr std::uint32_t trace_event_count = trace_event_names.size();
[[nodiscard]] constexpr std::uint32_t trace_bit(TraceEvent event) { return 1u << static_cast<std::uint32_t>(event); }

struct TraceRecord {
  std::uint64_t tsc;
  std::uint32_t event;   // TraceEvent
  std::uint32_t env;     // frame number of the env that ran, 0: none
  std::uint64_t a, b;
};
static_assert(sizeof(TraceRecord) == 32);

// A ring's page begins with this; the records follow at offset 64. Record n (counted from 0 since the start) is at n %
// capacity; `next` is written after the record.
struct TraceRing {
  std::uint64_t next;      // records ever written
  std::uint64_t capacity;
  std::uint64_t reserved[6];
};
static_assert(sizeof(TraceRing) == 64);

}  // namespace abi
