// SPDX-License-Identifier: MIT
// io_uring as programs see it. [linux/io_uring.h, io_uring_setup(2), io_uring_enter(2)]
#pragma once

#include "base/std.hpp"

namespace exos::uring {

// A request, as it lies in the submission array. What the names from `offset` on mean depends on the operation.
struct Submission {
  std::uint8_t operation, flags;
  std::uint16_t priority;
  std::int32_t fd;
  std::uint64_t offset;          // addr2
  std::uint64_t address;
  std::uint32_t length, operation_flags;
  std::uint64_t user_data;
  std::uint16_t buffer_index, personality;
  std::uint32_t file_index;
  std::uint64_t address3, padding;
};
static_assert(sizeof(Submission) == 64);

struct Completion {
  std::uint64_t user_data;
  std::int32_t result;
  std::uint32_t flags;
};
static_assert(sizeof(Completion) == 16);

enum class Operation : std::uint8_t {
  nop, readv, writev, fsync, read_fixed, write_fixed, poll_add, poll_remove, sync_file_range, sendmsg, recvmsg, timeout, timeout_remove,
  accept, async_cancel, link_timeout, connect, fallocate, openat, close, files_update, statx, read, write, fadvise, madvise, send, recv,
  openat2, epoll_ctl, splice, provide_buffers, remove_buffers, tee, shutdown, renameat, unlinkat, mkdirat, symlinkat, linkat, msg_ring,
  fsetxattr, setxattr, fgetxattr, getxattr, socket,
  count,
};

namespace flag {
inline constexpr std::uint8_t fixed_file = 1, drain = 2, link = 4, hard_link = 8, async = 16, buffer_select = 32, skip_success = 64;
}
namespace setup {
inline constexpr std::uint32_t completion_size = 8, clamp = 16, attach = 32, disabled = 64, submit_all = 128, cooperative = 256,
                               task_run_flag = 512, single_issuer = 1 << 12, defer_task_run = 1 << 13;
inline constexpr std::uint32_t known = completion_size | clamp | attach | disabled | submit_all | cooperative | task_run_flag | single_issuer |
                                       defer_task_run;
}
// One mapping, nothing is lost, stable submissions, the file's position, own credentials, polling, 32-bit polls, a longer argument,
// threads of the program's own, completions that are left out, files looked up when it is a link's turn.
inline constexpr std::uint32_t features = 1 | 2 | 4 | 8 | 16 | 32 | 64 | 256 | 512 | 2048 | 4096;

inline constexpr std::uint32_t enter_get_events = 1, enter_wake = 2, enter_wait = 4, enter_long_argument = 8;
inline constexpr std::uint32_t cancel_all = 1, cancel_fd = 2, cancel_any = 4;
inline constexpr std::uint32_t timeout_absolute = 1, timeout_update = 2, timeout_boot = 4, timeout_wall = 8, link_timeout_update = 16,
                               timeout_success = 32;
inline constexpr std::uint32_t poll_multiple = 1;
inline constexpr std::uint32_t completion_more = 2;      // Completion::flags
inline constexpr std::uint32_t submission_overflow = 2;  // flags of the submission ring: completions wait for room
inline constexpr std::uint32_t events_disabled = 1;      // flags of the completion ring: no eventfd

struct SubmissionOffsets { std::uint32_t head, tail, mask, entries, flags, dropped, array, reserved; std::uint64_t user_address; };
struct CompletionOffsets { std::uint32_t head, tail, mask, entries, overflow, completions, flags, reserved; std::uint64_t user_address; };
struct Parameters {
  std::uint32_t submissions, completions, flags, thread_cpu, thread_idle, features, attached, reserved[3];
  SubmissionOffsets submission;
  CompletionOffsets completion;
};
static_assert(sizeof(Parameters) == 120);

inline constexpr std::uint64_t rings_offset = 0, completions_offset = 0x800'0000, submissions_offset = 0x1000'0000;   // of mmap
inline constexpr std::uint32_t most_submissions = 32768, most_completions = 2 * most_submissions;

}  // namespace exos::uring
