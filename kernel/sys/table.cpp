// SPDX-License-Identifier: MIT
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

Answer Calls::table_create(slot account, slot dst, frame where) {
  const Payer payer = TRY(find_payer(account, abi::AccountRight::allocate));
  Slot& target = *TRY(find_empty(dst));
  const Table* made = TRY(Table::create(k, payer.account, where));
  // point of no return
  publish(payer, target, *made);
  return {};
}

Answer Calls::table_grow(slot grown, u32 leaf, slot account, frame where) {
  if (leaf >= abi::leaves_per_table) return fail(Error::bad_argument);
  Table* target = &table();
  if (grown != abi::no_slot) target = TRY(find<Table>(grown, abi::TableRight::insert));
  Account& payer = *TRY(find<Account>(account, abi::AccountRight::allocate));
  return target->grow(k, leaf, payer, where);
}

}  // namespace aegis::sys
