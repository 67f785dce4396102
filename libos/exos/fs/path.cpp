// SPDX-License-Identifier: MIT
// The path walk. Nothing is cached: directories are hash tables in memory, a component costs one look-up.
#include "libos/exos/fs/path.hpp"

#include "libos/exos/fs/inotify.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

constexpr std::uint32_t max_links = 40;   // as Linux: more is ELOOP

// The part of a path that is not walked yet. A symbolic link's target is put before it.
class Remaining {
 public:
  explicit Remaining(std::string_view path) : rest_{path} {}
  // The next component; empty at the end.
  std::string_view next() {
    while (rest_.starts_with('/')) rest_.remove_prefix(1);
    const std::string_view name = rest_.substr(0, rest_.find('/'));
    rest_.remove_prefix(name.size());
    return name;
  }
  [[nodiscard]] bool only_slashes() const { return rest_.empty() || rest_.find_first_not_of('/') == std::string_view::npos; }
  [[nodiscard]] bool slash() const { return rest_.starts_with('/'); }
  // What names out of a link's target lie in; empty where there was none.
  String take_text() { return std::move(text_); }
  Status splice(String target) {
    TRY_VOID(target.append(rest_));
    if (target.size() >= path_max) return Fail{Errno::nametoolong};
    text_ = std::move(target);
    rest_ = text_.view();
    return {};
  }

 private:
  String text_;
  std::string_view rest_;
};

Result<InodeRef> parent_of(PathContext& context, Directory& directory) {
  if (&directory == context.root.get() || !directory.parent) return InodeRef{&directory};
  return directory.parent;
}

// Where the target of a link leads: an inode at once, or more path.
Result<InodeRef> follow(PathContext& context, const InodeRef& at, Inode& link, Remaining& remaining, std::uint32_t flags) {
  if ((flags & walk_no_links) != 0) return Fail{Errno::loop};
  Result<InodeRef> direct = link.link_inode();
  if (direct.has_value() && (flags & walk_no_magic) != 0) return Fail{Errno::loop};
  if (direct.has_value() && (flags & (walk_beneath | walk_in_root)) != 0) return Fail{Errno::xdev};
  if (direct.has_value() || direct.error() != Errno::nodata) return direct;
  String target = TRY(link.link_target());
  if (target.empty()) return Fail{Errno::noent};
  const bool absolute = target.view().starts_with('/');
  if (absolute && (flags & walk_beneath) != 0) return Fail{Errno::xdev};
  TRY_VOID(remaining.splice(std::move(target)));
  return absolute ? context.root : at;
}

}  // namespace

bool in_group(std::uint32_t gid, const Credentials& who) {
  if (gid == who.gid) return true;
  if (current_or_null() == nullptr) return false;
  for (const std::uint32_t group : current_process().groups)
    if (group == gid) return true;
  return false;
}

Status check_access(const Inode& inode, std::uint32_t wanted, const Credentials& who) {
  if (who.uid == 0) {
    const bool executable = inode.is(mode_directory) || (inode.mode & 0111) != 0;
    if ((wanted & may_execute) != 0 && !executable) return Fail{Errno::acces};
    return {};
  }
  const std::uint32_t shift = inode.uid == who.uid ? 6 : in_group(inode.gid, who) ? 3 : 0;
  if ((inode.mode >> shift & wanted) != wanted) return Fail{Errno::acces};
  return {};
}

Credentials current_credentials() {
  if (current_or_null() == nullptr) return {0, 0};   // the root env: start and end of the container
  const Process& process = current_process();
  return {process.euid, process.egid};
}

