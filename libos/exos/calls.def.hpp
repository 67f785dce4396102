// SPDX-License-Identifier: MIT
// The Linux calls of ExOS: LINUX_CALL(number, name, level, format, note). `level`: full, partial (the note says what is
// missing) or refuse (always the error that Linux gives where the feature is absent). `format` is how --strace prints the
// arguments, one letter each; "in" is shown before the call and after, "out" only when the call has written it:
//   numbers     d int, e long, u unsigned, x hex, p pointer, f descriptor, D dirfd, S signal, `-` hides one
//   text        s path, Z path out, b bytes in (size: next argument), B bytes out (size: the result), H the same in hex,
//               J/Q iovecs in/out, v argv, V environment
//   flags       o open, O open without access mode, m mode, C mode if the flags before it create, a access, A at-flags,
//               3 faccessat2's, 1 statx's, 2 statx mask, P prot, M mmap, z mremap, W wait, r getrandom, @ epoll_create1,
//               # timers, % userfaultfd
//   names       h sigprocmask, E whence, j arch_prctl, R resource, y clock, q madvise, 9 fadvise, 5 family, 6 socket type,
//               8 prctl, $ ptrace
//   structures  T stat, X statx, U uname, n timespec, L rlimit, G signal set, K sigaction, I two descriptors, N directory
//               entries, w wait status: out; t timespec, l rlimit, g signal set, k sigaction, 4 pollfds, 7 sockaddr: in
//   the rest    i ioctl, Y fcntl, F futex from its operation on, c clone, 0 clone3
// Handlers are `CallResult linux_NAME(const Arguments&)` in calls/*.cpp; one without a row does not link.
#pragma once

// clang-format off
#include "libos/exos/calls_files.def.hpp"
#include "libos/exos/calls_process.def.hpp"
#define LINUX_CALLS(LINUX_CALL) LINUX_FILE_CALLS(LINUX_CALL) LINUX_PROCESS_CALLS(LINUX_CALL)
// clang-format on
