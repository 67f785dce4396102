// SPDX-License-Identifier: MIT
// Advisory locks: fcntl's record locks (owned by a descriptor table, as Linux has it), those of an open file description
// (F_OFD_*), and flock (of a description too). All lie in one object per inode, made with the first lock.
#pragma once

#include "libos/exos/fs/linux_abi.hpp"

namespace exos {

inline constexpr std::int16_t lock_read = 0, lock_write = 1, lock_none = 2;   // F_RDLCK, F_WRLCK, F_UNLCK

// A table for fcntl's classic locks, a File for the two others.
using LockOwner = const void*;

struct LockRange { std::uint64_t start, end; };   // end excluded; max: to infinity

// What would stand in the way; type lock_none when nothing does.
struct LockConflict { std::int16_t type = lock_none; LockRange range{}; std::uint32_t pid = 0; };
[[nodiscard]] LockConflict find_lock(Inode& inode, LockOwner owner, std::int16_t type, LockRange range);
// Sets or clears. EAGAIN when something stands in the way and `wait` is false; else waits (EDEADLK, restart_sys).
[[nodiscard]] Status set_lock(Inode& inode, LockOwner owner, std::uint32_t pid, std::int16_t type, LockRange range, bool wait);
[[nodiscard]] Status set_flock(Inode& inode, LockOwner owner, std::int16_t type, bool wait);

void release_owner_locks(Inode& inode, LockOwner owner);   // a descriptor for it was closed in this table
void release_file_locks(Inode& inode, LockOwner file);     // the description is gone
void destroy_locks(Inode& inode);

}  // namespace exos
