// SPDX-License-Identifier: MIT
#include "kernel/core/trace.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

Answer Calls::nop() { return {}; }

Answer Calls::machine_stop(slot machine, u32 code) {
  (void)TRY(find_kind(machine, Kind::machine, abi::MachineRight::stop));
  arch::power_off(code);
}

Answer Calls::machine_log(slot machine, va text, u64 size) {
  if (size > abi::log_chunk) return fail(Error::bad_argument);
  (void)TRY(find_kind(machine, Kind::machine, abi::MachineRight::log));
  std::array<char, abi::log_chunk> line;
  TRY_VOID(copy_bytes_in(line.data(), text, size));
  arch::log_write({line.data(), size});
  return {};
}

Answer Calls::trace_set(slot machine, u32 mask) {
  if ((mask & ~all_trace_events) != 0) return fail(Error::bad_argument);
  (void)TRY(find_kind(machine, Kind::machine, abi::MachineRight::trace));
  // point of no return
  trace_mask.store(mask, std::memory_order_relaxed);
  k.frames.info().trace_mask = mask;
  return {};
}
Answer Calls::machine_check(slot) { return fail(Error::unsupported); }

}  // namespace aegis::sys
