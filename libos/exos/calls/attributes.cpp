// SPDX-License-Identifier: MIT
// What is known of a file: stat in its forms, access, mode, owner, times, the file system's figures.
#include "libos/exos/calls/file_calls.hpp"
#include "libos/exos/fs/inotify.hpp"

namespace exos {
namespace {

constexpr std::int64_t utime_now = 0x3fffffff, utime_omit = 0x3ffffffe;

Stat stat_of(const Inode& inode) {
  Stat stat{};
  stat.device = inode.device;
  stat.inode = inode.number;
  stat.links = inode.links;
  stat.mode = inode.mode;
  stat.uid = inode.uid;
  stat.gid = inode.gid;
  stat.rdev = inode.rdev;
  stat.size = static_cast<std::int64_t>(inode.size);
  stat.block_size = inode.is(mode_char) ? 1024 : 4096;
  stat.blocks = static_cast<std::int64_t>(inode.blocks());
  stat.accessed = inode.accessed;
  stat.modified = inode.modified;
  stat.changed = inode.changed;
  return stat;
}

CallResult stat_at(std::uint64_t dirfd, std::uint64_t path, std::uint64_t out, std::uint32_t walk_flags) {
  const Walk walk = TRY(walk_at(dirfd, path, walk_flags));
  TRY_VOID(write_user(out, stat_of(*walk.inode)));
  return 0;
}

StatxTime statx_time(const Timespec& time) { return {time.seconds, static_cast<std::uint32_t>(time.nanoseconds), 0}; }

// AT_* of the stat family, access and chown as walk flags; EINVAL for others than `allowed`.
Result<std::uint32_t> walk_flags_from(std::uint64_t flags, std::uint32_t allowed) {
  if ((low(flags) & ~allowed) != 0) return Fail{Errno::inval};
  std::uint32_t walk_flags = (low(flags) & at_symlink_nofollow) != 0 ? 0 : walk_follow;
  if ((low(flags) & at_empty_path) != 0) walk_flags |= walk_empty;
  return walk_flags;
}

CallResult access_at(std::uint64_t dirfd, std::uint64_t path, std::uint64_t mode, std::uint64_t flags) {
  const std::uint32_t walk_flags = TRY(walk_flags_from(flags, at_eaccess | at_symlink_nofollow | at_empty_path));
  if ((low(mode) & ~7u) != 0) return Fail{Errno::inval};
  const Process& process = current_process();
  const Credentials who = (low(flags) & at_eaccess) != 0 ? current_credentials() : Credentials{process.uid, process.gid};
  const Walk walk = TRY(walk_as(dirfd, path, walk_flags, who));
  return done(check_access(*walk.inode, low(mode), who));
}

Status check_owner(const Inode& inode) {
  const Credentials who = current_credentials();
  if (who.uid != 0 && who.uid != inode.uid) return Fail{Errno::perm};
  if (inode.file_system == &process_fs || inode.file_system == &system_fs) return Fail{Errno::perm};
  return {};
}

CallResult change_mode(Inode& inode, std::uint64_t mode) {
  if (inode.is(mode_link)) return Fail{Errno::opnotsupp};
  TRY_VOID(check_owner(inode));
  std::uint32_t bits = low(mode) & 07777;
  const Credentials who = current_credentials();
  if (who.uid != 0 && !in_group(inode.gid, who)) bits &= ~02000u;
  inode.mode = (inode.mode & mode_type) | bits;
  inode.changed = wall_time();
  return 0;
}

CallResult change_owner(Inode& inode, std::uint64_t uid_argument, std::uint64_t gid_argument) {
  constexpr std::uint32_t keep = ~0u;
  const std::uint32_t uid = low(uid_argument), gid = low(gid_argument);
  const Credentials who = current_credentials();
  TRY_VOID(check_owner(inode));
  if (who.uid != 0 && ((uid != keep && uid != inode.uid) || (gid != keep && gid != inode.gid && !in_group(gid, who))))
    return Fail{Errno::perm};
  if (uid != keep) inode.uid = uid;
  if (gid != keep) inode.gid = gid;
  if (inode.is(mode_regular)) {
    if ((inode.mode & 010) != 0) inode.mode &= ~06000u;
    else inode.mode &= ~04000u;
  }
  inode.changed = wall_time();
  return 0;
}

// Tells those who watch.
CallResult told(const Walk& walk, const CallResult& result) {
  if (result.has_value()) notify_walk(walk, in_attrib);
  return result;
}
CallResult told(const FileRef& file, const CallResult& result) {
  if (result.has_value()) notify_file(*file, in_attrib);
  return result;
}

CallResult owner_at(std::uint64_t dirfd, std::uint64_t path, std::uint64_t uid, std::uint64_t gid, std::uint32_t walk_flags) {
  const Walk walk = TRY(walk_at(dirfd, path, walk_flags));
  return told(walk, change_owner(*walk.inode, uid, gid));
}

// Both times as utimensat has them.
struct Times { Timespec accessed{0, utime_now}, modified{0, utime_now}; };

CallResult set_times(Inode& inode, const Times& times) {
  const Credentials who = current_credentials();
  for (const Timespec& t : {times.accessed, times.modified})
    if (t.nanoseconds != utime_now && t.nanoseconds != utime_omit && (t.nanoseconds < 0 || t.nanoseconds > 999'999'999)) return Fail{Errno::inval};
  const bool both_now = times.accessed.nanoseconds == utime_now && times.modified.nanoseconds == utime_now;
  const bool owns = who.uid == 0 || who.uid == inode.uid;
  if (!owns && !both_now) return Fail{Errno::perm};
  if (!owns) TRY_VOID(check_access(inode, may_write, who));
  const auto apply = [](Timespec& field, const Timespec& value) {
    if (value.nanoseconds == utime_now) field = wall_time();
    else if (value.nanoseconds != utime_omit) field = value;
  };
  apply(inode.accessed, times.accessed);
  apply(inode.modified, times.modified);
  inode.changed = wall_time();
  return 0;
}

CallResult times_at(std::uint64_t dirfd, std::uint64_t path, std::uint32_t walk_flags, const Times& times) {
  const Walk walk = TRY(walk_at(dirfd, path, walk_flags));
  return told(walk, set_times(*walk.inode, times));
}
CallResult times_of(std::uint64_t fd, const Times& times) {
  const FileRef file = TRY(file_of(fd));
  return told(file, set_times(*file->inode, times));
}

// Microsecond pairs of utimes and futimesat.
Result<Times> times_from_microseconds(std::uint64_t address) {
  Times times;
  if (address == 0) return times;
  const auto values = TRY((read_user<std::array<Timeval, 2>>(address)));
  for (const Timeval& v : values)
    if (v.microseconds < 0 || v.microseconds >= 1'000'000) return Fail{Errno::inval};
  times.accessed = {values[0].seconds, values[0].microseconds * 1000};
  times.modified = {values[1].seconds, values[1].microseconds * 1000};
  return times;
}

CallResult write_statfs(const Inode& inode, std::uint64_t out) {
  const MemoryUse use = memory_use();
  StatFs figures{};
  const FileSystem* fs = inode.file_system;
  figures.type = fs != nullptr ? static_cast<std::int64_t>(fs->magic) : 0;
  figures.block_size = figures.fragment_size = 4096;
  figures.name_length = name_max;
  figures.flags = 0x20;   // ST_VALID
  if (fs == &root_fs || fs == &shared_memory_fs || fs == &device_fs) {
    figures.blocks = use.limit;
    figures.free = figures.available = use.limit > use.used ? use.limit - use.used : 0;
    figures.files = use.limit;
    figures.files_free = use.limit > fs->inodes ? use.limit - fs->inodes : 0;
  }
  TRY_VOID(write_user(out, figures));
  return 0;
}

}  // namespace

CallResult linux_stat(const Arguments& arguments) { return stat_at(at_fdcwd, arguments.a, arguments.b, walk_follow); }
CallResult linux_lstat(const Arguments& arguments) { return stat_at(at_fdcwd, arguments.a, arguments.b, 0); }
CallResult linux_fstat(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  TRY_VOID(write_user(arguments.b, stat_of(*file->inode)));
  return 0;
}
CallResult linux_newfstatat(const Arguments& arguments) {
  const std::uint32_t flags = TRY(walk_flags_from(arguments.d, at_symlink_nofollow | at_empty_path | at_no_automount));
  return stat_at(arguments.a, arguments.b, arguments.c, flags);
}

CallResult linux_statx(const Arguments& arguments) {
  constexpr std::uint32_t basic = 0x7ff, mount_id = 0x1000, reserved = 0x8000'0000;
  if ((low(arguments.d) & reserved) != 0 || (low(arguments.c) & at_statx_sync_type) == at_statx_sync_type) return Fail{Errno::inval};
  const std::uint32_t flags =
      TRY(walk_flags_from(arguments.c, at_symlink_nofollow | at_empty_path | at_no_automount | at_statx_sync_type));
  const Walk walk = TRY(walk_at(arguments.a, arguments.b, flags));
  const Inode& inode = *walk.inode;
  const Stat stat = stat_of(inode);
  Statx out{};
  out.mask = basic | mount_id;
  out.block_size = static_cast<std::uint32_t>(stat.block_size);
  out.links = inode.links;
  out.uid = inode.uid;
  out.gid = inode.gid;
  out.mode = static_cast<std::uint16_t>(inode.mode);
  out.inode = inode.number;
  out.size = inode.size;
  out.blocks = inode.blocks();
  out.accessed = statx_time(inode.accessed);
  out.changed = statx_time(inode.changed);
  out.modified = statx_time(inode.modified);
  out.rdev_major = device_major(inode.rdev);
  out.rdev_minor = device_minor(inode.rdev);
  out.device_major = device_major(inode.device);
  out.device_minor = device_minor(inode.device);
  out.mount_id = inode.device;
  TRY_VOID(write_user(arguments.e, out));
  return 0;
}

CallResult linux_access(const Arguments& arguments) { return access_at(at_fdcwd, arguments.a, arguments.b, 0); }
CallResult linux_faccessat(const Arguments& arguments) { return access_at(arguments.a, arguments.b, arguments.c, 0); }
CallResult linux_faccessat2(const Arguments& arguments) {
  return access_at(arguments.a, arguments.b, arguments.c, arguments.d);
}

CallResult linux_chmod(const Arguments& arguments) {
  const Walk walk = TRY(walk_at(at_fdcwd, arguments.a, walk_follow));
  return told(walk, change_mode(*walk.inode, arguments.b));
}
CallResult linux_fchmod(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  return told(file, change_mode(*file->inode, arguments.b));
}
CallResult linux_fchmodat(const Arguments& arguments) {
  const Walk walk = TRY(walk_at(arguments.a, arguments.b, walk_follow));
  return told(walk, change_mode(*walk.inode, arguments.c));
}
CallResult linux_fchmodat2(const Arguments& arguments) {
  const std::uint32_t flags = TRY(walk_flags_from(arguments.d, at_symlink_nofollow | at_empty_path));
  const Walk walk = TRY(walk_at(arguments.a, arguments.b, flags));
  return told(walk, change_mode(*walk.inode, arguments.c));
}

CallResult linux_chown(const Arguments& arguments) {
  return owner_at(at_fdcwd, arguments.a, arguments.b, arguments.c, walk_follow);
}
CallResult linux_lchown(const Arguments& arguments) { return owner_at(at_fdcwd, arguments.a, arguments.b, arguments.c, 0); }
CallResult linux_fchown(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  if (file->kind == FileKind::path_only) return Fail{Errno::badf};
  return told(file, change_owner(*file->inode, arguments.b, arguments.c));
}
CallResult linux_fchownat(const Arguments& arguments) {
  const std::uint32_t flags = TRY(walk_flags_from(arguments.e, at_symlink_nofollow | at_empty_path));
  return owner_at(arguments.a, arguments.b, arguments.c, arguments.d, flags);
}

CallResult linux_utimensat(const Arguments& arguments) {
  Times times;
  if (arguments.c != 0) {
    const auto values = TRY((read_user<std::array<Timespec, 2>>(arguments.c)));
    times = {values[0], values[1]};
    if (values[0].nanoseconds == utime_omit && values[1].nanoseconds == utime_omit) return 0;
  }
  const std::uint32_t flags = TRY(walk_flags_from(arguments.d, at_symlink_nofollow | at_empty_path));
  if (arguments.b != 0) return times_at(arguments.a, arguments.b, flags, times);
  if (low(arguments.a) == low(at_fdcwd)) return Fail{Errno::fault};
  return times_of(arguments.a, times);   // futimens
}
CallResult linux_utime(const Arguments& arguments) {
  Times times;
  if (arguments.b != 0) {
    const auto seconds = TRY((read_user<std::array<std::int64_t, 2>>(arguments.b)));
    times = {{seconds[0], 0}, {seconds[1], 0}};
  }
  return times_at(at_fdcwd, arguments.a, walk_follow, times);
}
CallResult linux_utimes(const Arguments& arguments) {
  const Times times = TRY(times_from_microseconds(arguments.b));
  return times_at(at_fdcwd, arguments.a, walk_follow, times);
}
CallResult linux_futimesat(const Arguments& arguments) {
  const Times times = TRY(times_from_microseconds(arguments.c));
  if (arguments.b == 0) return times_of(arguments.a, times);
  return times_at(arguments.a, arguments.b, walk_follow, times);
}

CallResult linux_statfs(const Arguments& arguments) {
  return write_statfs(*TRY(walk_at(at_fdcwd, arguments.a, walk_follow)).inode, arguments.b);
}
CallResult linux_fstatfs(const Arguments& arguments) { return write_statfs(*TRY(file_of(arguments.a))->inode, arguments.b); }

}  // namespace exos
