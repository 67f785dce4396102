// SPDX-License-Identifier: MIT
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

Answer Calls::account_create(slot account, slot dst, va limits, frame where) {
  Account& parent = *TRY(find<Account>(account, abi::AccountRight::divide));
  Slot& target = *TRY(find_empty(dst));
  const auto wanted = TRY(copy_in<abi::AccountLimits>(limits));
  const Account* child = TRY(Account::create(k, parent, wanted.limit[0], where));
  // point of no return
  publish(target, *child);
  return {};
}

Answer Calls::account_read(slot account, va out) {
  const Account& read = *TRY(find<Account>(account));
  abi::AccountInfo info{};
  info.limits.limit[0] = read.limit;
  info.used[0] = read.used;
  info.used[2] = read.objects;
  info.children = read.children;
  return copy_out(out, info);
}

Answer Calls::account_limit(slot, slot, va) { return fail(Error::unsupported); }
Answer Calls::account_claim(slot, slot, frame) { return fail(Error::unsupported); }
Answer Calls::account_bind(slot, slot, frame) { return fail(Error::unsupported); }
Answer Calls::account_revoke(slot, u32, u64, u64, u64) { return fail(Error::unsupported); }
Answer Calls::account_reclaim(slot) { return fail(Error::unsupported); }

}  // namespace aegis::sys
