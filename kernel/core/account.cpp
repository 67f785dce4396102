// SPDX-License-Identifier: MIT
#include "kernel/core/account.hpp"

namespace aegis {

Result<Account*> Account::create(Kernel& k, Account& parent, std::uint64_t limit, FrameNumber where) {
  // The child's own frame is the parent's, so the limit must leave room for it.
  if (parent.room() == 0 || limit > parent.room() - 1) return fail(Error::over_limit);
  const FrameNumber frame = TRY(parent.allocate(k, where, FrameUse::account));
  // point of no return
  auto* child = new (arch::frame_memory(frame)) Account{.limit = limit, .parent = frame_index(&parent)};
  parent.used += limit;
  ++parent.children;
  return child;
}

Status Account::destroy(Kernel& k) {
  if (used != 0 || children != 0 || parent == 0) return fail(Error::busy);
  // point of no return
  auto& payer = object_at<Account>(parent);
  payer.used -= limit;
  --payer.children;
  release_frame(k, arch::frame_of(this));
  return {};
}

Result<FrameNumber> Account::allocate(Kernel& k, FrameNumber where, FrameUse use, Contents contents) {
  if (room() == 0) return fail(Error::over_limit);
  const FrameNumber frame = TRY(k.frames.find(where, 1, 0));
  k.frames.take(frame, 1, frame_index(this), use, contents);
  ++used;
  if (use != FrameUse::plain) ++objects;
  return frame;
}

Result<FrameNumber> Account::allocate_run(Kernel& k, FrameNumber first, std::uint64_t count, std::uint32_t align_log2) {
  if (count > room()) return fail(Error::over_limit);
  const FrameNumber frame = TRY(k.frames.find(first, count, align_log2));
  k.frames.take(frame, count, frame_index(this), FrameUse::plain, Contents::zeroed);
  used += count;
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
  --account.used;
  if (info.use != FrameUse::plain) --account.objects;
}

}  // namespace aegis
