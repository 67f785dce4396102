// SPDX-License-Identifier: MIT
// Calls of Linux 6.1 that ExOS has not, by name: for the line about a missing call, for --strace and for docs/compatibility.md.
// `linux` is absent where Linux itself answers ENOSYS on x86-64 (as Debian builds it), and present elsewhere. A call that comes
// moves to calls_*.def.hpp. [linux arch/x86/entry/syscalls/syscall_64.tbl]
#pragma once

// clang-format off
#define MISSING_LINUX_CALLS(MISSING_CALL) \
  MISSING_CALL(134, uselib, absent) \
  MISSING_CALL(136, ustat, present) \
  MISSING_CALL(139, sysfs, present) \
  MISSING_CALL(154, modify_ldt, present) \
  MISSING_CALL(155, pivot_root, present) \
  MISSING_CALL(156, _sysctl, absent) \
  MISSING_CALL(159, adjtimex, present) \
  MISSING_CALL(163, acct, present) \
  MISSING_CALL(164, settimeofday, present) \
  MISSING_CALL(165, mount, present) \
  MISSING_CALL(166, umount2, present) \
  MISSING_CALL(167, swapon, present) \
  MISSING_CALL(168, swapoff, present) \
  MISSING_CALL(169, reboot, present) \
  MISSING_CALL(172, iopl, present) \
  MISSING_CALL(173, ioperm, present) \
  MISSING_CALL(174, create_module, absent) \
  MISSING_CALL(175, init_module, present) \
  MISSING_CALL(176, delete_module, present) \
  MISSING_CALL(177, get_kernel_syms, absent) \
  MISSING_CALL(178, query_module, absent) \
  MISSING_CALL(179, quotactl, present) \
  MISSING_CALL(180, nfsservctl, absent) \
  MISSING_CALL(181, getpmsg, absent) \
  MISSING_CALL(182, putpmsg, absent) \
  MISSING_CALL(183, afs_syscall, absent) \
  MISSING_CALL(184, tuxcall, absent) \
  MISSING_CALL(185, security, absent) \
  MISSING_CALL(205, set_thread_area, absent) \
  MISSING_CALL(206, io_setup, present) \
  MISSING_CALL(207, io_destroy, present) \
  MISSING_CALL(208, io_getevents, present) \
  MISSING_CALL(209, io_submit, present) \
  MISSING_CALL(210, io_cancel, present) \
  MISSING_CALL(211, get_thread_area, absent) \
  MISSING_CALL(212, lookup_dcookie, absent) \
  MISSING_CALL(214, epoll_ctl_old, absent) \
  MISSING_CALL(215, epoll_wait_old, absent) \
  MISSING_CALL(216, remap_file_pages, present) \
  MISSING_CALL(236, vserver, absent) \
  MISSING_CALL(240, mq_open, present) \
  MISSING_CALL(241, mq_unlink, present) \
  MISSING_CALL(242, mq_timedsend, present) \
  MISSING_CALL(243, mq_timedreceive, present) \
  MISSING_CALL(244, mq_notify, present) \
  MISSING_CALL(245, mq_getsetattr, present) \
  MISSING_CALL(246, kexec_load, present) \
  MISSING_CALL(248, add_key, present) \
  MISSING_CALL(249, request_key, present) \
  MISSING_CALL(250, keyctl, present) \
  MISSING_CALL(256, migrate_pages, present) \
  MISSING_CALL(272, unshare, present) \
  MISSING_CALL(279, move_pages, present) \
  MISSING_CALL(298, perf_event_open, present) \
  MISSING_CALL(300, fanotify_init, present) \
  MISSING_CALL(301, fanotify_mark, present) \
  MISSING_CALL(303, name_to_handle_at, present) \
  MISSING_CALL(304, open_by_handle_at, present) \
  MISSING_CALL(305, clock_adjtime, present) \
  MISSING_CALL(308, setns, present) \
  MISSING_CALL(313, finit_module, present) \
  MISSING_CALL(317, seccomp, present) \
  MISSING_CALL(320, kexec_file_load, present) \
  MISSING_CALL(321, bpf, present) \
  MISSING_CALL(333, io_pgetevents, present) \
  MISSING_CALL(428, open_tree, present) \
  MISSING_CALL(429, move_mount, present) \
  MISSING_CALL(430, fsopen, present) \
  MISSING_CALL(431, fsconfig, present) \
  MISSING_CALL(432, fsmount, present) \
  MISSING_CALL(433, fspick, present) \
  MISSING_CALL(440, process_madvise, present) \
  MISSING_CALL(442, mount_setattr, present) \
  MISSING_CALL(443, quotactl_fd, present) \
  MISSING_CALL(444, landlock_create_ruleset, present) \
  MISSING_CALL(445, landlock_add_rule, present) \
  MISSING_CALL(446, landlock_restrict_self, present) \
  MISSING_CALL(447, memfd_secret, present) \
  MISSING_CALL(448, process_mrelease, present) \
  MISSING_CALL(450, set_mempolicy_home_node, present)
// clang-format on
