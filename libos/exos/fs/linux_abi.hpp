// SPDX-License-Identifier: MIT
// Numbers and structures of the Linux file calls as a program passes them. [linux uapi]
#pragma once

#include "base/std.hpp"
#include "libos/exos/file.hpp"

namespace exos {

inline constexpr std::uint32_t o_accmode = 3, o_rdonly = 0, o_wronly = 1, o_rdwr = 2, o_creat = 0100, o_excl = 0200,
    o_noctty = 0400, o_trunc = 01000, o_append = 02000, o_nonblock = 04000, o_dsync = 010000, o_async = 020000,
    o_direct = 040000, o_largefile = 0100000, o_directory = 0200000, o_nofollow = 0400000, o_noatime = 01000000,
    o_cloexec = 02000000, o_sync = 04010000, o_path = 010000000, o_tmpfile = 020000000 | o_directory;
inline constexpr std::uint32_t o_settable = o_append | o_nonblock | o_async | o_direct | o_noatime;

inline constexpr std::uint32_t at_symlink_nofollow = 0x100, at_eaccess = 0x200, at_removedir = 0x200,
    at_symlink_follow = 0x400, at_no_automount = 0x800, at_empty_path = 0x1000, at_statx_sync_type = 0x6000;
inline constexpr std::uint64_t at_fdcwd = static_cast<std::uint64_t>(-100);

inline constexpr std::uint32_t poll_in = 1, poll_pri = 2, poll_out = 4, poll_err = 8, poll_hup = 0x10, poll_nval = 0x20,
    poll_rdnorm = 0x40, poll_rdband = 0x80, poll_wrnorm = 0x100, poll_wrband = 0x200, poll_rdhup = 0x2000;
inline constexpr std::uint32_t poll_readable = poll_in | poll_rdnorm, poll_writable = poll_out | poll_wrnorm;

inline constexpr std::uint32_t seek_set = 0, seek_cur = 1, seek_end = 2, seek_data = 3, seek_hole = 4;
inline constexpr std::size_t path_max = 4096, name_max = 255, pipe_buf = 4096;
inline constexpr std::uint64_t max_io = 0x7fff'f000;                 // bytes that one read or write moves at most
inline constexpr std::uint64_t max_file_size = 0x7fff'ffff'ffff'f000;

inline constexpr std::uint64_t tcgets = 0x5401, tcsets = 0x5402, tcsetsw = 0x5403, tcsetsf = 0x5404, tcsbrk = 0x5409,
    tcxonc = 0x540a, tcflsh = 0x540b, tiocexcl = 0x540c, tiocnxcl = 0x540d, tiocsctty = 0x540e, tiocgpgrp = 0x540f, tiocspgrp = 0x5410, tiocoutq = 0x5411,
    tiocgwinsz = 0x5413, tiocswinsz = 0x5414, fionread = 0x541b, tiocgsid = 0x5429, fionbio = 0x5421, tiocnotty = 0x5422, tiocsti = 0x5412, tiocgetd = 0x5424, tcsbrkp = 0x5425,
    tiocgexcl = 0x80045440,
    fionclex = 0x5450, fioclex = 0x5451, fioasync = 0x5452, fioqsize = 0x5460, figetbsz = 2, ficlone = 0x40049409, fs_ioc_getflags = 0x80086601;

struct Stat {
  std::uint64_t device, inode, links;
  std::uint32_t mode, uid, gid, padding;
  std::uint64_t rdev;
  std::int64_t size, block_size, blocks;
  Timespec accessed, modified, changed;
  std::int64_t reserved[3];
};
static_assert(sizeof(Stat) == 144);

struct StatxTime { std::int64_t seconds; std::uint32_t nanoseconds; std::int32_t reserved; };
struct Statx {
  std::uint32_t mask, block_size;
  std::uint64_t attributes;
  std::uint32_t links, uid, gid;
  std::uint16_t mode, padding;
  std::uint64_t inode, size, blocks, attributes_mask;
  StatxTime accessed, born, changed, modified;
  std::uint32_t rdev_major, rdev_minor, device_major, device_minor;
  std::uint64_t mount_id;
  std::uint32_t direct_memory_align, direct_offset_align;
  std::uint64_t reserved[12];
};
static_assert(sizeof(Statx) == 256);

struct StatFs {
  std::int64_t type, block_size;
  std::uint64_t blocks, free, available, files, files_free;
  std::int32_t id[2];
  std::int64_t name_length, fragment_size, flags, reserved[4];
};
static_assert(sizeof(StatFs) == 120);

struct DirectoryEntryHead {  // linux_dirent64: the name and its NUL follow at byte 19, records are 8-aligned
  std::uint64_t inode;
  std::int64_t next;
  std::uint16_t length;
  std::uint8_t type;
};
inline constexpr std::size_t directory_entry_name = 19, old_directory_entry_name = 18;   // struct linux_dirent has no type there

struct Iovec { std::uint64_t base, length; };
struct PollFd { std::int32_t fd; std::int16_t events, revents; };
struct FileLockArgument {
  std::int16_t type, whence;
  std::int64_t start, length;
  std::int32_t pid;
  std::int32_t padding;
};
static_assert(sizeof(FileLockArgument) == 32);

struct WindowSize { std::uint16_t rows, columns, x, y; };
struct Termios {  // the kernel's struct, not the C library's
  std::uint32_t iflag, oflag, cflag, lflag;
  std::uint8_t line, cc[19];
};
static_assert(sizeof(Termios) == 36);

[[nodiscard]] constexpr std::uint32_t make_device(std::uint32_t major, std::uint32_t minor) {
  return (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12;
}
[[nodiscard]] constexpr std::uint32_t device_major(std::uint32_t device) { return device >> 8 & 0xfff; }
[[nodiscard]] constexpr std::uint32_t device_minor(std::uint32_t device) { return (device & 0xff) | (device >> 12 & 0xfff00); }

}  // namespace exos
