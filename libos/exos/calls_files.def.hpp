// SPDX-License-Identifier: MIT
// The file half of the table in calls.def.hpp: LINUX_CALL(number, name, level, format, note).
#pragma once

// clang-format off
#define LINUX_FILE_CALLS(LINUX_CALL) \
  LINUX_CALL(  0, read,            full,    "fBu",    "") \
  LINUX_CALL(  1, write,           full,    "fbu",    "") \
  LINUX_CALL(  2, open,            full,    "soC",    "") \
  LINUX_CALL(  3, close,           full,    "f",      "") \
  LINUX_CALL(  4, stat,            full,    "sT",     "") \
  LINUX_CALL(  5, fstat,           full,    "fT",     "") \
  LINUX_CALL(  6, lstat,           full,    "sT",     "") \
  LINUX_CALL(  7, poll,            full,    "4ud",    "") \
  LINUX_CALL(  8, lseek,           full,    "feE",    "") \
  LINUX_CALL( 16, ioctl,           partial, "fi",    "terminal, FIONREAD, FIONBIO, FIOCLEX") \
  LINUX_CALL( 17, pread64,         full,    "fBue",   "") \
  LINUX_CALL( 18, pwrite64,        full,    "fbue",   "") \
  LINUX_CALL( 19, readv,           full,    "fQu",    "") \
  LINUX_CALL( 20, writev,          full,    "fJu",    "") \
  LINUX_CALL( 21, access,          full,    "sa",     "") \
  LINUX_CALL( 22, pipe,            full,    "I",      "") \
  LINUX_CALL( 23, select,          full,    "dpppp",  "") \
  LINUX_CALL( 32, dup,             full,    "f",      "") \
  LINUX_CALL( 33, dup2,            full,    "ff",     "") \
  LINUX_CALL( 40, sendfile,        full,    "ffpu",   "") \
  LINUX_CALL( 41, socket,          partial, "56d","AF_UNIX only; others EAFNOSUPPORT") \
  LINUX_CALL( 42, connect,         full,    "f7u","") \
  LINUX_CALL( 43, accept,          full,    "fpp","") \
  LINUX_CALL( 44, sendto,          full,    "fbud7u","") \
  LINUX_CALL( 45, recvfrom,        full,    "fBudpp","") \
  LINUX_CALL( 46, sendmsg,         full,    "fpd","") \
  LINUX_CALL( 47, recvmsg,         full,    "fpd","") \
  LINUX_CALL( 48, shutdown,        full,    "fd",     "") \
  LINUX_CALL( 49, bind,            full,    "f7u","") \
  LINUX_CALL( 50, listen,          full,    "fd","") \
  LINUX_CALL( 51, getsockname,     full,    "fpp",    "") \
  LINUX_CALL( 52, getpeername,     full,    "fpp",    "") \
  LINUX_CALL( 53, socketpair,      partial, "56dI","AF_UNIX") \
  LINUX_CALL( 54, setsockopt,      partial, "fddpu","SO_RCVTIMEO, SO_SNDTIMEO, SO_PASSCRED; the others are accepted") \
  LINUX_CALL( 55, getsockopt,      partial, "fddpp","buffer sizes are fixed") \
  LINUX_CALL( 72, fcntl,           partial, "fY",    "no leases, no SIGIO") \
  LINUX_CALL( 73, flock,           full,    "fd",     "") \
  LINUX_CALL( 74, fsync,           full,    "f",      "") \
  LINUX_CALL( 75, fdatasync,       full,    "f",      "") \
  LINUX_CALL( 76, truncate,        full,    "se",     "") \
  LINUX_CALL( 77, ftruncate,       full,    "fe",     "") \
  LINUX_CALL( 79, getcwd,          full,    "Zu",     "") \
  LINUX_CALL( 80, chdir,           full,    "s",      "") \
  LINUX_CALL( 81, fchdir,          full,    "f",      "") \
  LINUX_CALL( 82, rename,          full,    "ss",     "") \
  LINUX_CALL( 83, mkdir,           full,    "sm",     "") \
  LINUX_CALL( 84, rmdir,           full,    "s",      "") \
  LINUX_CALL( 85, creat,           full,    "sm",     "") \
  LINUX_CALL( 86, link,            full,    "ss",     "") \
  LINUX_CALL( 87, unlink,          full,    "s",      "") \
  LINUX_CALL( 88, symlink,         full,    "ss",     "") \
  LINUX_CALL( 89, readlink,        full,    "sBu",    "") \
  LINUX_CALL( 90, chmod,           full,    "sm",     "") \
  LINUX_CALL( 91, fchmod,          full,    "fm",     "") \
  LINUX_CALL( 92, chown,           full,    "sdd",    "") \
  LINUX_CALL( 93, fchown,          full,    "fdd",    "") \
  LINUX_CALL( 94, lchown,          full,    "sdd",    "") \
  LINUX_CALL( 95, umask,           full,    "m",      "") \
  LINUX_CALL(132, utime,           full,    "sp",     "") \
  LINUX_CALL(133, mknod,           full,    "smx",    "") \
  LINUX_CALL(137, statfs,          full,    "sp",     "") \
  LINUX_CALL(138, fstatfs,         full,    "fp",     "") \
  LINUX_CALL(161, chroot,          full,    "s",      "") \
  LINUX_CALL(162, sync,            full,    "",       "") \
  LINUX_CALL(187, readahead,       full,    "fdu",    "") \
  LINUX_CALL(188, setxattr, partial, "sspud", "in memory: a writable volume returns without them; no access control lists") \
  LINUX_CALL(189, lsetxattr, full, "sspud", "") \
  LINUX_CALL(190, fsetxattr, full, "fspud", "") \
  LINUX_CALL(191, getxattr, full, "sspu", "") \
  LINUX_CALL(192, lgetxattr, full, "sspu", "") \
  LINUX_CALL(193, fgetxattr, full, "fspu", "") \
  LINUX_CALL(194, listxattr, full, "spu", "") \
  LINUX_CALL(195, llistxattr, full, "spu", "") \
  LINUX_CALL(196, flistxattr, full, "fpu", "") \
  LINUX_CALL(197, removexattr, full, "ss", "") \
  LINUX_CALL(198, lremovexattr, full, "ss", "") \
  LINUX_CALL(199, fremovexattr, full, "fs", "") \
  LINUX_CALL(213, epoll_create,    full,    "d",      "") \
  LINUX_CALL( 78, getdents,        full,    "fpu",    "") \
  LINUX_CALL(217, getdents64,      full,    "fNu",    "") \
  LINUX_CALL(221, fadvise64,       full,    "fee9",   "") \
  LINUX_CALL(232, epoll_wait,      full,    "fpdd",   "") \
  LINUX_CALL(233, epoll_ctl,       full,    "fdfp",   "EPOLLEXCLUSIVE wakes all") \
  LINUX_CALL(235, utimes,          full,    "sp",     "") \
  LINUX_CALL(253, inotify_init,    full,    "",       "") \
  LINUX_CALL(254, inotify_add_watch, full,  "fsx",    "") \
  LINUX_CALL(255, inotify_rm_watch, full,   "fd",     "") \
  LINUX_CALL(257, openat,          full,    "DsoC",   "") \
  LINUX_CALL(258, mkdirat,         full,    "Dsm",    "") \
  LINUX_CALL(259, mknodat,         full,    "Dsmx",   "") \
  LINUX_CALL(260, fchownat,        full,    "DsddA",  "") \
  LINUX_CALL(261, futimesat,       full,    "Dsp",    "") \
  LINUX_CALL(262, newfstatat,      full,    "DsTA",   "") \
  LINUX_CALL(263, unlinkat,        full,    "DsA",    "") \
  LINUX_CALL(264, renameat,        full,    "DsDs",   "") \
  LINUX_CALL(265, linkat,          full,    "DsDsA",  "") \
  LINUX_CALL(266, symlinkat,       full,    "sDs",    "") \
  LINUX_CALL(267, readlinkat,      full,    "DsBu",   "") \
  LINUX_CALL(268, fchmodat,        full,    "Dsm",    "") \
  LINUX_CALL(269, faccessat,       full,    "Dsa",    "") \
  LINUX_CALL(270, pselect6,        full,    "dppptp", "") \
  LINUX_CALL(271, ppoll,           full,    "4utgu",  "") \
  LINUX_CALL(275, splice,          full,    "fpfpux", "") \
  LINUX_CALL(276, tee,             full,    "ffux",   "") \
  LINUX_CALL(278, vmsplice,        full,    "fJux",   "") \
  LINUX_CALL(277, sync_file_range, full,    "fddx",   "") \
  LINUX_CALL(280, utimensat,       full,    "DspA",   "") \
  LINUX_CALL(281, epoll_pwait,     full,    "fpddpu", "") \
  LINUX_CALL(282, signalfd,        full,    "fgu",    "") \
  LINUX_CALL(283, timerfd_create,  full,    "yx",     "") \
  LINUX_CALL(284, eventfd,         full,    "u",      "") \
  LINUX_CALL(285, fallocate,       partial, "fddd",   "no COLLAPSE_RANGE, INSERT_RANGE, UNSHARE_RANGE") \
  LINUX_CALL(286, timerfd_settime, partial, "fxpp",   "no TFD_TIMER_CANCEL_ON_SET") \
  LINUX_CALL(287, timerfd_gettime, full,    "fp",     "") \
  LINUX_CALL(288, accept4,         full,    "fppx","") \
  LINUX_CALL(289, signalfd4,       full,    "fgux",   "") \
  LINUX_CALL(290, eventfd2,        full,    "ux",     "") \
  LINUX_CALL(291, epoll_create1,   full,    "@",      "") \
  LINUX_CALL(292, dup3,            full,    "ffO",    "") \
  LINUX_CALL(293, pipe2,           partial, "IO",     "O_DIRECT only from the start") \
  LINUX_CALL(294, inotify_init1,   full,    "x",      "") \
  LINUX_CALL(295, preadv,          full,    "fQue",   "") \
  LINUX_CALL(296, pwritev,         full,    "fJue",   "") \
  LINUX_CALL(299, recvmmsg,        full,    "fpuxt",  "") \
  LINUX_CALL(306, syncfs,          full,    "f",      "") \
  LINUX_CALL(307, sendmmsg,        full,    "fpux",   "") \
  LINUX_CALL(316, renameat2,       partial, "DsDsx",  "no RENAME_WHITEOUT") \
  LINUX_CALL(323, userfaultfd,     partial, "%",      "no events but page faults; write protection of private memory only") \
  LINUX_CALL(319, memfd_create,    partial, "sx",     "no MFD_HUGETLB") \
  LINUX_CALL(326, copy_file_range, full,    "fpfpux", "") \
  LINUX_CALL(327, preadv2,         partial, "fpud-x", "RWF_NOWAIT: EOPNOTSUPP") \
  LINUX_CALL(328, pwritev2,        partial, "fpud-x", "RWF_NOWAIT: EOPNOTSUPP") \
  LINUX_CALL(332, statx,           full,    "Ds12X",  "no birth time") \
  LINUX_CALL(425, io_uring_setup,  partial, "up",     "no kernel thread, no I/O polling, no large entries") \
  LINUX_CALL(426, io_uring_enter,  partial, "fuuxpu", "no splice, tee, msg_ring, provided buffers, direct descriptors, multishot but of poll") \
  LINUX_CALL(427, io_uring_register, partial, "fupu", "buffers, files, eventfd, probe, enable") \
  LINUX_CALL(436, close_range,     full,    "uux",    "") \
  LINUX_CALL(437, openat2,         full,    "Dspu",   "") \
  LINUX_CALL(439, faccessat2,      full,    "Dsa3",   "") \
  LINUX_CALL(441, epoll_pwait2,    full,    "fpdtpu", "") \
  LINUX_CALL(452, fchmodat2,       full,    "Dsmx",   "")
// clang-format on
