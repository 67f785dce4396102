// SPDX-License-Identifier: MIT
// The core's part of booting: frame table, root account, first env.
#include "kernel/core/first_env.hpp"

namespace aegis {
namespace {

// The root account owns all that is free, and the archive. Its own frame is the kernel's.
Result<Account*> make_root(Kernel& k, const traps::BootRecord& record) {
  const FrameNumber frame = TRY(k.frames.find({}));
  k.frames.take(frame, 1, 0, FrameUse::account, Contents::zeroed);
  const FrameRange archive = archive_frames(record);
  const std::uint64_t frames = k.frames.free_count() + archive.count;
  const std::uint64_t slices = std::uint64_t{record.cpus} * abi::slices_per_cpu;
  auto* root = new (arch::frame_memory(frame)) Account{};
  root->of(Resource::frames) = {.limit = frames, .used = archive.count, .minimum = frames};
  root->of(Resource::slices) = {.limit = slices, .minimum = slices};
  root->of(Resource::objects) = {.limit = frames};
  root->of(Resource::programs) = {.limit = k.programs.entries().size()};
  for (std::uint64_t f = archive.first; f < archive.first + archive.count; ++f)
    k.frames[FrameNumber{f}] = {.owner = frame_index(root), .use = FrameUse::plain};
  return root;
}

Status build(Kernel& k, const traps::BootRecord& record) {
  Account& root = *TRY(make_root(k, record));
  (void)TRY(build_first_env(k, record, root));
  return {};
}

}  // namespace

bool traps::start(const BootRecord& record) {
  KernelGuard guard;
  if (!build_frame_table(*guard, record)) {
    arch::log_write("aegis: too little memory, or the archive lies outside it\n");
    return false;
  }
  const Status done = build(*guard, record);
  if (done.has_value()) return true;
  arch::log_write("aegis: the first env cannot be built: ");
  arch::log_write(abi::name(done.error()));
  arch::log_write("\n");
  return false;
}

}  // namespace aegis
