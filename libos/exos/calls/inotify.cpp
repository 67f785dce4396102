// SPDX-License-Identifier: MIT
#include "libos/exos/fs/inotify.hpp"

#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

struct InotifyRef {
  FileRef file;
  InotifyFile* operator->() const { return static_cast<InotifyFile*>(file.get()); }
};
Result<InotifyRef> instance_of(std::uint64_t fd) {
  FileRef file = TRY(file_of(fd));
  if (file->kind != FileKind::inotify) return Fail{Errno::inval};
  return InotifyRef{std::move(file)};
}

}  // namespace

CallResult linux_inotify_init1(const Arguments& a) {
  if ((low(a.a) & ~(o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  return install(TRY(make_inotify_file(low(a.a) & o_nonblock)), low(a.a));
}
CallResult linux_inotify_init(const Arguments&) { return linux_inotify_init1({}); }

CallResult linux_inotify_add_watch(const Arguments& a) {
  const std::uint32_t mask = low(a.c);
  constexpr std::uint32_t known = in_all_events | in_onlydir | in_dont_follow | in_excl_unlink | in_mask_create | in_mask_add | in_oneshot;
  if ((mask & known) == 0 || (mask & in_all_events) == 0) return Fail{Errno::inval};
  const InotifyRef instance = TRY(instance_of(a.a));
  if ((mask & in_mask_add) != 0 && (mask & in_mask_create) != 0) return Fail{Errno::inval};
  const Walk walk = TRY(walk_at(at_fdcwd, a.b, (mask & in_dont_follow) != 0 ? 0 : walk_follow));
  TRY_VOID(check_access(*walk.inode, may_read, current_credentials()));
  if ((mask & in_onlydir) != 0 && !walk.inode->is(mode_directory)) return Fail{Errno::notdir};
  return instance->add(*walk.inode, mask);
}

CallResult linux_inotify_rm_watch(const Arguments& a) {
  return done(TRY(instance_of(a.a))->remove(static_cast<std::int32_t>(a.b)));
}

}  // namespace exos
