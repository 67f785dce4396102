// SPDX-License-Identifier: MIT
// Calls that change or read directories and the working directory.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/inotify.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {
namespace {

// In a directory with the sticky bit only the owners of the entry or of the directory remove it.
Status check_removal(Directory& directory, const Inode& inode) {
  const Credentials who = current_credentials();
  if (directory.fixed()) return Fail{Errno::perm};
  TRY_VOID(check_access(directory, may_write | may_execute, who));
  if ((directory.mode & 01000) != 0 && who.uid != 0 && who.uid != inode.uid && who.uid != directory.uid) return Fail{Errno::perm};
  if (inode.device != directory.device) return Fail{Errno::busy};   // another file system's root
  return {};
}

Status check_addition(Directory& directory) {
  TRY_VOID(check_access(directory, may_write | may_execute, current_credentials()));
  if (directory.fixed()) return Fail{Errno::perm};
  return {};
}

// Where a new name shall go: EEXIST when something is there.
Result<Walk> walk_new(std::uint64_t dirfd, std::uint64_t path) {
  Walk walk = TRY(walk_at(dirfd, path, walk_create | walk_parent));
  if (walk.inode) return Fail{Errno::exist};
  TRY_VOID(check_addition(walk.directory()));
  return walk;
}

// An entry was made: what stands behind every create below.
CallResult created(const Walk& walk, const InodeRef& inode) {
  notify_entry(*walk.parent, walk.name, *inode, in_create);
  return 0;
}

void lose_name(Inode& inode) {
  if (Directory* directory = as_directory(&inode); directory != nullptr) {
    directory->removed = true;
    inode.links = 0;
  } else if (inode.links > 0) {
    --inode.links;
  }
  inode.changed = wall_time();
  if (!inode.is(mode_directory)) notify(inode, in_attrib);
  else if (inode.watchers != nullptr) forget_inode(inode);
}

CallResult make_directory(std::uint64_t dirfd, std::uint64_t path, std::uint64_t mode) {
  Walk walk = TRY(walk_new(dirfd, path));
  const std::uint32_t bits = low(mode) & 01777 & ~current().paths->umask;
  return created(walk, TRY(walk.directory().create(walk.name, mode_directory | bits, 0, {})));
}

CallResult remove_file(std::uint64_t dirfd, std::uint64_t path) {
  Walk walk = TRY(walk_at(dirfd, path, walk_parent));
  if (!walk.parent || walk.inode->is(mode_directory)) return Fail{Errno::isdir};
  TRY_VOID(check_removal(walk.directory(), *walk.inode));
  walk.directory().remove(walk.name);
  lose_name(*walk.inode);
  walk.inode = {};   // perhaps the last reference: its own watchers are told first
  if (walk.parent->watchers != nullptr) tell_watchers(*walk.parent, in_delete, walk.name);
  return 0;
}

CallResult remove_directory(std::uint64_t dirfd, std::uint64_t path) {
  Walk walk = TRY(walk_at(dirfd, path, walk_parent));
  if (!walk.parent) return Fail{walk.name == "." ? Errno::inval : walk.name == ".." ? Errno::notempty : Errno::busy};
  Directory* gone = as_directory(walk.inode.get());
  if (gone == nullptr) return Fail{Errno::notdir};
  TRY_VOID(check_removal(walk.directory(), *gone));
  if (gone == current().paths->root.get()) return Fail{Errno::busy};
  if (!gone->empty()) return Fail{Errno::notempty};
  walk.directory().remove(walk.name);
  lose_name(*gone);
  notify_entry(*walk.parent, walk.name, *gone, in_delete);
  return 0;
}

bool lies_within(Directory& directory, const Inode& above) {
  for (Directory* at = &directory; at != nullptr;) {
    if (at == &above) return true;
    Directory* parent = as_directory(at->parent.get());
    at = parent == at ? nullptr : parent;
  }
  return false;
}

constexpr std::uint32_t rename_noreplace = 1, rename_exchange = 2;

Status check_rename(Walk& from, Walk& to, std::uint32_t flags) {
  const bool exchange = (flags & rename_exchange) != 0;
  if (from.directory().device != to.directory().device) return Fail{Errno::xdev};
  TRY_VOID(check_removal(from.directory(), *from.inode));
  Directory* moved = as_directory(from.inode.get());
  if (moved == nullptr && !exchange && to.trailing_slash) return Fail{Errno::notdir};
  if (moved != nullptr && lies_within(to.directory(), *moved)) return Fail{Errno::inval};
  if (!to.inode) return check_addition(to.directory());
  TRY_VOID(check_removal(to.directory(), *to.inode));
  Directory* target = as_directory(to.inode.get());
  if (exchange) return target != nullptr && lies_within(from.directory(), *target) ? Status{Fail{Errno::inval}} : Status{};
  if (moved != nullptr && target == nullptr) return Fail{Errno::notdir};
  if (moved == nullptr && target != nullptr) return Fail{Errno::isdir};
  if (target != nullptr && !target->empty()) return Fail{Errno::notempty};
  return {};
}

// Both halves of a move carry the same cookie.
void notify_move(const Walk& from, const Walk& to, Inode& moved) {
  static constinit std::uint32_t last_cookie = 0;
  ++last_cookie;
  notify_entry(*from.parent, from.name, moved, in_moved_from, last_cookie);
  notify_entry(*to.parent, to.name, moved, in_moved_to, last_cookie);
  notify(moved, in_move_self);
}

CallResult rename_at(std::uint64_t old_dirfd, std::uint64_t old_path, std::uint64_t new_dirfd, std::uint64_t new_path,
                     std::uint32_t flags) {
  if ((flags & ~(rename_noreplace | rename_exchange)) != 0 || flags == (rename_noreplace | rename_exchange)) return Fail{Errno::inval};
  const bool exchange = (flags & rename_exchange) != 0;
  Walk from = TRY(walk_at(old_dirfd, old_path, walk_parent));
  Walk to = TRY(walk_at(new_dirfd, new_path, exchange ? walk_parent : walk_create | walk_parent));
  if (!from.parent || !to.parent) return Fail{Errno::busy};
  if ((flags & rename_noreplace) != 0 && to.inode) return Fail{Errno::exist};
  if (from.inode == to.inode) return 0;   // two names of one file: nothing happens, POSIX has it
  TRY_VOID(check_rename(from, to, flags));
  if (exchange) {
    from.directory().replace(from.name, *to.inode);
    to.directory().replace(to.name, *from.inode);
    to.inode->changed = wall_time();
    notify_move(to, from, *to.inode);
  } else {
    if (to.inode) to.directory().replace(to.name, *from.inode);
    else TRY_VOID(to.directory().enter(to.name, *from.inode));
    // point of no return
    from.directory().remove(from.name);
    if (to.inode) lose_name(*to.inode);
  }
  from.inode->changed = wall_time();
  notify_move(from, to, *from.inode);
  return 0;
}

CallResult link_at(std::uint64_t old_dirfd, std::uint64_t old_path, std::uint64_t new_dirfd, std::uint64_t new_path, std::uint32_t flags) {
  if ((flags & ~(at_symlink_follow | at_empty_path)) != 0) return Fail{Errno::inval};
  std::uint32_t walk_flags = (flags & at_symlink_follow) != 0 ? walk_follow : 0;
  if ((flags & at_empty_path) != 0) walk_flags |= walk_empty;
  Walk from = TRY(walk_at(old_dirfd, old_path, walk_flags));
  Walk to = TRY(walk_at(new_dirfd, new_path, walk_create | walk_parent));
  if (to.inode) return Fail{Errno::exist};
  if (from.inode->device != to.parent->device) return Fail{Errno::xdev};
  if (from.inode->is(mode_directory)) return Fail{Errno::perm};
  if (to.trailing_slash) return Fail{Errno::noent};
  TRY_VOID(check_addition(to.directory()));
  TRY_VOID(to.directory().enter(to.name, *from.inode));
  ++from.inode->links;
  from.inode->changed = wall_time();
  notify(*from.inode, in_attrib);
  return created(to, from.inode);
}

CallResult symlink_at(std::uint64_t target_address, std::uint64_t dirfd, std::uint64_t path) {
  UserString target;
  TRY_VOID(target.read(target_address, path_max - 1));
  if (target.view().empty()) return Fail{Errno::noent};
  Walk walk = TRY(walk_new(dirfd, path));
  if (walk.trailing_slash) return Fail{Errno::noent};
  return created(walk, TRY(walk.directory().create(walk.name, mode_link | 0777, 0, target.view())));
}

CallResult readlink_at(std::uint64_t dirfd, std::uint64_t path, std::uint64_t to, std::uint64_t size) {
  if (static_cast<std::int32_t>(size) <= 0) return Fail{Errno::inval};
  Walk walk = TRY(walk_at(dirfd, path, walk_empty));
  const bool names_nothing = !walk.parent && walk.name.empty() && !walk.dots && !walk.inode->is(mode_link);
  if (names_nothing) return Fail{Errno::noent};   // an empty path and a descriptor that is no link
  const String target = TRY(walk.inode->link_target());
  const std::size_t n = target.size() < size ? target.size() : static_cast<std::size_t>(size);
  TRY_VOID(copy_out(to, target.view().data(), n));
  return n;
}

CallResult make_node(std::uint64_t dirfd, std::uint64_t path, std::uint64_t mode_argument, std::uint64_t device_number) {
  std::uint32_t mode = low(mode_argument);
  if ((mode & mode_type) == 0) mode |= mode_regular;
  const std::uint32_t type = mode & mode_type;
  if (type == mode_directory) return Fail{Errno::perm};
  if (type != mode_regular && type != mode_fifo && type != mode_socket && type != mode_char && type != mode_block) return Fail{Errno::inval};
  if ((type == mode_char || type == mode_block) && current_credentials().uid != 0) return Fail{Errno::perm};
  Walk walk = TRY(walk_new(dirfd, path));
  if (walk.trailing_slash) return Fail{Errno::noent};
  mode = type | (mode & 07777 & ~current().paths->umask);
  const bool device = type == mode_char || type == mode_block;
  return created(walk, TRY(walk.directory().create(walk.name, mode, device ? low(device_number) : 0, {})));
}

CallResult change_directory(const InodeRef& inode) {
  Directory* directory = as_directory(inode.get());
  if (directory == nullptr) return Fail{Errno::notdir};
  TRY_VOID(check_access(*directory, may_execute, current_credentials()));
  PathContext& context = *current().paths;
  Result<String> path = path_of(*directory, *context.root);
  context.cwd = inode;
  context.cwd_path = path.has_value() ? std::move(*path) : String{};
  return 0;
}

}  // namespace

