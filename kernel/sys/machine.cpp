// SPDX-License-Identifier: MIT
#include "base/format.hpp"
#include "kernel/core/check.hpp"
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
  for (u32 id = 0; id < arch::cpu_count(); ++id) note_hurry(arch::cpu(arch::CpuId{id}));
  k.frames.info().trace_mask = mask;
  return {};
}

Answer Calls::machine_check(slot machine) {
  (void)TRY(find_kind(machine, Kind::machine, abi::MachineRight::trace));
  std::uint64_t lines = 0;
  const CheckSink log{[](void* seen, std::string_view what, u64 where) {
                        constexpr u64 most_lines = 64;
                        if (++*static_cast<u64*>(seen) > most_lines) return;
                        arch::log_write(base::Text<120>{"check: {} ({})\n", what, where}.view());
                      },
                      &lines};
  return answer(TRY(check_tables(k, log)));
}

}  // namespace aegis::sys
