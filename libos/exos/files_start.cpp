// SPDX-License-Identifier: MIT
// Start and end of the container's files: the tree from the archive, /dev, /proc and /sys over it, the first descriptors;
// at the end the writable volumes go back to the host.
#include "libos/exos/archive.hpp"
#include "libos/exos/fs/console.hpp"
#include "libos/exos/fs/device.hpp"
#include "libos/exos/fs/proc.hpp"
#include "libos/exos/fs/terminal_file.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/patch.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/volume.hpp"

namespace exos {

constinit FileSystem root_fs{make_device(0, 24), 0x01021994, "tmpfs"}, device_fs{make_device(0, 5), 0x01021994, "devtmpfs"},
    shared_memory_fs{make_device(0, 25), 0x01021994, "tmpfs"}, process_fs{make_device(0, 22), 0x9fa0, "proc"},
    system_fs{make_device(0, 23), 0x62656572, "sysfs"}, anonymous_fs{make_device(0, 14), 0x50495045, "pipefs"};

namespace {

constinit InodeRef root;

// A directory of the root tree, made if it is missing.
Result<InodeRef> ensure_directory(Directory& parent, std::string_view name, std::uint32_t mode) {
  Result<InodeRef> there = parent.lookup(name);
  if (there.has_value() && (*there)->is(mode_directory)) return there;
  if (there.has_value()) parent.remove(name);
  return parent.create(name, mode_directory | mode, 0, {});
}

// Another file system's root in place of what the name is now.
Status mount(Directory& parent, std::string_view name, const InodeRef& other) {
  if (parent.lookup(name).has_value()) parent.remove(name);
  return parent.enter(name, *other);
}

Result<InodeRef> make_device_root() {
  InodeRef device = TRY(make_memory_inode(device_fs, mode_directory | 0755, 0));
  auto& directory = static_cast<Directory&>(*device);
  struct Node { std::string_view name; std::uint32_t mode, number; };
  constexpr Node nodes[] = {
      {"null", 0666, make_device(1, device_null)},       {"zero", 0666, make_device(1, device_zero)},
      {"full", 0666, make_device(1, device_full)},       {"random", 0666, make_device(1, device_random)},
      {"urandom", 0666, make_device(1, device_urandom)}, {"tty", 0666, make_device(5, 0)}, {"userfaultfd", 0600, make_device(10, device_userfault)},
      {"console", 0600, make_device(5, 1)},              {"ptmx", 0666, make_device(5, 2)}};
  for (const Node& node : nodes) TRY_VOID(directory.create(node.name, mode_char | node.mode, node.number, {}));
  struct Link { std::string_view name, target; };
  constexpr Link links[] = {{"fd", "/proc/self/fd"}, {"stdin", "/proc/self/fd/0"}, {"stdout", "/proc/self/fd/1"},
                            {"stderr", "/proc/self/fd/2"}};
  for (const Link& link : links) TRY_VOID(directory.create(link.name, mode_link | 0777, 0, link.target));
  InodeRef terminals = TRY(make_terminal_directory());
  TRY_VOID(directory.enter("pts", *terminals));
  if (InodeRef node = console_node(); node) node->uid = run_description().uid;
  InodeRef shared = TRY(make_memory_inode(shared_memory_fs, mode_directory | 01777, 0));
  TRY_VOID(directory.enter("shm", *shared));
  return device;
}

}  // namespace

Timespec wall_time() {
  const std::uint64_t ns = wall_now_ns();
  return {static_cast<std::int64_t>(ns / 1'000'000'000), static_cast<std::int64_t>(ns % 1'000'000'000)};
}

Status files_start(std::string_view run) {
  TRY_VOID(parse_run_description(run, run_description()));
  console_start();
  archive::start();
  root = TRY(make_memory_inode(root_fs, mode_directory | 0755, 0));
  auto& top = static_cast<Directory&>(*root);
  top.links = 3;
  TRY_VOID(archive::populate(top));
  TRY_VOID(patches_start(root));
  const InodeRef devices = TRY(make_device_root()), processes_root = TRY(make_proc_root()), system = TRY(make_sys_root());
  TRY_VOID(mount(top, "dev", devices));
  TRY_VOID(mount(top, "proc", processes_root));
  TRY_VOID(mount(top, "sys", system));
  TRY_VOID(ensure_directory(top, "tmp", 01777));
  return {};
}

Result<Ref<Descriptors>> first_descriptors() {
  auto* table = make<Descriptors>();
  if (table == nullptr) return Fail{Errno::nomem};
  Ref<Descriptors> fresh{table};
  for (std::uint32_t fd = 0; fd < 3; ++fd) {
    FileRef file = TRY(open_console(fd));
    TRY_VOID(table->slots.push_back({std::move(file), false}));
  }
  return fresh;
}

Result<Ref<PathContext>> first_path_context(std::string_view cwd) {
  auto* context = make<PathContext>();
  if (context == nullptr) return Fail{Errno::nomem};
  Ref<PathContext> fresh{context};
  context->root = context->cwd = root;
  context->umask = run_description().umask;
  if (!cwd.empty()) {
    Walk walk = TRY(walk_from(*context, root, cwd, walk_follow, {0, 0}));
    if (!walk.inode->is(mode_directory)) return Fail{Errno::notdir};
    context->cwd = walk.inode;
  }
  context->cwd_path = TRY(path_of(static_cast<Directory&>(*context->cwd), *root));
  return fresh;
}

Result<Executable> open_executable(PathContext& context, std::string_view path) {
  const Credentials who = current_credentials();
  Walk walk = TRY(walk_from(context, context.cwd, path, walk_follow, who));
  return executable_of(walk, context, who);
}

Result<Executable> open_executable(std::uint64_t dirfd, std::string_view path) {
  Walk walk = TRY(walk_at(dirfd, path, walk_follow | walk_empty));
  return executable_of(walk, *current().paths, current_credentials());
}

Result<Executable> executable_of(Walk& walk, PathContext& context, const Credentials& who) {
  if (!walk.inode->is(mode_regular)) return Fail{Errno::acces};
  TRY_VOID(check_access(*walk.inode, may_execute, who));
  if (walk.inode->write_opens > 0) return Fail{Errno::txtbsy};
  Executable found{walk.inode, {}};
  found.path = TRY(path_of(walk, context));
  return found;
}

Result<InodeRef> make_shared_memory(std::uint64_t size) {
  InodeRef inode = TRY(make_memory_inode(shared_memory_fs, mode_regular | 0777, 0));
  inode->links = 0;
  TRY_VOID(inode->truncate(size));
  return inode;
}

void files_finish() {
  for (const RunDescription::Volume& volume : run_description().volumes)
    if (volume.writable) send_volume(volume, root);
}

}  // namespace exos
