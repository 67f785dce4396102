// SPDX-License-Identifier: MIT
#include "kernel/core/revocation.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

using abi::AccountRight;

namespace {

// Of an object's capability, by what its frame is used for.
Kind kind_of(FrameUse use) {
  switch (use) {
    case FrameUse::account: return Kind::account;
    case FrameUse::env: return Kind::env;
    case FrameUse::space: return Kind::space;
    case FrameUse::table: return Kind::table;
    case FrameUse::program: return Kind::program;
    default: return Kind::none;
  }
}

}  // namespace

Answer Calls::account_create(slot account, slot dst, va limits, frame where) {
  const Payer parent = TRY(find_payer(account, AccountRight::divide));
  Slot& target = *TRY(find_empty(dst));
  const auto wanted = TRY(copy_in<abi::AccountLimits>(limits));
  const Account* child = TRY(Account::create(k, parent.account, wanted, where));
  // point of no return
  publish(parent, target, *child);
  return {};
}

Answer Calls::account_read(slot account, va out) { return copy_out(out, TRY(find<Account>(account))->read()); }

Answer Calls::account_limit(slot account, slot child, va limits) {
  const Account& parent = *TRY(find<Account>(account, AccountRight::divide));
  Account& changed = *TRY(find<Account>(child));
  const auto wanted = TRY(copy_in<abi::AccountLimits>(limits));
  if (changed.above() != &parent || changed.request.open) return fail(Error::wrong_state);
  return changed.set_limits(k, wanted);
}

Answer Calls::account_claim(slot account, slot dst, frame object) {
  const Payer owner = TRY(find_payer(account, AccountRight::allocate, AccountRight::frames));
  Slot& target = *TRY(find_empty(dst));
  if (!owner.account.owns(k, object)) return fail(Error::out_of_range);
  const Kind kind = kind_of(k.frames[object].use);
  if (kind == Kind::none) return fail(Error::out_of_range);
  // point of no return
  install_below(owner.slot, target, kind, k.frames.ref_of(arch::frame_memory(object)));
  return {};
}

Answer Calls::account_bind(slot account, slot env_slot, frame vector) {
  Account& bound = *TRY(find<Account>(account, AccountRight::allocate, AccountRight::frames));
  Env* told = nullptr;
  if (env_slot != abi::no_slot) told = TRY(find<Env>(env_slot, abi::EnvRight::control));
  return bind_account(k, bound, told, vector);
}

Answer Calls::account_revoke(slot account, u32 resource, u64 first, u64 count, u64 deadline_ns) {
  if (resource >= abi::resource_count || count == 0) return fail(Error::bad_argument);
  Account& asked = *TRY(find<Account>(account, AccountRight::reclaim));
  return ask_back(k, asked, {.resource = static_cast<Resource>(resource), .first = first, .count = count,
                             .deadline = Nanoseconds{deadline_ns}, .requester = k.frames.ref_of(&env)});
}

Answer Calls::account_reclaim(slot account) {
  Account& asked = *TRY(find<Account>(account, AccountRight::reclaim));
  u64 budget = step_budget;
  return answer(TRY(reclaim(k, asked, budget)));
}

}  // namespace aegis::sys
