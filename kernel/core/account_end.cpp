// SPDX-License-Identifier: MIT
#include "kernel/core/account_end.hpp"

#include "kernel/core/env.hpp"
#include "kernel/core/force.hpp"
#include "kernel/core/program.hpp"
#include "kernel/core/revocation.hpp"
#include "kernel/core/space.hpp"
#include "kernel/core/sweep.hpp"
#include "kernel/core/table.hpp"

namespace aegis {
namespace {

bool owns_anything(const Account& account) {
  for (const Resource what : every_resource)
    if (account.of(what).used != 0) return true;
  return false;
}

// Nobody can use its spaces and tables for anything new, nor map or share its frames.
void mark(Kernel& k, std::uint32_t frame) {
  switch (k.frames[frame].use) {
    case FrameUse::space: return object_at<Space>(frame).begin_end();
    case FrameUse::table: object_at<Table>(frame).dying = true; return;
    case FrameUse::program: object_at<Program>(frame).dying = true; return;
    case FrameUse::plain: return k.frames.condemn(FrameNumber{frame});
    default: return;
  }
}

Status end_env(Kernel& k, Cpu& here, const Account& account, std::uint32_t frame) {
  if (k.frames[frame].use != FrameUse::env) return {};
  auto& env = object_at<Env>(frame);
  const std::uint32_t name = frame_index(&account);
  const bool concerned = k.frames[frame].owner == name || k.frames[env.space].owner == name ||
                         k.frames[env.table].owner == name;
  return concerned ? env.destroy(k, here) : Status{};
}

Status end_object(Kernel& k, const Account& account, std::uint32_t frame, std::uint64_t& budget) {
  const FrameInfo info = k.frames[frame];
  if (info.owner != frame_index(&account)) return {};
  switch (info.use) {
    case FrameUse::space: return object_at<Space>(frame).destroy(k, budget);
    case FrameUse::table: return object_at<Table>(frame).destroy(k, budget);
    case FrameUse::program: return object_at<Program>(frame).destroy(k, budget);
    // In a table that another pays for.
    case FrameUse::table_leaf: return object_at<Table>(info.aux).remove_leaf(k, info.maps, budget);
    case FrameUse::table_index:
      return object_at<Table>(info.aux).remove_index(k, (info.maps - abi::direct_leaves) / abi::leaves_per_index, budget);
    default: return {};
  }
}

// All that led to it is gone, and nothing could come after; were it otherwise, what is left is looked for again.
Status free_frame(Kernel& k, Account& account, std::uint32_t frame, std::uint64_t& budget) {
  const FrameInfo& info = k.frames[frame];
  if (info.owner != frame_index(&account) || info.use != FrameUse::plain) return {};
  if (info.maps != 0 || info.refs != 0) [[unlikely]] {
    account.end_pass = EndPass::bindings;
    account.end_position = 0;
    return fail(Error::again);
  }
  release_frame(k, FrameNumber{frame});
  spend(budget, 1);
  return {};
}

Status visit(Kernel& k, Cpu& here, Account& account, std::uint32_t frame, std::uint64_t& budget) {
  switch (account.end_pass) {
    case EndPass::marks:
      if (k.frames[frame].owner == frame_index(&account)) mark(k, frame);
      return {};
    case EndPass::envs: return end_env(k, here, account, frame);
    case EndPass::objects: return end_object(k, account, frame, budget);
    case EndPass::bindings: return break_bindings_in(k, frame, &account, budget);
    case EndPass::frames: return free_frame(k, account, frame, budget);
    case EndPass::done: return {};
  }
  return {};
}

}  // namespace

Status end_account(Kernel& k, Cpu& here, Account& account, std::uint64_t& budget) {
  Account* payer = account.above();
  if (payer == nullptr || account.children != 0) return fail(Error::busy);
  if (!account.dying) {
    account.dying = true;
    forgo_ending(k, account);
    forget_revocation(k, account);
  }
  while (owns_anything(account) && account.end_pass != EndPass::done) {
    TRY_VOID(sweep_frames(k, account.end_position, budget,
                          [&](std::uint32_t frame) { return visit(k, here, account, frame, budget); }));
    account.end_position = 0;
    account.end_pass = static_cast<EndPass>(static_cast<std::uint8_t>(account.end_pass) + 1);
  }
  // point of no return
  AEGIS_ASSERT(!owns_anything(account));
  for (const Resource what : every_resource) {
    payer->of(what).promised -= account.of(what).minimum;
    change_limit(account, what, 0);
    if (k.open_requests != 0) note_given(k, *payer, what, abi::any_units);
  }
  --payer->children;
  release_frame(k, arch::frame_of(&account));
  return {};
}

}  // namespace aegis
