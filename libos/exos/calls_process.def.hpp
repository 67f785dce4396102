// SPDX-License-Identifier: MIT
// The process side's rows of the call table: see calls.def.hpp.
#pragma once

// clang-format off
#define LINUX_PROCESS_CALLS(LINUX_CALL) \
  LINUX_CALL(  9, mmap, full, "puPMfx", "") \
  LINUX_CALL( 10, mprotect, full, "puP", "PROT_GROWSDOWN is EINVAL") \
  LINUX_CALL( 11, munmap, full, "pu", "") \
  LINUX_CALL( 12, brk, full, "p", "") \
  LINUX_CALL( 13, rt_sigaction, full, "SkKu", "") \
  LINUX_CALL( 14, rt_sigprocmask, full, "hgGu", "") \
  LINUX_CALL( 15, rt_sigreturn, full, "", "") \
  LINUX_CALL( 24, sched_yield, full, "", "") \
  LINUX_CALL( 25, mremap, partial, "puuzp", "one area at a time") \
  LINUX_CALL( 26, msync, full, "pux", "") \
  LINUX_CALL( 27, mincore, full, "pup", "") \
  LINUX_CALL( 28, madvise, partial, "puq", "hints are checked and not used") \
  LINUX_CALL(29, shmget, full, "dux", "") \
  LINUX_CALL(30, shmat, full, "dpx", "") \
  LINUX_CALL(31, shmctl, partial, "ddp", "SHM_LOCK does nothing") \
  LINUX_CALL( 34, pause, full, "", "") \
  LINUX_CALL( 35, nanosleep, full, "tn", "") \
  LINUX_CALL( 36, getitimer, partial, "dp", "CPU time: fires at the end of a slice, 10 ms") \
  LINUX_CALL( 37, alarm, full, "u", "") \
  LINUX_CALL( 38, setitimer, partial, "dpp", "CPU time: fires at the end of a slice, 10 ms") \
  LINUX_CALL( 39, getpid, full, "", "") \
  LINUX_CALL( 56, clone, partial, "c", "no namespaces") \
  LINUX_CALL( 57, fork, full, "", "") \
  LINUX_CALL( 58, vfork, full, "", "") \
  LINUX_CALL( 59, execve, full, "svV", "set-user-ID bits are not honoured") \
  LINUX_CALL( 60, exit, full, "d", "") \
  LINUX_CALL( 61, wait4, partial, "dwWp", "rusage: times, faults, switches, the largest resident size") \
  LINUX_CALL( 62, kill, full, "dS", "") \
  LINUX_CALL( 63, uname, full, "U", "") \
  LINUX_CALL(64, semget, full, "ddx", "") \
  LINUX_CALL(65, semop, full, "dpu", "") \
  LINUX_CALL(66, semctl, full, "dddx", "") \
  LINUX_CALL(67, shmdt, full, "p", "") \
  LINUX_CALL(68, msgget, full, "dx", "") \
  LINUX_CALL(69, msgsnd, full, "dpux", "") \
  LINUX_CALL(70, msgrcv, partial, "dpuex", "no MSG_COPY") \
  LINUX_CALL(71, msgctl, full, "ddp", "") \
  LINUX_CALL( 96, gettimeofday, full, "pp", "") \
  LINUX_CALL( 97, getrlimit, full, "RL", "") \
  LINUX_CALL( 98, getrusage, partial, "dp", "times, faults, switches, the largest resident size") \
  LINUX_CALL( 99, sysinfo, full, "p", "") \
  LINUX_CALL(100, times, full, "p", "") \
  LINUX_CALL(101, ptrace, partial, "$dpp", "no debug registers, PTRACE_SINGLEBLOCK, filters of seccomp") \
  LINUX_CALL(102, getuid, full, "", "") \
  LINUX_CALL(103, syslog, refuse, "dpd", "") \
  LINUX_CALL(104, getgid, full, "", "") \
  LINUX_CALL(105, setuid, full, "u", "") \
  LINUX_CALL(106, setgid, full, "u", "") \
  LINUX_CALL(107, geteuid, full, "", "") \
  LINUX_CALL(108, getegid, full, "", "") \
  LINUX_CALL(109, setpgid, full, "dd", "") \
  LINUX_CALL(110, getppid, full, "", "") \
  LINUX_CALL(111, getpgrp, full, "", "") \
  LINUX_CALL(112, setsid, full, "", "") \
  LINUX_CALL(113, setreuid, full, "uu", "") \
  LINUX_CALL(114, setregid, full, "uu", "") \
  LINUX_CALL(115, getgroups, full, "dp", "") \
  LINUX_CALL(116, setgroups, full, "dp", "") \
  LINUX_CALL(117, setresuid, full, "uuu", "") \
  LINUX_CALL(118, getresuid, full, "ppp", "") \
  LINUX_CALL(119, setresgid, full, "uuu", "") \
  LINUX_CALL(120, getresgid, full, "ppp", "") \
  LINUX_CALL(121, getpgid, full, "d", "") \
  LINUX_CALL(122, setfsuid, full, "u", "") \
  LINUX_CALL(123, setfsgid, full, "u", "") \
  LINUX_CALL(124, getsid, full, "d", "") \
  LINUX_CALL(125, capget, full, "pp", "") \
  LINUX_CALL(126, capset, partial, "pp", "root keeps them all") \
  LINUX_CALL(127, rt_sigpending, full, "Gu", "") \
  LINUX_CALL(128, rt_sigtimedwait, full, "gptu", "") \
  LINUX_CALL(129, rt_sigqueueinfo, full, "dSp", "") \
  LINUX_CALL(130, rt_sigsuspend, full, "gu", "") \
  LINUX_CALL(131, sigaltstack, full, "pp", "") \
  LINUX_CALL(135, personality, full, "x", "") \
  LINUX_CALL(140, getpriority, full, "dd", "") \
  LINUX_CALL(141, setpriority, partial, "ddd", "of whole processes") \
  LINUX_CALL(142, sched_setparam, full, "dp", "") \
  LINUX_CALL(143, sched_getparam, full, "dp", "") \
  LINUX_CALL(144, sched_setscheduler, partial, "ddp", "SCHED_OTHER, BATCH and IDLE only: EPERM for the others") \
  LINUX_CALL(145, sched_getscheduler, full, "d", "") \
  LINUX_CALL(146, sched_get_priority_max, full, "d", "") \
  LINUX_CALL(147, sched_get_priority_min, full, "d", "") \
  LINUX_CALL(149, mlock, full, "px", "") \
  LINUX_CALL(150, munlock, full, "px", "") \
  LINUX_CALL(151, mlockall, full, "x", "") \
  LINUX_CALL(152, munlockall, full, "", "") \
  LINUX_CALL(153, vhangup, partial, "", "EPERM for a root that has a terminal") \
  LINUX_CALL(157, prctl, partial, "8xxxx", "those that are missing are EINVAL, and told") \
  LINUX_CALL(158, arch_prctl, partial, "jp", "ARCH_SET_FS, ARCH_GET_FS") \
  LINUX_CALL(160, setrlimit, full, "Rl", "") \
  LINUX_CALL(148, sched_rr_get_interval, full, "dp", "") \
  LINUX_CALL(170, sethostname, full, "sd", "") \
  LINUX_CALL(171, setdomainname, full, "sd", "") \
  LINUX_CALL(186, gettid, full, "", "") \
  LINUX_CALL(200, tkill, full, "dS", "") \
  LINUX_CALL(201, time, full, "p", "") \
  LINUX_CALL(202, futex, partial, "pF", "PI: no boost, as all have one priority") \
  LINUX_CALL(203, sched_setaffinity, full, "dup", "") \
  LINUX_CALL(204, sched_getaffinity, full, "dup", "") \
  LINUX_CALL(218, set_tid_address, full, "p", "") \
  LINUX_CALL(219, restart_syscall, full, "", "") \
  LINUX_CALL(220, semtimedop, full, "dput", "") \
  LINUX_CALL(222, timer_create, partial, "ypp", "CPU clocks: fires at the end of a slice, 10 ms") \
  LINUX_CALL(223, timer_settime, full, "d#pp", "") \
  LINUX_CALL(224, timer_gettime, full, "dp", "") \
  LINUX_CALL(225, timer_getoverrun, full, "d", "") \
  LINUX_CALL(226, timer_delete, full, "d", "") \
  LINUX_CALL(227, clock_settime, refuse, "yt", "") \
  LINUX_CALL(228, clock_gettime, full, "yn", "") \
  LINUX_CALL(229, clock_getres, full, "yn", "") \
  LINUX_CALL(230, clock_nanosleep, full, "y#tn", "") \
  LINUX_CALL(231, exit_group, full, "d", "") \
  LINUX_CALL(234, tgkill, full, "ddS", "") \
  LINUX_CALL(237, mbind, partial, "pxdpux", "one node: checked, no effect") \
  LINUX_CALL(238, set_mempolicy, partial, "dpu", "one node: checked, no effect") \
  LINUX_CALL(239, get_mempolicy, full, "ppupx", "") \
  LINUX_CALL(247, waitid, full, "ddpxp", "") \
  LINUX_CALL(251, ioprio_set, partial, "ddd", "no effect") \
  LINUX_CALL(252, ioprio_get, full, "dd", "") \
  LINUX_CALL(273, set_robust_list, full, "pu", "") \
  LINUX_CALL(274, get_robust_list, full, "dpp", "") \
  LINUX_CALL(297, rt_tgsigqueueinfo, full, "ddSp", "") \
  LINUX_CALL(302, prlimit64, full, "dRlL", "") \
  LINUX_CALL(309, getcpu, full, "pp", "") \
  LINUX_CALL(310, process_vm_readv, full, "dpupux", "") \
  LINUX_CALL(311, process_vm_writev, full, "dpupux", "") \
  LINUX_CALL(312, kcmp, partial, "dddxx", "no KCMP_EPOLL_TFD") \
  LINUX_CALL(314, sched_setattr, partial, "dpx", "kept out: EPERM but for SCHED_OTHER") \
  LINUX_CALL(315, sched_getattr, full, "dpux", "") \
  LINUX_CALL(318, getrandom, full, "Hur", "") \
  LINUX_CALL(322, execveat, full, "DsvVA", "") \
  LINUX_CALL(324, membarrier, full, "dxd", "") \
  LINUX_CALL(325, mlock2, full, "pxx", "") \
  LINUX_CALL(329, pkey_mprotect, full, "puPd", "") \
  LINUX_CALL(330, pkey_alloc, full, "uu", "") \
  LINUX_CALL(331, pkey_free, full, "d", "") \
  LINUX_CALL(334, rseq, full, "pxxx", "") \
  LINUX_CALL(424, pidfd_send_signal, full, "fSpx", "") \
  LINUX_CALL(434, pidfd_open, full, "dx", "PIDFD_THREAD is EINVAL") \
  LINUX_CALL(435, clone3, partial, "0u", "no namespaces") \
  LINUX_CALL(438, pidfd_getfd, full, "ffu", "") \
  LINUX_CALL(449, futex_waitv, full, "pux#y", "")
// clang-format on
