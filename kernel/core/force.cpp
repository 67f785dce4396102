// SPDX-License-Identifier: MIT
#include "kernel/core/force.hpp"

#include "kernel/core/program.hpp"
#include "kernel/core/revocation.hpp"
#include "kernel/core/slices.hpp"
#include "kernel/core/sweep.hpp"
#include "kernel/core/watch.hpp"

namespace aegis {
namespace {

// Accounts from `from` up to, and without, `top`.
template <typename F>
void each_between(Account& from, const Account& top, F each) {
  for (Account* at = &from; at != &top; at = at->above()) each(*at);
}

// Units that none of them is guaranteed.
std::uint64_t spare_between(Account& from, const Account& top, Resource what) {
  std::uint64_t spare = ~std::uint64_t{0};
  each_between(from, top, [&](Account& at) {
    const std::uint64_t own = at.of(what).limit - at.of(what).minimum;
    if (own < spare) spare = own;
  });
  return spare;
}

// Lowers their limits: each claims `units` less as soon as `from` has that many less in use. From the top down, since a
// claim that falls lowers the use above it.
void cede(Account& from, const Account& top, Resource what, std::uint64_t units) {
  std::array<Account*, abi::max_account_depth + 1> path{};
  std::size_t length = 0;
  each_between(from, top, [&](Account& at) { path[length++] = &at; });
  while (length-- > 0) change_limit(*path[length], what, path[length]->of(what).limit - units);
}

// The unit stays after all.
void take_no_more(Account& from, const Account& top, Resource what) {
  each_between(from, top, [&](Account& at) {
    if (at.of(what).excess() != 0) change_limit(at, what, at.of(what).limit + 1);
  });
}

// --- telling ---------------------------------------------------------------------------------------------------------

void tell_losers(Kernel& k) {
  if (Account* loser = k.frames.live<Account>(k.force.loser)) {
    if (Env* env = k.frames.live<Env>(loser->bound)) env->post_upcall(k, abi::Upcall::repossess);
  }
  k.force.loser = {};
}

// The page is the library's to write at any time: what is read from it is read once and believed only within bounds.
void list_loss(abi::RevocationPage& page, Resource what, std::uint64_t unit) {
  ++page.lost_units;
  const std::uint64_t listed = std::atomic_ref{page.loss_count}.load(std::memory_order_relaxed);
  if (listed != 0 && listed <= abi::max_losses) {
    abi::Loss& last = page.losses[listed - 1];
    const abi::Loss seen = last;
    if (seen.resource == static_cast<std::uint64_t>(what) && unit == seen.first + seen.count) {
      last.count = seen.count + 1;
      return;
    }
  }
  if (listed >= abi::max_losses) {
    ++page.unlisted;
    return;
  }
  page.losses[listed] = {.resource = static_cast<std::uint64_t>(what), .first = unit, .count = 1};
  std::atomic_ref{page.loss_count}.store(listed + 1, std::memory_order_release);
}

// Told to the nearest account that listens, from the owner up to the one under force.
void record_loss(Kernel& k, Account& owner, Account& top, std::uint64_t unit) {
  ++top.request.taken;
  Account* loser = &owner;
  while (loser != &top && loser->vector == 0) loser = loser->above();
  if (loser->vector == 0) return;
  list_loss(object_at<abi::RevocationPage>(loser->vector), top.request.resource, unit);
  const ObjectRef name = k.frames.ref_of(loser);
  if (!(k.force.loser == name)) tell_losers(k);
  k.force.loser = name;
}

// --- passes ----------------------------------------------------------------------------------------------------------

// Units that still have to be chosen.
std::uint64_t wanted(const Kernel& k, const Account& top) {
  const std::uint64_t excess = top.of(top.request.resource).excess();
  return excess > k.force.condemned ? excess - k.force.condemned : 0;
}

// What accounts below may have and have not: nobody misses it.
Status take_spare_limits(Kernel& k, Account& top, std::uint64_t& budget) {
  if (top.children == 0 || top.request.by_name()) return {};
  const Resource what = top.request.resource;
  return sweep_frames(k, k.force.position, budget, [&](std::uint32_t f) -> Status {
    if (k.frames[f].use != FrameUse::account) return {};
    auto& account = object_at<Account>(f);
    const Usage& usage = account.of(what);
    const std::uint64_t kept = usage.used > usage.minimum ? usage.used : usage.minimum;
    if (usage.limit <= kept || &account == &top || !account.is_within(top)) return {};
    std::uint64_t units = usage.limit - kept;
    for (const std::uint64_t most : {spare_between(account, top, what), wanted(k, top)})
      if (most < units) units = most;
    if (units != 0) cede(account, top, what, units);
    return {};
  });
}

bool fits(const FrameInfo& info, ForcePass pass) {
  switch (pass) {
    case ForcePass::idle: return info.refs == 0 && info.maps == 0;
    case ForcePass::mapped: return info.refs == 0;
    default: return true;
  }
}

// The highest account from `from` up to, and without, `top` that may have more than it has.
Account* one_with_room(Account& from, const Account& top, Resource what) {
  Account* found = nullptr;
  each_between(from, top, [&](Account& at) {
    if (at.of(what).room() != 0) found = &at;
  });
  return found;
}

void condemn(Kernel& k, Account& owner, Account& top, FrameNumber frame) {
  // Something was given since limits were looked at: that will do, and those below keep theirs.
  Account* spare = top.request.by_name() ? nullptr : one_with_room(owner, top, Resource::frames);
  if (spare != nullptr) return cede(*spare, top, Resource::frames, 1);
  cede(owner, top, Resource::frames, 1);
  k.frames.condemn(frame);
  ++k.force.condemned;
  const FrameInfo& info = k.frames[frame];
  k.force.in_use |= info.maps != 0 || info.refs != 0 || is_watched(info);
}

Status choose_frames(Kernel& k, Account& top, std::uint64_t& budget) {
  const Request& request = top.request;
  if (request.by_name() && k.force.pass != ForcePass::shared) return {};
  if (request.by_name() && k.force.position < request.first)
    k.force.position = static_cast<std::uint32_t>(request.first);
  return sweep_frames(k, k.force.position, budget, [&](std::uint32_t f) -> Status {
    const bool enough = request.by_name() ? f >= request.first + request.count : wanted(k, top) == 0;
    if (enough) {
      k.force.position = static_cast<std::uint32_t>(k.frames.count());
      return {};
    }
    const FrameInfo& info = k.frames[f];
    if (info.use != FrameUse::plain || info.owner == 0 || is_in_kernel_use(info) || is_condemned(info)) return {};
    if (!fits(info, k.force.pass)) return {};
    Account& owner = owner_of(k, f);
    if (owner.dying || !owner.is_within(top) || spare_between(owner, top, Resource::frames) == 0) return {};
    condemn(k, owner, top, FrameNumber{f});
    return {};
  });
}

Status break_bindings(Kernel& k, std::uint64_t& budget) {
  if (!k.force.in_use) return {};
  return sweep_frames(k, k.force.position, budget,
                      [&](std::uint32_t f) { return break_bindings_in(k, f, nullptr, budget); });
}

Status free_frames(Kernel& k, Account& top, std::uint64_t& budget) {
  return sweep_frames(k, k.force.position, budget, [&](std::uint32_t f) -> Status {
    const FrameInfo& info = k.frames[f];
    if (!is_condemned(info)) return {};
    Account& owner = owner_of(k, f);
    if (owner.dying || !owner.is_within(top)) return {};  // goes with its account
    const bool enough = !top.request.by_name() && top.of(Resource::frames).excess() == 0;
    if (enough || info.pins != 0 || info.maps != 0 || info.refs != 0) {
      k.frames.spare(FrameNumber{f});
      take_no_more(owner, top, Resource::frames);
      return {};
    }
    record_loss(k, owner, top, f);
    release_frame(k, FrameNumber{f});
    ++k.force.taken;
    spend(budget, 1);
    return {};
  });
}

Status take_positions(Kernel& k, Account& top, std::uint64_t& budget) {
  const Request& request = top.request;
  const auto end = static_cast<std::uint32_t>(k.slices.size());
  for (; k.force.position < end; ++k.force.position) {
    if (budget == 0) return fail(Error::again);
    --budget;
    const std::uint32_t at = end - 1 - k.force.position;  // from the highest
    if (request.by_name() ? !request.names(Resource::slices, at) : top.of(Resource::slices).excess() == 0) continue;
    Account* owner = unit_owner(k, Resource::slices, at);
    if (owner == nullptr || owner->dying || !owner->is_within(top)) continue;
    if (spare_between(*owner, top, Resource::slices) == 0) continue;
    cede(*owner, top, Resource::slices, 1);
    record_loss(k, *owner, top, at);
    (void)bind_position(k, at, nullptr);  // nobody can have it
    ++k.force.taken;
  }
  return {};
}

// A program that is under way to its end is taken, whatever is given meanwhile.
bool is_to_be_taken(Kernel& k, const Account& top, std::uint32_t f) {
  if (object_at<Program>(f).taken) return true;
  const Request& request = top.request;
  if (request.by_name() ? !request.names(Resource::programs, f) : top.of(Resource::programs).excess() == 0) return false;
  Account& owner = owner_of(k, f);
  return !owner.dying && owner.is_within(top) && spare_between(owner, top, Resource::programs) != 0;
}

Status take_programs(Kernel& k, Account& top, std::uint64_t& budget) {
  return sweep_frames(k, k.force.position, budget, [&](std::uint32_t f) -> Status {
    if (k.frames[f].use != FrameUse::program || !is_to_be_taken(k, top, f)) return {};
    auto& program = object_at<Program>(f);
    Account& owner = owner_of(k, f);
    if (owner.dying || !owner.is_within(top)) return {};  // goes with its account; or another's request began with it
    program.taken = true;
    TRY_VOID(program.wind_down(k, budget));
    const bool owed = top.request.by_name() || top.of(Resource::programs).excess() != 0;
    if (owed && spare_between(owner, top, Resource::programs) != 0) cede(owner, top, Resource::programs, 1);
    record_loss(k, owner, top, f);
    ++k.force.taken;
    AEGIS_ASSERT(program.destroy(k, budget).has_value());  // it has wound down
    return {};
  });
}

Status run_frame_pass(Kernel& k, Account& top, std::uint64_t& budget) {
  switch (k.force.pass) {
    case ForcePass::idle: case ForcePass::mapped: case ForcePass::shared: return choose_frames(k, top, budget);
    case ForcePass::bindings: return break_bindings(k, budget);
    case ForcePass::free: return free_frames(k, top, budget);
    default: return {};
  }
}

Status run_pass(Kernel& k, Account& top, std::uint64_t& budget) {
  if (k.force.pass == ForcePass::spare) return take_spare_limits(k, top, budget);
  if (top.request.resource == Resource::frames) return run_frame_pass(k, top, budget);
  if (k.force.pass != ForcePass::units) return {};
  return top.request.resource == Resource::slices ? take_positions(k, top, budget) : take_programs(k, top, budget);
}

}  // namespace

Account* unit_owner(Kernel& k, Resource what, std::uint64_t unit) {
  if (what == Resource::slices) {
    const Env* env = k.frames.live<Env>(k.slices[unit]);
    return env != nullptr ? &owner_of(k, frame_index(env)) : nullptr;
  }
  const FrameInfo& info = k.frames[FrameNumber{unit}];
  return info.use == (what == Resource::programs ? FrameUse::program : FrameUse::plain) && info.owner != 0 ? &object_at<Account>(info.owner) : nullptr;
}

void begin_force(Kernel& k, Account& account) { k.force = {.account = k.frames.ref_of(&account)}; }

// In between, what was chosen may be given after all, and accounts may end: another round finds what is missing then.
Status advance_force(Kernel& k, std::uint64_t& budget) {
  Account& top = object_at<Account>(k.force.account.frame);
  for (;;) {
    const Status step = run_pass(k, top, budget);
    if (!step.has_value()) {
      tell_losers(k);
      return step;
    }
    k.force.position = 0;
    k.force.pass = static_cast<ForcePass>(static_cast<std::uint8_t>(k.force.pass) + 1);
    if (k.force.pass != ForcePass::done) continue;
    const bool short_of = !top.request.by_name() && top.of(top.request.resource).excess() != 0;
    if (!short_of || k.force.taken == 0) break;
    tell_losers(k);
    begin_force(k, top);
  }
  top.request.forced = true;
  end_force(k);
  return {};
}

void forgo_ending(Kernel& k, Account& ending) {
  const Account* top = k.frames.live<Account>(k.force.account);
  if (top == nullptr || &ending == top || !ending.is_within(*top)) return;
  const Resource what = top->request.resource;
  const std::uint64_t chosen = ending.of(what).excess();
  each_between(ending, *top, [&](Account& at) {
    change_limit(at, what, at.of(what).limit + std::min(at.of(what).excess(), chosen));
  });
  k.force.condemned -= std::min(k.force.condemned, chosen);
}

void end_force(Kernel& k) {
  tell_losers(k);
  k.force = {};
}

}  // namespace aegis
