// SPDX-License-Identifier: MIT
// Protected control transfer: registers are the message. [SOSP'95 5.3: atomic, and the kernel touches no other register]
//
//              caller, pct_call / pct_send        callee, at the entry's rip       caller, after pct_call
//   rax        call number                        0                                Error (none: replied)
//   rdi        entry slot                         badge                            the reply's `status`
//   rsi        transfer                           received slot, or 0              received slot, or 0
//   rdx r10 r8 r9 rbx rbp r12 r13 r14 r15         as the caller had them           as the callee had them at pct_reply
//   rcx r11    lost                               rip, flags                       lost
//   rsp        kept                               as at the callee's last pct_reply  kept
//   flags      kept                               0x202                            kept
// Vector registers and segment bases are each env's own. Where the callee's env was not accepting nothing has changed.
//
// While a call is open its caller is `calling`: whoever gives it time (a slice, a yield) gives it to the callee, through as
// many as max_call_depth calls. If the callee halts, gets stuck or is destroyed the call ends with `stale`; a caller that
// is stopped, destroyed or started anew loses its reply, and pct_reply then only accepts. Whose waiting ends so, for a reply
// or for a call (`again`), finds in the registers of the message anything that it had in them earlier.
#pragma once

#include "abi/types.hpp"

namespace abi {

inline constexpr std::uint32_t max_call_depth = 8;  // a longer chain: wrong_state

// The `transfer` argument: a capability that goes with the message (its right: grant), with all or some of its rights. It
// arrives, derived, in the slot that the receiver named as EnvEntries::receive; that must be there (else out_of_range) and
// empty (else occupied).
struct Transfer {
  CapSlot slot;                    // no_slot: nothing
  std::uint16_t rights;            // a subset, or all_rights; 0 with no_slot
  [[nodiscard]] constexpr std::uint64_t pack() const { return std::uint64_t{rights} << 32 | slot.raw(); }
  [[nodiscard]] static constexpr Transfer unpack(std::uint64_t raw) {  // bits 48..63 must be 0
    return {CapSlot{static_cast<std::uint32_t>(raw)}, static_cast<std::uint16_t>(raw >> 32)};
  }
};

}  // namespace abi
