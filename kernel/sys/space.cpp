// SPDX-License-Identifier: MIT
#include "kernel/core/quick_update.hpp"
#include "kernel/sys/decode.hpp"

namespace aegis::sys {

namespace {

// By value: the short way keeps its operation in registers as long as nobody wants its address.
[[gnu::noinline]] Answer update_generally(Kernel& k, Table& table, Space& space, abi::SpaceVerb verb, u32 flags,
                                          slot authority, u64 address, u64 pages, u64 frame) {
  const abi::SpaceOp op{verb, flags, authority, 0, address, pages, frame};
  u64 done = 0;
  SpaceUpdate update{k, table, space};
  const Status status = update.run(op, done);
  return {status.has_value() ? Error::none : status.error(), status.has_value() ? pages : done};
}

}  // namespace

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

// One operation, in registers.
Answer Calls::page_update(slot space, u64 what, slot authority, va address, u64 pages, u64 frame) {
  Space* changed = TRY(find_own_or(space));
  const abi::SpaceOp op{.verb = static_cast<abi::SpaceVerb>(static_cast<u32>(what)),
                        .flags = static_cast<u32>(what >> 32),
                        .authority = authority,
                        .reserved = 0,
                        .address = address.raw,
                        .pages = pages,
                        .frame = frame};
  return update_generally(k, table(), *changed, op.verb, op.flags, authority, op.address, pages, frame);
}

// The ways into it that are short throughout, for the own space. raw: space, what, authority, address, pages, frame.
namespace {

[[gnu::noinline]] Answer decoded(Calls& calls, RawArguments raw) {
  return Decoder<decltype(&Calls::page_update)>::run<&Calls::page_update>(calls, raw);
}
[[gnu::noinline, clang::no_stack_protector]] Answer protect_own(Calls& calls, RawArguments raw, Space& own) {
  FlushNow flush{calls.k, own};
  const bool done = (raw[2] | raw[5]) == 0 && quick::protect(calls.k, own, raw[3], raw[4], raw[1] >> 32, flush);
  return done ? answer(raw[4]) : decoded(calls, raw);
}
[[gnu::noinline, clang::no_stack_protector]] Answer unmap_own(Calls& calls, RawArguments raw, Space& own) {
  FlushNow flush{calls.k, own};
  const bool form = (raw[1] >> 32 | raw[2] | (raw[4] ^ 1) | raw[5]) == 0;
  return form && quick::unmap(calls.k, own, raw[3], flush) ? answer(1) : decoded(calls, raw);
}
[[gnu::noinline, clang::no_stack_protector]] Answer map_new_own(Calls& calls, RawArguments raw, Space& own) {
  const bool form = (raw[2] >> 32 | (raw[4] ^ 1) | ~raw[5]) == 0;
  return form && quick::map_new(calls.k, calls.table(), own, raw[3], raw[1] >> 32, raw[2]) ? answer(1) : decoded(calls, raw);
}

}  // namespace

Answer page_update_in_registers(Calls& calls, RawArguments raw) {
  Space& own = object_at<Space>(calls.env.space);
  if (raw[0] != 0 || own.dying) [[unlikely]] return decoded(calls, raw);
  switch (static_cast<abi::SpaceVerb>(static_cast<u32>(raw[1]))) {
    case abi::SpaceVerb::protect: return protect_own(calls, raw, own);
    case abi::SpaceVerb::unmap: return unmap_own(calls, raw, own);
    case abi::SpaceVerb::map_new: return map_new_own(calls, raw, own);
    default: return decoded(calls, raw);
  }
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
