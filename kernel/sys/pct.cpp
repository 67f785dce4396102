// SPDX-License-Identifier: MIT
// Protected control transfers.
#include "kernel/core/transfer.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {
namespace {

Result<abi::Transfer> decode_transfer(u64 raw) {
  const abi::Transfer transfer = abi::Transfer::unpack(raw);
  if (transfer.pack() != raw || (transfer.slot == abi::no_slot && transfer.rights != 0)) return fail(Error::bad_argument);
  return transfer;
}

Status transfer_to(Calls& calls, slot entry, u64 raw, bool awaits_reply) {
  const abi::Transfer transfer = TRY(decode_transfer(raw));
  const Slot& way = *TRY(calls.find_kind(entry, Kind::entry, abi::EntryRight::call));
  return enter_env(calls.k, calls.cpu, way, transfer, awaits_reply);
}

}  // namespace

Answer Calls::pct_entry(slot target, slot dst, va rip, u64 badge) {
  if (rip.raw >= abi::user_end) return fail(Error::bad_address);
  Slot& callee = *TRY(find_kind(target, Kind::env, abi::EnvRight::control));
  Slot& to = *TRY(find_empty(dst));
  // point of no return
  install_entry(callee, to, rip.raw, badge);
  return {};
}

Answer Calls::pct_call(slot entry, u64 transfer) { return transfer_to(*this, entry, transfer, true); }
Answer Calls::pct_send(slot entry, u64 transfer) { return transfer_to(*this, entry, transfer, false); }
Answer Calls::pct_reply(u64 status, u64 transfer) {
  return reply_and_accept(k, cpu, status, TRY(decode_transfer(transfer)));
}

}  // namespace aegis::sys
