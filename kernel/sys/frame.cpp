// SPDX-License-Identifier: MIT
#include "kernel/sys/calls.hpp"

namespace aegis::sys {
namespace {

constexpr std::uint32_t max_mask = (1u << 18) - 1;  // colours, or an alignment of at most a gigabyte

constexpr bool is_run(std::uint64_t count) { return count >= 1 && count <= abi::max_run; }

}  // namespace

Answer Calls::frame_alloc(slot account, frame first, u64 count, u32 mask, u32 match) {
  const bool any_place = mask == 0 && match == 0;
  if (!is_run(count) || mask > max_mask || (match & ~mask) != 0) return fail(Error::bad_argument);
  if (first != abi::any_frame && !any_place) return fail(Error::bad_argument);
  Account& payer = *TRY(find<Account>(account, abi::AccountRight::allocate));
  return answer(TRY(payer.allocate_run(k, {.first = first, .count = count, .mask = mask, .match = match})).raw());
}

Answer Calls::frame_free(slot account, frame first, u64 count) {
  if (!is_run(count)) return fail(Error::bad_argument);
  Account& owner = *TRY(find<Account>(account, abi::AccountRight::allocate));
  return owner.free_run(k, first, count);
}

Answer Calls::frame_cap(slot account, slot dst, frame first, u64 count, u32 rights) {
  if (count == 0 || count > abi::max_cap_run || rights > abi::all_rights) return fail(Error::bad_argument);
  Slot& owner = *TRY(find_kind(account, Kind::account, abi::AccountRight::frames));
  Slot& target = *TRY(find_empty(dst));
  return derive_frames(k, owner, target, first, count, rights);
}

}  // namespace aegis::sys