Result<Walk> walk_from(PathContext& context, const InodeRef& start, std::string_view path, std::uint32_t flags,
                       const Credentials& who) {
  Walk walk;
  if (path.size() >= path_max) return Fail{Errno::nametoolong};
  if (path.empty()) {
    if ((flags & walk_empty) == 0) return Fail{Errno::noent};
    walk.inode = start;
    return walk;
  }
  if (path.starts_with('/') && (flags & walk_beneath) != 0) return Fail{Errno::xdev};
  InodeRef at = path.starts_with('/') ? context.root : start;
  Remaining remaining{path};
  std::uint32_t links = 0;
  for (;;) {
    const std::string_view name = remaining.next();
    const bool last = remaining.only_slashes();
    Directory* directory = as_directory(at.get());
    if (directory == nullptr) return Fail{Errno::notdir};
    if (name.empty()) {                    // "/", or a link whose target was that
      walk.inode = at;
      walk.dots = true;
      return walk;
    }
    TRY_VOID(check_access(*directory, may_execute, who));
    if (name.size() > name_max) return Fail{Errno::nametoolong};
    const bool dots = name[0] == '.' && (name.size() == 1 || (name.size() == 2 && name[1] == '.'));
    if (dots) {
      if (name.size() == 2 && (flags & walk_beneath) != 0 && directory == context.root.get()) return Fail{Errno::xdev};
      if (name.size() == 2) at = TRY(parent_of(context, *directory));
      if (!last) continue;
      walk.inode = at;
      walk.dots = true;
      walk.name = name;
      walk.text = remaining.take_text();
      return walk;
    }
    Result<InodeRef> child = directory->lookup(name);
    if (!child.has_value()) {
      if (child.error() != Errno::noent || !last || (flags & walk_create) == 0) return Fail{child.error()};
      walk.parent = at;
      walk.name = name;
      walk.trailing_slash = remaining.slash();
      walk.text = remaining.take_text();
      return walk;
    }
    if ((flags & walk_no_crossing) != 0 && (*child)->device != at->device) return Fail{Errno::xdev};
    const bool follows = !last || (flags & walk_follow) != 0 || (remaining.slash() && (flags & walk_parent) == 0);
    if ((*child)->is(mode_link) && follows) {
      if (++links > max_links) return Fail{Errno::loop};
      // Magic links leave `remaining` as it is and stand for their target here; others continue from `at`.
      const bool magic = (*child)->link_inode().has_value();
      at = TRY(follow(context, at, **child, remaining, flags));
      if (!magic || !last) continue;
      walk.inode = at;
      return walk;
    }
    if (last) {
      walk.trailing_slash = remaining.slash();
      if (walk.trailing_slash && !(*child)->is(mode_directory)) return Fail{Errno::notdir};
      walk.parent = std::move(at);
      walk.name = name;
      walk.text = remaining.take_text();
      walk.inode = std::move(*child);
      return walk;
    }
    at = std::move(*child);
  }
}

Result<Walk> walk_as(std::uint64_t dirfd, std::string_view path, std::uint32_t flags, const Credentials& who) {
  PathContext& context = *current().paths;
  const auto fd = static_cast<std::int32_t>(dirfd);
  if (path.starts_with('/') || fd == static_cast<std::int32_t>(at_fdcwd)) return walk_from(context, context.cwd, path, flags, who);
  FileRef start = TRY(current().files->get(static_cast<std::uint32_t>(fd)));
  if (!path.empty() && !start->inode->is(mode_directory)) return Fail{Errno::notdir};
  return walk_from(context, start->inode, path, flags, who);
}

Result<Walk> walk_at(std::uint64_t dirfd, std::string_view path, std::uint32_t flags) {
  return walk_as(dirfd, path, flags, current_credentials());
}

Result<Walk> walk_at(std::uint64_t dirfd, std::uint64_t path_address, std::uint32_t flags) {
  return walk_as(dirfd, path_address, flags, current_credentials());
}

Result<Walk> walk_as(std::uint64_t dirfd, std::uint64_t path_address, std::uint32_t flags, const Credentials& who) {
  UserString path;
  TRY_VOID(path.read(path_address, path_max - 1));
  Walk walk = TRY(walk_as(dirfd, path.view(), flags, who));
  if (walk.text.empty() && !walk.name.empty()) {   // the name lies in `path`
    walk.text = TRY(String::from(walk.name));
    walk.name = walk.text.view();
  }
  return walk;
}

namespace {

// Calls f(name) for the directory and those above it. ENOENT when one of them has been removed.
template <typename F>
Status each_name_upwards(Directory& directory, const Inode& root, F f) {
  for (Directory* at = &directory; at != &root;) {
    if (at->removed) return Fail{Errno::noent};
    Directory* above = as_directory(at->parent.get());
    if (above == nullptr || above == at) break;   // the real root, outside a changed one
    f(at->name.view());
    at = above;
  }
  return {};
}

// The path of `name` in the directory; of the directory itself without a name.
Result<String> path_in(Directory& directory, const Inode& root, std::string_view name) {
  std::size_t size = name.empty() ? 0 : 1 + name.size();
  TRY_VOID(each_name_upwards(directory, root, [&](std::string_view above) { size += 1 + above.size(); }));
  if (size == 0) return String::from("/");
  String path;
  char* at = TRY(path.extend(size)) + size;
  const auto put_in_front = [&](std::string_view part) {
    at -= part.size();
    std::memcpy(at, part.data(), part.size());
    *--at = '/';
  };
  if (!name.empty()) put_in_front(name);
  TRY_VOID(each_name_upwards(directory, root, put_in_front));
  return path;
}

}  // namespace

Result<String> path_of(Directory& directory, Inode& root) { return path_in(directory, root, {}); }

Result<String> path_of(const Walk& walk, PathContext& context) {
  if (walk.parent) return path_in(walk.directory(), *context.root, walk.name);
  Directory* directory = as_directory(walk.inode.get());
  return directory != nullptr ? path_of(*directory, *context.root) : Result<String>{String{}};
}

