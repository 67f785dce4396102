// SPDX-License-Identifier: MIT
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

Answer Calls::account_create(slot account, slot dst, u64 limit_frames, frame where) {
  Account& parent = *TRY(find<Account>(account, abi::AccountRight::divide));
  Slot& target = *TRY(find_empty(dst));
  const Account* child = TRY(Account::create(k, parent, limit_frames, where));
  // point of no return
  publish(target, *child);
  return {};
}

Answer Calls::account_read(slot account, va out) {
  const Account& read = *TRY(find<Account>(account));
  return copy_out(out, abi::AccountInfo{.limit_frames = read.limit, .used_frames = read.used, .children = read.children,
                                        .objects = read.objects});
}

}  // namespace aegis::sys
