// SPDX-License-Identifier: MIT
// Requests: how they are made, met and closed. What happens after the deadline is in force.cpp.
#include "kernel/core/revocation.hpp"

#include "kernel/core/env.hpp"
#include "kernel/core/force.hpp"

namespace aegis {
namespace {

constexpr std::uint64_t most_named = abi::max_cap_run;

std::uint64_t units_there(Kernel& k, Resource what) {
  return what == Resource::slices ? k.slices.size() : k.frames.count();  // programs go by their frames
}

// How many of the named units the account, or one below it, has.
std::uint64_t count_named(Kernel& k, const Account& account, const Request& request) {
  std::uint64_t owned = 0;
  for (std::uint64_t unit = request.first; unit < request.first + request.count; ++unit) {
    const Account* owner = unit_owner(k, request.resource, unit);
    if (owner != nullptr && owner->is_within(account)) ++owned;
  }
  return owned;
}

void write_request(Kernel& k, Account& account) {
  Env* env = k.frames.live<Env>(account.bound);
  if (env == nullptr) return;
  const Request& r = account.request;
  object_at<abi::RevocationPage>(account.vector).request = {.sequence = account.requests,
                                                            .resource = static_cast<std::uint64_t>(r.resource),
                                                            .first = r.first, .count = r.count,
                                                            .deadline_ns = r.deadline.raw()};
  env->post_upcall(k, abi::Upcall::revoke);
}

void close_request(Kernel& k, Account& account) {
  // What force could not take (kernel objects, pinned frames) stays, and so does the limit that covers it.
  Usage& usage = account.of(account.request.resource);
  if (usage.excess() != 0) change_limit(account, account.request.resource, usage.used);
  account.request = {};
  --k.open_requests;
}

}  // namespace

std::uint64_t units_left(const Account& account) {
  const Request& request = account.request;
  return request.by_name() ? request.named_left : account.of(request.resource).excess();
}

// A unit that was named and given may be taken again by its name, or by one below: then it is owed once more.
void note_taken(Account& account, Resource what, std::uint64_t first, std::uint64_t units) {
  if (first == abi::any_units) return;
  for (Account* at = &account; at != nullptr; at = at->above())
    for (std::uint64_t unit = first; unit < first + units; ++unit)
      if (at->request.names(what, unit)) ++at->request.named_left;
}

void note_given(Kernel& k, Account& account, Resource what, std::uint64_t unit) {
  for (Account* at = &account; at != nullptr; at = at->above()) {
    Request& request = at->request;
    if (!request.open || request.resource != what) continue;
    if (unit != abi::any_units && request.names(what, unit)) --request.named_left;
    if (request.told || units_left(*at) != 0) continue;
    request.told = true;
    if (Env* requester = k.frames.live<Env>(request.requester)) requester->wake(k);
  }
}

Status bind_account(Kernel& k, Account& account, Env* env, FrameNumber vector) {
  if (env == nullptr) {
    if (vector != FrameNumber{0}) return fail(Error::out_of_range);
  } else {
    if (!account.owns(k, vector)) return fail(Error::out_of_range);
    const FrameInfo& info = k.frames[vector];
    if (info.use != FrameUse::plain || is_condemned(info)) return fail(Error::out_of_range);
    if (info.pins != 0 && vector.raw() != account.vector) return fail(Error::busy);
    if (k.frames[frame_index(env)].owner != frame_index(&account)) return fail(Error::wrong_state);
  }
  // point of no return
  if (account.vector != 0) --k.frames[account.vector].pins;
  account.vector = static_cast<std::uint32_t>(vector.raw());
  if (account.vector != 0) ++k.frames[account.vector].pins;
  account.bound = env != nullptr ? k.frames.ref_of(env) : ObjectRef{};
  if (account.request.open) write_request(k, account);  // who comes late is told too
  return {};
}

Status ask_back(Kernel& k, Account& account, const Request& request) {
  if (request.count == 0 || request.resource > Resource::programs || request.resource == Resource::objects) return fail(Error::bad_argument);
  if (request.by_name()) {
    if (request.count > most_named) return fail(Error::bad_argument);
    const std::uint64_t end = units_there(k, request.resource);
    if (!base::range_within(request.first, request.count, end)) return fail(Error::out_of_range);
  }
  if (account.request.open) return fail(Error::wrong_state);
  const std::uint64_t asked = request.by_name() ? count_named(k, account, request) : request.count;
  const Usage& usage = account.of(request.resource);
  if (asked > usage.limit - usage.minimum) return fail(Error::out_of_range);
  // point of no return
  account.request = request;
  account.request.open = true;
  account.request.named_left = request.by_name() ? asked : 0;
  ++account.requests;
  ++k.open_requests;
  change_limit(account, request.resource, usage.limit - asked);
  write_request(k, account);
  // It may have had that much to spare; and it may help the accounts above to have asked.
  note_given(k, account, request.resource, abi::any_units);
  return {};
}

Result<std::uint64_t> reclaim(Kernel& k, Account& account, std::uint64_t& budget) {
  if (!account.request.open) return fail(Error::wrong_state);
  const ObjectRef name = k.frames.ref_of(&account);
  // One account is under force at a time, and whoever wants to be next helps to finish it.
  if (k.force.account && !(k.force.account == name)) TRY_VOID(advance_force(k, budget));
  if (!k.force.account && !account.request.forced && units_left(account) != 0) {
    if (arch::now() < account.request.deadline) return fail(Error::would_block);
    begin_force(k, account);
  }
  if (k.force.account == name) TRY_VOID(advance_force(k, budget));
  const std::uint64_t taken = account.request.taken;
  close_request(k, account);
  return taken;
}

void forget_revocation(Kernel& k, Account& account) {
  if (k.force.account == k.frames.ref_of(&account)) end_force(k);
  if (account.request.open) close_request(k, account);
  (void)bind_account(k, account, nullptr, FrameNumber{0});  // cannot fail: nobody and nothing
}

}  // namespace aegis
