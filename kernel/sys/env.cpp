// SPDX-License-Identifier: MIT
#include "kernel/core/account_end.hpp"
#include "kernel/core/program.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

using abi::EnvRight;

Answer Calls::env_create(slot account, slot dst, slot space, slot caps, frame user_area, frame where) {
  const Payer payer = TRY(find_payer(account, abi::AccountRight::allocate, abi::AccountRight::frames));
  Space& home = *TRY(find<Space>(space, abi::SpaceRight::run));
  Table& held = *TRY(find<Table>(caps, abi::TableRight::run));
  Slot& target = *TRY(find_empty(dst));
  const Env* made = TRY(Env::create(k, payer.account, {.space = home, .table = held, .user_area = user_area}, where));
  // point of no return
  publish(payer, target, *made);
  return {};
}

Answer Calls::env_configure(slot target, va entries) {
  Env& configured = *TRY(find_self_or(target, EnvRight::control));
  const auto wanted = TRY(copy_in<abi::EnvEntries>(entries));
  ObjectRef monitor{};
  if (wanted.monitor != abi::no_slot) monitor = k.frames.ref_of(TRY(find<Env>(wanted.monitor, EnvRight::wake)));
  return configured.configure(k, cpu, wanted, monitor);
}

Answer Calls::env_start(slot target, va rip, va rsp, u64 argument) {
  return TRY(find<Env>(target, EnvRight::control))->start(k, rip.raw, rsp.raw, argument);
}

Answer Calls::env_stop(slot target) { return TRY(find<Env>(target, EnvRight::control))->stop(k, cpu); }

Answer Calls::env_resume(slot target) { return TRY(find<Env>(target, EnvRight::control))->resume(k); }

Answer Calls::env_read(slot target, va out) {
  const Env& read = *TRY(find<Env>(target, EnvRight::inspect));
  abi::EnvState state;
  TRY_VOID(read.read(state));
  return copy_out(out, state);
}

Answer Calls::env_write(slot target, va registers) {
  Env& written = *TRY(find<Env>(target, EnvRight::control));
  return written.write(TRY(copy_in<abi::Registers>(registers)));
}

Answer Calls::env_space(slot space) {
  Space& to = *TRY(find<Space>(space, abi::SpaceRight::run));
  env.change_space(k, cpu, to);
  return {};
}

Answer Calls::env_halt(u64 code) {
  env.halt(k, code);
  give_rest_to_owner(k, cpu);
  return {};
}

Answer Calls::object_destroy(slot target) {
  const Slot& victim = *TRY(live_slot(k, table(), target));
  const bool is_object = victim.kind == Kind::account || victim.kind == Kind::env || victim.kind == Kind::space ||
                         victim.kind == Kind::table || victim.kind == Kind::program;
  if (!is_object) return fail(Error::wrong_kind);
  if ((victim.rights & abi::right_destroy) == 0) return fail(Error::missing_right);
  const u32 object = victim.object.frame;
  u64 budget = step_budget;
  switch (victim.kind) {
    case Kind::account: return end_account(k, cpu, object_at<Account>(object), budget);
    case Kind::env: return object_at<Env>(object).destroy(k, cpu);
    case Kind::space: return object_at<Space>(object).destroy(k, budget);
    case Kind::program: return object_at<Program>(object).destroy(k, budget);
    default: return object_at<Table>(object).destroy(k, budget);
  }
}

}  // namespace aegis::sys
