// SPDX-License-Identifier: MIT
// Opening, closing, duplicating and controlling descriptors; locks; sizes.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/inotify.hpp"
#include "libos/exos/fs/locks.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/fs/pipe.hpp"
#include "libos/exos/memory_internal.hpp"
#include "libos/exos/missing_requests.hpp"

namespace exos {
namespace {

CallResult open_at(std::uint64_t dirfd, std::uint64_t path_address, std::uint64_t flags, std::uint64_t mode) {
  UserString path;
  TRY_VOID(path.read(path_address, path_max - 1));
  FileRef file = TRY(open_file(dirfd, path.view(), low(flags), low(mode)));
  return install(std::move(file), low(flags));
}

// RLIMIT_FSIZE for a new length.
Status check_size_limit(std::uint64_t size) {
  constexpr std::uint32_t rlimit_fsize = 1, sig_xfsz = 25;
  if (size <= current_process().limits[rlimit_fsize][0]) return {};
  send_signal(current(), SignalInfo{.signo = sig_xfsz, .code = 0x80});
  return Fail{Errno::fbig};
}

CallResult duplicate(std::uint64_t old_fd, std::uint64_t new_fd, bool close_on_exec) {
  FileRef file = TRY(file_of(old_fd));
  TRY_VOID(current().files->put(low(new_fd), std::move(file), close_on_exec));
  return low(new_fd);
}

// --- record locks -----------------------------------------------------------------------------------------------

constexpr std::uint32_t f_dupfd = 0, f_getfd = 1, f_setfd = 2, f_getfl = 3, f_setfl = 4, f_getlk = 5, f_setlk = 6,
    f_setlkw = 7, f_setown = 8, f_getown = 9, f_setsig = 10, f_getsig = 11, f_ofd_getlk = 36, f_ofd_setlk = 37,
    f_ofd_setlkw = 38, f_setown_ex = 15, f_getown_ex = 16, f_setlease = 1024, f_getlease = 1025, f_dupfd_cloexec = 1030, f_setpipe_sz = 1031, f_getpipe_sz = 1032, f_add_seals = 1033, f_get_seals = 1034;

Result<LockRange> range_of(const File& file, const FileLockArgument& argument) {
  std::int64_t start = argument.start;
  if (argument.whence == static_cast<std::int16_t>(seek_cur)) start += static_cast<std::int64_t>(file.position);
  else if (argument.whence == static_cast<std::int16_t>(seek_end)) start += static_cast<std::int64_t>(file.inode->size);
  else if (argument.whence != static_cast<std::int16_t>(seek_set)) return Fail{Errno::inval};
  std::int64_t end = start + argument.length;
  if (argument.length < 0) std::swap(start, end);
  if (start < 0 || end < 0) return Fail{Errno::inval};
  if (argument.length == 0) return LockRange{static_cast<std::uint64_t>(start), ~std::uint64_t{0}};
  return LockRange{static_cast<std::uint64_t>(start), static_cast<std::uint64_t>(end)};
}

CallResult lock_call(File& file, std::uint32_t command, std::uint64_t address) {
  auto argument = TRY(read_user<FileLockArgument>(address));
  const bool of_description = command >= f_ofd_getlk;
  if (of_description && argument.pid != 0) return Fail{Errno::inval};
  const LockRange range = TRY(range_of(file, argument));
  const LockOwner owner = of_description ? static_cast<LockOwner>(&file) : current().files.get();
  if (command == f_getlk || command == f_ofd_getlk) {
    if (argument.type != lock_read && argument.type != lock_write) return Fail{Errno::inval};
    const LockConflict other = find_lock(*file.inode, owner, argument.type, range);
    argument.type = other.type;
    if (other.type != lock_none) {
      argument.whence = 0;
      argument.start = static_cast<std::int64_t>(other.range.start);
      argument.length = other.range.end == ~std::uint64_t{0} ? 0 : static_cast<std::int64_t>(other.range.end - other.range.start);
      argument.pid = static_cast<std::int32_t>(other.pid);
    }
    TRY_VOID(write_user(address, argument));
    return 0;
  }
  if (argument.type < lock_read || argument.type > lock_none) return Fail{Errno::inval};
  if ((argument.type == lock_read && !readable(file)) || (argument.type == lock_write && !writable(file))) return Fail{Errno::badf};
  const bool wait = command == f_setlkw || command == f_ofd_setlkw;
  const std::uint32_t pid = of_description ? ~0u : current_process().pid;
  return done(set_lock(*file.inode, owner, pid, argument.type, range, wait));
}

CallResult pipe_size(File& file, std::uint32_t command, std::uint64_t argument) {
  Pipe* pipe = pipe_of(file);
  if (pipe == nullptr) return Fail{Errno::badf};
  if (command == f_setpipe_sz) TRY_VOID(pipe->resize(low(argument)));
  return pipe->capacity();
}

bool has_writable_mapping(const Inode& inode) {
  for (const Vma* area = inode.mappings; area != nullptr; area = area->next_mapping)
    if ((area->flags & map_shared) != 0 && (area->flags & vma_never_write) == 0) return true;
  return false;
}

// A lease would be broken by whoever opens the file: only the one that nobody else could break is answered, as "no lease".
CallResult set_lease(const File& file, std::uint64_t type) {
  if (!file.inode->is(mode_regular)) return Fail{Errno::inval};
  switch (static_cast<std::int32_t>(type)) {
    case lock_read:
      if (file.inode->write_opens > 0) return Fail{Errno::again};
      [[fallthrough]];
    case lock_write:
      tell_missing("fcntl with F_SETLEASE", type, Errno::opnotsupp);
      return Fail{Errno::opnotsupp};
    case lock_none: return Fail{Errno::again};   // there is none to give back
    default: return Fail{Errno::inval};
  }
}

struct OwnerArgument { std::int32_t type, pid; };

CallResult set_owner(File& file, std::uint64_t address) {
  constexpr std::int32_t group = 2;
  const auto owner = TRY(read_user<OwnerArgument>(address));
  if (owner.type < 0 || owner.type > group) return Fail{Errno::inval};
  file.owner_pid = static_cast<std::uint32_t>(owner.type == group ? -owner.pid : owner.pid);
  return 0;
}
CallResult get_owner(const File& file, std::uint64_t address) {
  const auto pid = static_cast<std::int32_t>(file.owner_pid);
  return done(write_user(address, pid < 0 ? OwnerArgument{2, -pid} : OwnerArgument{1, pid}));
}

CallResult seals(File& file, std::uint32_t command, std::uint64_t argument) {
  constexpr std::uint32_t all_seals = 0x1f, seal_seal = 1, seal_write = 8;
  std::uint32_t* word = file.inode->seals();
  if (word == nullptr) return Fail{Errno::inval};
  if (command == f_get_seals) return *word;
  if ((low(argument) & ~all_seals) != 0) return Fail{Errno::inval};
  if (!writable(file) || (*word & seal_seal) != 0) return Fail{Errno::perm};
  if ((low(argument) & seal_write) != 0 && (*word & seal_write) == 0 && has_writable_mapping(*file.inode)) return Fail{Errno::busy};
  *word |= low(argument);
  return 0;
}

}  // namespace

CallResult linux_open(const Arguments& arguments) { return open_at(at_fdcwd, arguments.a, arguments.b, arguments.c); }
CallResult linux_creat(const Arguments& arguments) {
  return open_at(at_fdcwd, arguments.a, o_creat | o_wronly | o_trunc, arguments.b);
}
CallResult linux_openat(const Arguments& arguments) { return open_at(arguments.a, arguments.b, arguments.c, arguments.d); }

CallResult linux_openat2(const Arguments& arguments) {
  struct How { std::uint64_t flags, mode, resolve; };
  constexpr std::uint64_t largest = 4096, known_resolve = 0x3f, cached = 0x20;
  constexpr std::uint32_t known_flags = o_accmode | o_creat | o_excl | o_noctty | o_trunc | o_settable | o_sync | o_largefile | o_directory |
                                        o_nofollow | o_cloexec | o_path | o_tmpfile;
  if (arguments.d < sizeof(How)) return Fail{Errno::inval};
  if (arguments.d > largest) return Fail{Errno::too_big};
  for (std::uint64_t at = sizeof(How); at < arguments.d; ++at)
    if (TRY(read_user<char>(arguments.c + at)) != 0) return Fail{Errno::too_big};
  const auto how = TRY(read_user<How>(arguments.c));
  const bool makes = (how.flags & (o_creat | (o_tmpfile & ~o_directory))) != 0;
  if ((how.flags & ~std::uint64_t{known_flags}) != 0 || (how.resolve & ~known_resolve) != 0) return Fail{Errno::inval};
  if ((makes ? how.mode & ~std::uint64_t{07777} : how.mode) != 0) return Fail{Errno::inval};
  constexpr std::uint32_t scopes = walk_beneath | walk_in_root;
  const std::uint32_t resolve = static_cast<std::uint32_t>(how.resolve & ~cached) << 4;
  if ((resolve & scopes) == scopes) return Fail{Errno::inval};
  UserString path;
  TRY_VOID(path.read(arguments.b, path_max - 1));
  FileRef file = TRY(open_file(arguments.a, path.view(), low(how.flags), low(how.mode), resolve));
  return install(std::move(file), low(how.flags));
}

CallResult linux_close(const Arguments& arguments) { return done(current().files->close(low(arguments.a))); }

CallResult linux_close_range(const Arguments& arguments) {
  constexpr std::uint32_t unshare = 2, close_on_exec = 4;
  const std::uint64_t first = low(arguments.a), last = low(arguments.b);
  if (first > last || (low(arguments.c) & ~(unshare | close_on_exec)) != 0) return Fail{Errno::inval};
  Task& task = current();
  if ((low(arguments.c) & unshare) != 0 && task.files->refs > 1) task.files = TRY(task.files->copy());
  Descriptors& table = *task.files;
  for (std::uint64_t fd = first; fd <= last && fd < table.slots.size(); ++fd) {
    if (!table.slots[fd].file) continue;
    if ((low(arguments.c) & close_on_exec) != 0) table.slots[fd].close_on_exec = true;
    else static_cast<void>(table.close(fd));
  }
  return 0;
}

CallResult linux_dup(const Arguments& arguments) { return current().files->add(TRY(file_of(arguments.a)), false); }
CallResult linux_dup2(const Arguments& arguments) {
  if (low(arguments.a) == low(arguments.b)) {
    static_cast<void>(TRY(file_of(arguments.a)));
    return low(arguments.b);
  }
  return duplicate(arguments.a, arguments.b, false);
}
CallResult linux_dup3(const Arguments& arguments) {
  if (low(arguments.a) == low(arguments.b) || (low(arguments.c) & ~o_cloexec) != 0) return Fail{Errno::inval};
  return duplicate(arguments.a, arguments.b, (low(arguments.c) & o_cloexec) != 0);
}

CallResult linux_fcntl(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  Descriptors& table = *current().files;
  const std::uint32_t command = low(arguments.b);
  const bool path_only = file->kind == FileKind::path_only;
  switch (command) {
    case f_dupfd:
    case f_dupfd_cloexec: {
      constexpr std::uint32_t rlimit_nofile = 7;
      if (low(arguments.c) >= current_process().limits[rlimit_nofile][0]) return Fail{Errno::inval};
      return table.add(std::move(file), command == f_dupfd_cloexec, low(arguments.c));
    }
    case f_getfd: return table.slots[low(arguments.a)].close_on_exec ? 1 : 0;
    case f_setfd: table.slots[low(arguments.a)].close_on_exec = (arguments.c & 1) != 0; return 0;
    case f_getfl: return file->flags | (path_only || file->kind != FileKind::regular ? 0 : o_largefile);
    default: break;
  }
  if (path_only) return Fail{Errno::badf};
  switch (command) {
    case f_setfl: file->flags = (file->flags & ~o_settable) | (low(arguments.c) & o_settable); return 0;
    case f_getlk: case f_setlk: case f_setlkw:
    case f_ofd_getlk: case f_ofd_setlk: case f_ofd_setlkw: return lock_call(*file, command, arguments.c);
    case f_setown: file->owner_pid = low(arguments.c); return 0;
    case f_getown: return file->owner_pid;
    case f_setown_ex: return set_owner(*file, arguments.c);
    case f_getown_ex: return get_owner(*file, arguments.c);
    case f_setlease: return set_lease(*file, arguments.c);
    case f_getlease: return static_cast<std::uint64_t>(lock_none);
    case f_setsig: if (low(arguments.c) > 64) return Fail{Errno::inval}; file->owner_signal = low(arguments.c); return 0;
    case f_getsig: return file->owner_signal;
    case f_setpipe_sz: case f_getpipe_sz: return pipe_size(*file, command, arguments.c);
    case f_add_seals: case f_get_seals: return seals(*file, command, arguments.c);
    default: return missing_fcntl(*file, command, Errno::inval);
  }
}

CallResult linux_flock(const Arguments& arguments) {
  constexpr std::uint32_t shared = 1, exclusive = 2, nonblocking = 4, unlock = 8;
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  const std::uint32_t wanted = low(arguments.b) & ~nonblocking;
  if (wanted != shared && wanted != exclusive && wanted != unlock) return Fail{Errno::inval};
  const std::int16_t type = wanted == shared ? lock_read : wanted == exclusive ? lock_write : lock_none;
  return done(set_flock(*file->inode, file.get(), type, (low(arguments.b) & nonblocking) == 0));
}

CallResult linux_truncate(const Arguments& arguments) {
  if (static_cast<std::int64_t>(arguments.b) < 0) return Fail{Errno::inval};
  Walk walk = TRY(walk_at(at_fdcwd, arguments.a, walk_follow));
  if (walk.inode->is(mode_directory)) return Fail{Errno::isdir};
  if (!walk.inode->is(mode_regular)) return Fail{Errno::inval};
  TRY_VOID(check_access(*walk.inode, may_write, current_credentials()));
  if (walk.inode->exec_opens > 0) return Fail{Errno::txtbsy};
  TRY_VOID(check_size_limit(arguments.b));
  TRY_VOID(walk.inode->truncate(arguments.b));
  notify_walk(walk, in_modify);
  return 0;
}

CallResult linux_ftruncate(const Arguments& arguments) {
  if (static_cast<std::int64_t>(arguments.b) < 0) return Fail{Errno::inval};
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  if (!file->inode->is(mode_regular) || !writable(*file)) return Fail{Errno::inval};
  TRY_VOID(check_size_limit(arguments.b));
  TRY_VOID(file->inode->truncate(arguments.b));
  notify_file(*file, in_modify);
  return 0;
}

CallResult linux_fallocate(const Arguments& arguments) {
  FileRef file = TRY(writable_file(arguments.a));
  const auto offset = static_cast<std::int64_t>(arguments.c), length = static_cast<std::int64_t>(arguments.d);
  if (offset < 0 || length <= 0) return Fail{Errno::inval};
  if (file->kind == FileKind::pipe) return Fail{Errno::spipe};
  if (!file->inode->is(mode_regular)) return Fail{file->inode->is(mode_directory) ? Errno::isdir : Errno::nodev};
  return done(file->inode->allocate_range(low(arguments.b), arguments.c, arguments.d));
}

CallResult linux_memfd_create(const Arguments& arguments) {
  constexpr std::uint32_t close_on_exec = 1, allow_sealing = 2, seal_seal = 1;
  constexpr std::size_t name_limit = 249;
  const std::uint32_t flags = low(arguments.b);
  if ((flags & ~(close_on_exec | allow_sealing)) != 0) return Fail{Errno::inval};
  const String name = TRY(copy_in_string(arguments.a, name_limit, Errno::inval));
  InodeRef inode = TRY(make_shared_memory(0));
  static_cast<MemoryFile&>(*inode).make_sealable((flags & allow_sealing) != 0 ? 0 : seal_seal);
  FileRef file = TRY(open_regular(*inode, o_rdwr));
  file->path = TRY(String::from("/memfd:"));
  TRY_VOID(file->path.append(name.view()));
  TRY_VOID(file->path.append(" (deleted)"));
  return install(std::move(file), (flags & close_on_exec) != 0 ? o_cloexec : 0);
}

}  // namespace exos
