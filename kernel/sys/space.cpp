// SPDX-License-Identifier: MIT
#include "kernel/core/space_update.hpp"
#include "kernel/sys/calls.hpp"

namespace aegis::sys {

Answer Calls::space_create(slot account, slot dst, frame where) {
  const Payer payer = TRY(find_payer(account, abi::AccountRight::allocate));
  Slot& target = *TRY(find_empty(dst));
  const Space* made = TRY(Space::create(k, payer.account, where));
  // point of no return
  publish(payer, target, *made);
  return {};
}

Answer Calls::space_update(slot space, va ops, u64 count) {
  if (count == 0 || count > abi::space_update_max_ops) return fail(Error::bad_argument);
  Space* changed = TRY(find_own_or(space));
  // Read once, so nobody changes it meanwhile. As bytes: nothing is to be initialised that is not overwritten.
  alignas(abi::SpaceOp) std::array<std::byte, abi::space_update_max_ops * sizeof(abi::SpaceOp)> bytes;
  TRY_VOID(copy_bytes_in(bytes.data(), ops, count * sizeof(abi::SpaceOp)));
  const auto* list = reinterpret_cast<const abi::SpaceOp*>(bytes.data());

  SpaceUpdate update{k, table(), *changed};
  for (u32 done = 0; done < count; ++done) {
    u64 pages = 0;
    const Status status = update.exhausted() ? fail(Error::again) : update.run(list[done], pages);
    if (!status.has_value()) return {status.error(), abi::SpaceProgress{done, static_cast<u32>(pages)}.pack()};
  }
  return answer(abi::SpaceProgress{static_cast<u32>(count), 0}.pack());
}

Answer Calls::space_link(slot space, u32 index, slot source) {
  if (index >= abi::user_slots) return fail(Error::bad_argument);
  Space& viewer = *TRY(find_own_or(space));
  if (source == abi::no_slot) return viewer.unlink(k, index);
  Space& from = *TRY(find<Space>(source, abi::SpaceRight::share));
  return viewer.link(k, index, from);
}

Answer Calls::space_trim(slot space, va start, u64 pages) {
  if (!base::is_aligned(start.raw, abi::page_size)) return fail(Error::bad_address);
  const u64 most = (abi::user_slots * abi::slot_size - start.raw) / abi::page_size;  // whole tables
  if (pages == 0 || pages > most) return fail(Error::bad_argument);
  Space* trimmed = TRY(find_own_or(space));
  u64 budget = step_budget;
  return trimmed->trim(k, start.raw, start.raw + pages * abi::page_size, budget);
}

}  // namespace aegis::sys
