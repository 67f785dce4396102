// SPDX-License-Identifier: MIT
// The path walk: from a path and where it starts to a directory, a last name and, if it is there, an inode.
#pragma once

#include "libos/exos/fs/directory.hpp"

namespace exos {

struct Task;

// Who asks: the effective ids for most calls, the real ones for access().
struct Credentials { std::uint32_t uid, gid; };
[[nodiscard]] Credentials current_credentials();

[[nodiscard]] bool in_group(std::uint32_t gid, const Credentials& who);

inline constexpr std::uint32_t may_execute = 1, may_write = 2, may_read = 4;
[[nodiscard]] Status check_access(const Inode& inode, std::uint32_t wanted, const Credentials& who);

inline constexpr std::uint32_t walk_follow = 1;        // a symbolic link at the end is followed
inline constexpr std::uint32_t walk_create = 2;        // the last name may be missing
inline constexpr std::uint32_t walk_empty = 4;         // an empty path means the start itself (AT_EMPTY_PATH)
// openat2's RESOLVE_*: no other file system, no links as those of /proc/self/fd, no links at all, nothing above the context's root.
inline constexpr std::uint32_t walk_no_crossing = 0x10, walk_no_magic = 0x20, walk_no_links = 0x40, walk_beneath = 0x80, walk_in_root = 0x100;
inline constexpr std::uint32_t walk_parent = 8;        // the last name matters (unlink, rename, ...): "." and ".." end as such

struct Walk {
  InodeRef parent;        // directory of the last name; empty when the path was "/", "." or a magic link
  // The last name; empty with an empty parent. It lies in `text`, or in the path that was walked if that is empty: the path must
  // live as long.
  std::string_view name;
  String text;
  InodeRef inode;         // what is there; empty: nothing (only with walk_create)
  bool trailing_slash = false;
  bool dots = false;      // the last name was "." or ".."
  [[nodiscard]] Directory& directory() const { return static_cast<Directory&>(*parent); }
};

// `start` is where relative paths begin.
[[nodiscard]] Result<Walk> walk_from(PathContext& context, const InodeRef& start, std::string_view path,
                                     std::uint32_t flags, const Credentials& who);
// For a call of the current task: dirfd or at_fdcwd.
[[nodiscard]] Result<Walk> walk_at(std::uint64_t dirfd, std::string_view path, std::uint32_t flags);
[[nodiscard]] Result<Walk> walk_at(std::uint64_t dirfd, std::uint64_t user_path, std::uint32_t flags);
[[nodiscard]] Result<Walk> walk_as(std::uint64_t dirfd, std::string_view path, std::uint32_t flags, const Credentials& who);
[[nodiscard]] Result<Walk> walk_as(std::uint64_t dirfd, std::uint64_t user_path, std::uint32_t flags, const Credentials& who);

// Absolute path of what was found; empty for what has none (magic links to pipes).
[[nodiscard]] Result<String> path_of(const Walk& walk, PathContext& context);
[[nodiscard]] Result<FileRef> open_path_only(const InodeRef& inode, std::uint32_t flags);   // O_PATH

// open(2) without the descriptor.
[[nodiscard]] Result<Executable> executable_of(Walk& walk, PathContext& context, const Credentials& who);
// `resolve`: walk_no_crossing and the like.
[[nodiscard]] Result<FileRef> open_file(std::uint64_t dirfd, std::string_view path, std::uint32_t flags, std::uint32_t mode,
                                        std::uint32_t resolve = 0);

}  // namespace exos