CallResult linux_mkdir(const Arguments& arguments) { return make_directory(at_fdcwd, arguments.a, arguments.b); }
CallResult linux_mkdirat(const Arguments& arguments) { return make_directory(arguments.a, arguments.b, arguments.c); }
CallResult linux_rmdir(const Arguments& arguments) { return remove_directory(at_fdcwd, arguments.a); }
CallResult linux_unlink(const Arguments& arguments) { return remove_file(at_fdcwd, arguments.a); }
CallResult linux_unlinkat(const Arguments& arguments) {
  if ((low(arguments.c) & ~at_removedir) != 0) return Fail{Errno::inval};
  if ((low(arguments.c) & at_removedir) != 0) return remove_directory(arguments.a, arguments.b);
  return remove_file(arguments.a, arguments.b);
}
CallResult linux_rename(const Arguments& arguments) { return rename_at(at_fdcwd, arguments.a, at_fdcwd, arguments.b, 0); }
CallResult linux_renameat(const Arguments& arguments) {
  return rename_at(arguments.a, arguments.b, arguments.c, arguments.d, 0);
}
CallResult linux_renameat2(const Arguments& arguments) {
  return rename_at(arguments.a, arguments.b, arguments.c, arguments.d, low(arguments.e));
}
CallResult linux_link(const Arguments& arguments) { return link_at(at_fdcwd, arguments.a, at_fdcwd, arguments.b, 0); }
CallResult linux_linkat(const Arguments& arguments) {
  return link_at(arguments.a, arguments.b, arguments.c, arguments.d, low(arguments.e));
}
CallResult linux_symlink(const Arguments& arguments) { return symlink_at(arguments.a, at_fdcwd, arguments.b); }
CallResult linux_symlinkat(const Arguments& arguments) { return symlink_at(arguments.a, arguments.b, arguments.c); }
CallResult linux_readlink(const Arguments& arguments) {
  return readlink_at(at_fdcwd, arguments.a, arguments.b, arguments.c);
}
CallResult linux_readlinkat(const Arguments& arguments) {
  return readlink_at(arguments.a, arguments.b, arguments.c, arguments.d);
}
CallResult linux_mknod(const Arguments& arguments) { return make_node(at_fdcwd, arguments.a, arguments.b, arguments.c); }
CallResult linux_mknodat(const Arguments& arguments) {
  return make_node(arguments.a, arguments.b, arguments.c, arguments.d);
}

