// SPDX-License-Identifier: MIT
#include "kernel/sys/calls.hpp"

namespace aegis::sys {
namespace {

constexpr std::uint32_t rights_limit = abi::all_rights;

}  // namespace

Answer Calls::cap_derive(slot src, slot dst, u32 rights, u64 base, u64 count) {
  if (rights > rights_limit) return fail(Error::bad_argument);
  Slot& source = *TRY(live_slot(k, table(), src));
  Slot& target = *TRY(find_empty(dst));
  return derive(k, source, target, rights, base, count);
}

Answer Calls::cap_grant(slot src, slot to, slot dst, u32 rights, u64 base, u64 count) {
  if (rights > rights_limit) return fail(Error::bad_argument);
  Slot& source = *TRY(live_slot(k, table(), src));
  if ((source.rights & abi::right_grant) == 0) return fail(Error::missing_right);
  Table& receiver = *TRY(find<Table>(to, abi::TableRight::insert));
  Slot& target = *TRY(aegis::find_empty(receiver, dst));
  return derive(k, source, target, rights, base, count);
}

Answer Calls::cap_drop(slot target) {
  Slot& victim = *TRY(filled_slot(table(), target));
  std::uint64_t budget = step_budget;
  return drop(k, victim, budget);
}

Answer Calls::cap_revoke(slot target) {
  Slot& root = *TRY(live_slot(k, table(), target));
  std::uint64_t budget = step_budget;
  return revoke(k, root, owner_of(k, frame_index(&env)), budget);
}

Answer Calls::cap_read(slot target, va out) {
  const Slot& read = *TRY(filled_slot(table(), target));
  return copy_out(out, abi::CapInfo{.kind = static_cast<std::uint8_t>(read.kind),
                                    .live = is_live(k, read),
                                    .rights = read.rights,
                                    .reserved = 0,
                                    .base = read.is_range() ? read.base : 0,  // an entry's are its maker's own
                                    .count = read.is_range() ? read.count : 0,
                                    .object = read.object.frame});
}

}  // namespace aegis::sys