namespace {

std::uint32_t access_of(std::uint32_t flags) {
  std::uint32_t wanted = (flags & o_accmode) == o_wronly ? 0 : may_read;
  if ((flags & o_accmode) != o_rdonly || (flags & o_trunc) != 0) wanted |= may_write;
  return wanted;
}

Result<FileRef> open_inode(const InodeRef& inode, std::uint32_t flags, bool created) {
  if (inode->is(mode_link)) return Fail{Errno::loop};
  if (inode->is(mode_socket)) return Fail{Errno::nxio};
  const bool writes = (access_of(flags) & may_write) != 0;
  if (inode->is(mode_directory) && (writes || (flags & o_creat) != 0)) return Fail{Errno::isdir};
  if ((flags & o_directory) != 0 && !inode->is(mode_directory)) return Fail{Errno::notdir};
  if (!created) TRY_VOID(check_access(*inode, access_of(flags), current_credentials()));
  if (writes && inode->exec_opens > 0) return Fail{Errno::txtbsy};
  FileRef file = TRY(inode->open(flags));
  if ((flags & o_trunc) != 0 && !created && inode->is(mode_regular)) TRY_VOID(inode->truncate(0));
  return file;
}

Result<FileRef> open_nameless(const Walk& walk, std::uint32_t flags, std::uint32_t mode) {
  Directory* directory = as_directory(walk.inode.get());
  if (directory == nullptr) return Fail{Errno::notdir};
  if ((flags & o_accmode) == o_rdonly) return Fail{Errno::inval};
  TRY_VOID(check_access(*directory, may_write | may_execute, current_credentials()));
  InodeRef inode = TRY(directory->create_nameless(mode_regular | (mode & 07777 & ~current().paths->umask)));
  return inode->open(flags & ~(o_directory | o_creat));
}

}  // namespace

namespace {

// Where a walk of openat2 starts, and what it takes for the root.
Result<Walk> walk_resolved(std::uint64_t dirfd, std::string_view path, std::uint32_t flags, const Credentials& who) {
  if ((flags & (walk_no_crossing | walk_no_magic | walk_no_links | walk_beneath | walk_in_root)) == 0) return walk_as(dirfd, path, flags, who);
  PathContext& own = *current().paths;
  PathContext context;
  const bool here = static_cast<std::int32_t>(dirfd) == static_cast<std::int32_t>(at_fdcwd);
  const InodeRef start = here ? own.cwd : TRY(current().files->get(static_cast<std::uint32_t>(dirfd)))->inode;
  if (!start->is(mode_directory)) return Fail{Errno::notdir};
  context.root = (flags & (walk_beneath | walk_in_root)) != 0 ? start : own.root;
  return walk_from(context, start, path, flags, who);
}

}  // namespace

Result<FileRef> open_file(std::uint64_t dirfd, std::string_view path, std::uint32_t flags, std::uint32_t mode, std::uint32_t resolve) {
  const Credentials who = current_credentials();
  PathContext& context = *current().paths;
  if ((flags & o_path) != 0) {
    flags &= o_path | o_directory | o_nofollow | o_cloexec;
    Walk walk = TRY(walk_resolved(dirfd, path, resolve | ((flags & o_nofollow) != 0 ? 0 : walk_follow), who));
    if ((flags & o_directory) != 0 && !walk.inode->is(mode_directory)) return Fail{Errno::notdir};
    FileRef file = TRY(open_path_only(walk.inode, flags));
    file->path = TRY(path_of(walk, context));
    return file;
  }
  const bool nameless = (flags & o_tmpfile) == o_tmpfile;
  const bool creates = (flags & o_creat) != 0 && !nameless;
  if (creates && (flags & o_directory) != 0) return Fail{Errno::inval};
  if ((flags & o_accmode) == o_accmode) return Fail{Errno::inval};
  const bool exclusive = creates && (flags & o_excl) != 0;
  const bool follows = (flags & o_nofollow) == 0 && !exclusive;
  Result<Walk> walked = walk_resolved(dirfd, path, resolve | (follows ? walk_follow : 0) | (creates ? walk_create : 0), who);
  if (!walked) return Fail{walked.error()};
  Walk& walk = *walked;
  if (nameless) return open_nameless(walk, flags, mode);
  if (exclusive && walk.inode) return Fail{Errno::exist};
  const bool fresh = !walk.inode;
  if (fresh) {
    if (walk.trailing_slash) return Fail{Errno::isdir};
    if (walk.directory().fixed()) return Fail{Errno::acces};
    TRY_VOID(check_access(walk.directory(), may_write | may_execute, who));
    walk.inode = TRY(walk.directory().create(walk.name, mode_regular | (mode & 07777 & ~context.umask), 0, {}));
  }
  if (fresh) notify_entry(*walk.parent, walk.name, *walk.inode, in_create);
  FileRef file = TRY(open_inode(walk.inode, flags, fresh));
  file->path = TRY(path_of(walk, context));
  file->directory = std::move(walk.parent);
  if ((flags & o_trunc) != 0 && !fresh && walk.inode->is(mode_regular)) notify_file(*file, in_modify);
  notify_file(*file, in_open);
  return file;
}

}  // namespace exos