namespace {

CallResult entries(const Arguments& arguments, EntryForm form) {
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  return transfer_awaited(*file, arguments.b, low(arguments.c), 0, [&](Buffer& buffer, std::uint64_t) { return file->directory_entries(buffer, form); });
}

}  // namespace

CallResult linux_getdents(const Arguments& arguments) { return entries(arguments, EntryForm::old); }
CallResult linux_getdents64(const Arguments& arguments) { return entries(arguments, EntryForm::with_type_in_front); }

CallResult linux_getcwd(const Arguments& arguments) {
  PathContext& context = *current().paths;
  const String path = TRY(path_of(static_cast<Directory&>(*context.cwd), *context.root));
  if (path.size() + 1 > arguments.b) return Fail{Errno::range};
  TRY_VOID(copy_out(arguments.a, path.c_str(), path.size() + 1));
  return path.size() + 1;
}

CallResult linux_chdir(const Arguments& arguments) {
  Walk walk = TRY(walk_at(at_fdcwd, arguments.a, walk_follow));
  return change_directory(walk.inode);
}
CallResult linux_fchdir(const Arguments& arguments) { return change_directory(TRY(file_of(arguments.a))->inode); }
CallResult linux_chroot(const Arguments& arguments) {
  Walk walk = TRY(walk_at(at_fdcwd, arguments.a, walk_follow));
  Directory* directory = as_directory(walk.inode.get());
  if (directory == nullptr) return Fail{Errno::notdir};
  TRY_VOID(check_access(*directory, may_execute, current_credentials()));
  if (current_credentials().uid != 0) return Fail{Errno::perm};
  current().paths->root = walk.inode;
  return 0;
}
CallResult linux_umask(const Arguments& arguments) {
  return std::exchange(current().paths->umask, low(arguments.a) & 0777);
}

}  // namespace exos
