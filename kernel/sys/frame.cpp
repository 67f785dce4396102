// SPDX-License-Identifier: MIT
#include "kernel/sys/calls.hpp"

namespace aegis::sys {
namespace {

constexpr std::uint32_t max_align_log2 = 18;  // a gigabyte

constexpr bool is_run(std::uint64_t count) { return count >= 1 && count <= abi::max_run; }

}  // namespace

Answer Calls::frame_alloc(slot account, frame first, u64 count, u32 align_log2) {
  if (!is_run(count) || align_log2 > max_align_log2) return fail(Error::bad_argument);
  Account& payer = *TRY(find<Account>(account, abi::AccountRight::allocate));
  return answer(TRY(payer.allocate_run(k, first, count, align_log2)).raw());
}

Answer Calls::frame_free(slot account, frame first, u64 count) {
  if (!is_run(count)) return fail(Error::bad_argument);
  Account& owner = *TRY(find<Account>(account, abi::AccountRight::allocate));
  return owner.free_run(k, first, count);
}

Answer Calls::frame_cap(slot account, slot dst, frame first, u64 count, u32 rights) {
  if (!is_run(count) || rights > abi::all_rights) return fail(Error::bad_argument);
  Slot& owner = *TRY(find_kind(account, Kind::account, abi::AccountRight::frames));
  Slot& target = *TRY(find_empty(dst));
  return derive_frames(k, owner, target, first, count, rights);
}

}  // namespace aegis::sys
