// SPDX-License-Identifier: MIT
#include "kernel/core/account.hpp"

#include "kernel/core/revocation.hpp"

namespace aegis {
namespace {

Status check_form(const abi::AccountLimits& limits) {
  for (const Resource what : every_resource) {
    const auto i = static_cast<std::size_t>(what);
    if (limits.minimum[i] > limits.limit[i]) return fail(Error::bad_argument);
  }
  return limits.minimum[static_cast<std::size_t>(Resource::objects)] == 0 ? Status{} : fail(Error::bad_argument);
}

// The claim fell or rose by so much: so did the parent's use, whose claim may follow.
void claim_fell(Account& account, Resource what, std::uint64_t units) {
  for (Account* at = account.above(); at != nullptr && units != 0; at = at->above()) {
    Usage& usage = at->of(what);
    const std::uint64_t before = usage.claim();
    AEGIS_ASSERT(usage.used >= units);
    usage.used -= units;
    units = before - usage.claim();
  }
}
void claim_rose(Account& account, Resource what, std::uint64_t units) {
  for (Account* at = account.above(); at != nullptr && units != 0; at = at->above()) {
    Usage& usage = at->of(what);
    const std::uint64_t before = usage.claim();
    usage.used += units;
    units = usage.claim() - before;
  }
}

}  // namespace

bool Account::is_within(const Account& ancestor) const {
  const Account* at = this;
  while (at->depth > ancestor.depth) at = at->above();
  return at == &ancestor;
}

Result<Account*> Account::create(Kernel& k, Account& parent, const abi::AccountLimits& limits, FrameNumber where) {
  TRY_VOID(check_form(limits));
  if (parent.depth == abi::max_account_depth) return fail(Error::over_limit);
  for (const Resource what : every_resource) {
    const auto i = static_cast<std::size_t>(what);
    const Usage& from = parent.of(what);
    // The child's own frame is the parent's, so the limits must leave room for it.
    const std::uint64_t own = what == Resource::frames || what == Resource::objects ? 1 : 0;
    if (parent.room(what) < own || limits.limit[i] > parent.room(what) - own) return fail(Error::over_limit);
    if (limits.minimum[i] > from.minimum - from.promised) return fail(Error::over_limit);
  }
  const FrameNumber frame = TRY(parent.allocate(k, where, FrameUse::account));
  // point of no return
  auto* child = new (arch::frame_memory(frame)) Account{.parent = frame_index(&parent), .depth = parent.depth + 1};
  for (const Resource what : every_resource) {
    const auto i = static_cast<std::size_t>(what);
    change_limit(*child, what, limits.limit[i]);
    child->of(what).minimum = limits.minimum[i];
    parent.of(what).promised += limits.minimum[i];
  }
  ++parent.children;
  return child;
}

Status Account::set_limits(Kernel& k, const abi::AccountLimits& limits) {
  TRY_VOID(check_form(limits));
  Account& payer = *above();
  for (const Resource what : every_resource) {
    const auto i = static_cast<std::size_t>(what);
    const Usage& own = of(what);
    const Usage& from = payer.of(what);
    if (limits.limit[i] < own.used || limits.minimum[i] < own.promised) return fail(Error::over_limit);
    if (limits.limit[i] > own.limit && limits.limit[i] - own.limit > payer.room(what)) return fail(Error::over_limit);
    if (limits.minimum[i] > from.minimum - from.promised + own.minimum) return fail(Error::over_limit);
  }
  // point of no return
  for (const Resource what : every_resource) {
    const auto i = static_cast<std::size_t>(what);
    change_limit(*this, what, limits.limit[i]);
    payer.of(what).promised += limits.minimum[i] - of(what).minimum;
    of(what).minimum = limits.minimum[i];
    if (k.open_requests != 0) note_given(k, *this, what, abi::any_units);  // less for the child is a way to give
  }
  return {};
}

abi::AccountInfo Account::read() const {
  abi::AccountInfo info{};
  for (std::size_t i = 0; i < abi::resource_count; ++i) {
    info.limits.limit[i] = usage[i].limit;
    info.limits.minimum[i] = usage[i].minimum;
    info.used[i] = usage[i].used;
  }
  info.children = children;
  info.run_ns = run_ns;
  if (request.open) {
    info.request_resource = 1 + static_cast<std::uint64_t>(request.resource);
    info.request_left = units_left(*this);
    info.request_deadline = request.deadline.raw();
  }
  return info;
}

void change_limit(Account& account, Resource what, std::uint64_t limit) {
  Usage& usage = account.of(what);
  const std::uint64_t before = usage.claim();
  usage.limit = limit;
  const std::uint64_t after = usage.claim();
  if (after < before) claim_fell(account, what, before - after);
  else claim_rose(account, what, after - before);
}

void charge(Kernel& k, Account& account, Resource what, std::uint64_t first, std::uint64_t units) {
  Usage& usage = account.of(what);
  AEGIS_ASSERT(units <= usage.room());
  usage.used += units;  // still within the limit: the claim is the same
  if (k.open_requests != 0) [[unlikely]] note_taken(account, what, first, units);
}

void pay_back(Kernel& k, Account& account, Resource what, std::uint64_t unit) {
  Usage& usage = account.of(what);
  AEGIS_ASSERT(usage.used > 0);
  if (usage.used-- > usage.limit) [[unlikely]] claim_fell(account, what, 1);
  if (k.open_requests != 0) [[unlikely]] note_given(k, account, what, unit);
}

Result<FrameNumber> Account::allocate(Kernel& k, FrameNumber where, FrameUse use, Contents contents) {
  const bool object = use != FrameUse::plain;
  if ((object ? room_for_objects() : room()) == 0) return fail(Error::over_limit);
  const FrameNumber frame = TRY(k.frames.find({.first = where}));
  k.frames.take(frame, 1, frame_index(this), use, contents);
  if (object) charge(k, *this, Resource::objects, abi::any_units, 1);
  charge(k, *this, Resource::frames, object ? abi::any_units : frame.raw(), 1);  // objects are not asked back by name
  return frame;
}

Result<FrameNumber> Account::allocate_parts(Kernel& k, std::uint64_t count, FrameUse use, Contents contents) {
  if (room_for_objects() < count) return fail(Error::over_limit);
  const FrameNumber first = TRY(k.frames.find({.count = count}));
  k.frames.take(first, count, frame_index(this), use, contents);
  charge(k, *this, Resource::objects, abi::any_units, count);
  charge(k, *this, Resource::frames, abi::any_units, count);
  return first;
}

void Account::charge_plain(Kernel& k, FrameNumber frame) { charge(k, *this, Resource::frames, frame.raw(), 1); }

Result<FrameNumber> Account::allocate_run(Kernel& k, const FrameWish& wish) {
  if (wish.count > room()) return fail(Error::over_limit);
  const FrameNumber frame = TRY(k.frames.find(wish));
  k.frames.take(frame, wish.count, frame_index(this), FrameUse::plain, Contents::zeroed);
  charge(k, *this, Resource::frames, frame.raw(), wish.count);
  return frame;
}

bool Account::owns(Kernel& k, FrameNumber frame) {
  return k.frames.exists(frame) && k.frames[frame].owner == frame_index(this);
}

Status Account::free_run(Kernel& k, FrameNumber first, std::uint64_t count) {
  if (!base::range_within(first.raw(), count, k.frames.count())) return fail(Error::out_of_range);
  for (FrameNumber f = first; f < first + count; ++f) {
    const FrameInfo& info = k.frames[f];
    if (info.owner != frame_index(this)) return fail(Error::out_of_range);
    if (info.use != FrameUse::plain || info.maps != 0 || info.pins != 0 || info.refs != 0) return fail(Error::busy);
  }
  // point of no return
  for (FrameNumber f = first; f < first + count; ++f) release_frame(k, f);
  return {};
}

void release_frame(Kernel& k, FrameNumber frame) {
  const FrameInfo info = k.frames[frame];
  AEGIS_ASSERT(info.owner != 0);
  k.frames.give_back(frame);
  auto& account = object_at<Account>(info.owner);
  if (info.use != FrameUse::plain) pay_back(k, account, Resource::objects, abi::any_units);
  pay_back(k, account, Resource::frames, info.use == FrameUse::plain ? frame.raw() : abi::any_units);
}

}  // namespace aegis
