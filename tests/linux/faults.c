// SPDX-License-Identifier: MIT
// A bad pointer in each place where a call takes one: what Linux answers, which is EFAULT nearly everywhere. Each case has a
// process of its own, so that a call that succeeds after all does no harm.
#include "faults.h"
#include <linux/openat2.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <sys/un.h>

// Good values for what is not being tried.
static char room[8192], path[] = "f", other[] = "g", missing[] = "missing", directory[] = "d", program[] = "x", text[] = "text";
static int file, folder, in, out, left, right, set, event, timer, notify, listener;
static struct iovec pieces[2] = {{room, 4}, {room + 64, 4}};
static struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 1};
static struct mmsghdr messages[1];
static struct sockaddr_un name = {AF_UNIX, "s"};
static struct timespec soon = {0, 1000000}, none;
static struct itimerval interval;
static struct itimerspec spec;
static struct sigevent wake = {.sigev_notify = SIGEV_NONE};
static struct open_how how;
static struct clone_args clone_to = {.exit_signal = SIGCHLD};
static sigset_t signals;
static siginfo_t information;
static int one = 1, length = sizeof name, pair[2];
static unsigned mask_length = 8;
static uint64_t zero64;
static char *words[] = {"x", NULL};
static struct flock lock = {F_WRLCK};

static trial *trials(int *count) {
  static struct pollfd polled;
  static struct epoll_event happened = {EPOLLIN};
  static fd_set readers;
  static struct { const sigset_t *set; size_t size; } six = {&signals, 8};
  static struct { uint64_t mask; } kept;
  static unsigned futex_word;
  static struct { uint64_t v, a; uint32_t f, r; } waited[1];
  static struct sched_param priority;
  static struct { unsigned size, policy; uint64_t more[6]; } attributes = {48};
  static struct { unsigned version; int pid; } header = {0x20080522};
  static stack_t alternate = {.ss_flags = SS_DISABLE};
  const trial all[] = {
      TRY(read, P(1), file, A room, 4), TRY(write, P(1), file, A room, 4), TRY(open, P(0), A path, O_RDONLY), TRY(stat, P(0) | P(1), A path, A room),
      TRY(fstat, P(1), file, A room), TRY(lstat, P(0) | P(1), A path, A room), TRY(poll, P(0), A &polled, 1, 0), TRY(pread64, P(1), file, A room, 4, 0),
      TRY(pwrite64, P(1), file, A room, 4, 0), TRY(readv, P(1), file, A pieces, 2), TRY(writev, P(1), file, A pieces, 2), TRY(access, P(0), A path, 0),
      TRY(pipe, P(0), A pair), TRY(pipe2, P(0), A pair, 0), TRY(select, P(1) | P(2) | P(3) | P(4), 8, A &readers, A &readers, A &readers, A &none),
      TRY(mincore, P(2), A room, 0, A room), TRY(nanosleep, P(0) | P(1), A &none, A room), TRY(getitimer, P(1), 0, A room),
      TRY(setitimer, P(1) | P(2), 0, A &interval, A room), TRY(sendfile, P(2), out, file, A &zero64, 1), TRY(connect, P(1), left, A &name, sizeof name),
      TRY(bind, P(1), listener, A &name, sizeof name), TRY(sendto, P(1), left, A room, 4, 0, 0, 0), TRY(recvfrom, P(1), right, A room, 4, MSG_DONTWAIT, 0, 0),
      TRY(sendmsg, P(1), left, A &message, 0), TRY(recvmsg, P(1), right, A &message, MSG_DONTWAIT), TRY(getsockname, P(1) | P(2), left, A room, A &length),
      TRY(getpeername, P(1) | P(2), left, A room, A &length), TRY(socketpair, P(3), AF_UNIX, SOCK_STREAM, 0, A pair),
      TRY(setsockopt, P(3), left, SOL_SOCKET, SO_PASSCRED, A &one, 4), TRY(getsockopt, P(3) | P(4), left, SOL_SOCKET, SO_TYPE, A room, A &length),
      TRY(sendmmsg, P(1), left, A messages, 1, 0), TRY(recvmmsg, P(1), right, A messages, 1, MSG_DONTWAIT, 0),
      TRY(execve, P(0) | P(1) | P(2), A program, A words, A words), TRY(execveat, P(1) | P(2) | P(3), AT_FDCWD, A program, A words, A words, 0),
      TRY(uname, P(0), A room), TRY(fcntl, P(2), file, F_SETLK, A &lock), TRY(fcntl, P(2), file, F_GETLK, A &lock), TRY(truncate, P(0), A path, 100),
      TRY(getcwd, P(0), A room, 4096), TRY(chdir, P(0), A directory), TRY(rename, P(0) | P(1), A path, A path), TRY(mkdir, P(0), A other, 0700),
      TRY(rmdir, P(0), A missing), TRY(creat, P(0), A other, 0600), TRY(link, P(0) | P(1), A path, A other), TRY(unlink, P(0), A missing),
      TRY(symlink, P(0) | P(1), A path, A other), TRY(readlink, P(0) | P(1), A "l", A room, 100), TRY(chmod, P(0), A path, 0600), TRY(chown, P(0), A path, -1, -1),
      TRY(lchown, P(0), A path, -1, -1), TRY(gettimeofday, P(0) | P(1), A room, A room + 64), TRY(getrlimit, P(1), 7, A room), TRY(setrlimit, P(1), 4, A room),
      TRY(getrusage, P(1), 0, A room), TRY(sysinfo, P(0), A room), TRY(times, P(0), A room),
      TRY(getresuid, P(0) | P(1) | P(2), A room, A room + 8, A room + 16), TRY(getresgid, P(0) | P(1) | P(2), A room, A room + 8, A room + 16),
      TRY(capget, P(0) | P(1), A &header, A room), TRY(rt_sigpending, P(0), A room, 8), TRY(rt_sigtimedwait, P(0) | P(1) | P(2), A &signals, A room, A &none, 8),
      TRY(rt_sigqueueinfo, P(2), getpid(), 0, A &information), TRY(rt_sigsuspend, P(0), A &signals, 8), TRY(sigaltstack, P(0) | P(1), A &alternate, A room),
      TRY(rt_sigaction, P(1) | P(2), SIGUSR1, 0, A room, 8), TRY(rt_sigprocmask, P(1) | P(2), SIG_BLOCK, A &signals, A room, 8), TRY(utime, P(0) | P(1), A path, A room),
      TRY(mknod, P(0), A other, S_IFIFO | 0600, 0), TRY(statfs, P(0) | P(1), A path, A room), TRY(fstatfs, P(1), file, A room), TRY(sched_setparam, P(1), 0, A &priority),
      TRY(sched_getparam, P(1), 0, A room), TRY(sched_rr_get_interval, P(1), 0, A room), TRY(prctl, P(1), 15, A text), TRY(prctl, P(1), 16, A room), TRY(prctl, P(1), 2, A room),
      TRY(setxattr, P(0) | P(1) | P(2), A path, A "user.x", A text, 4, 0), TRY(getxattr, P(0) | P(1) | P(2), A path, A "user.a", A room, 100),
      TRY(fsetxattr, P(1) | P(2), file, A "user.x", A text, 4, 0), TRY(fgetxattr, P(1) | P(2), file, A "user.a", A room, 100), TRY(listxattr, P(0) | P(1), A path, A room, 100),
      TRY(flistxattr, P(1), file, A room, 100), TRY(removexattr, P(0) | P(1), A path, A "user.none"), TRY(time, P(0), A room),
      TRY(futex, P(0), A &futex_word, 0, 1, A &none), TRY(futex, P(3), A &futex_word, 0, 0, A &soon), TRY(futex, P(0) | P(4), A &futex_word, 4, 1, 1, A &futex_word, 0),
      TRY(sched_setaffinity, P(2), 0, 8, A room), TRY(sched_getaffinity, P(2), 0, 8, A room), TRY(getdents64, P(1), folder, A room, 1000), TRY(getdents, P(1), folder, A room, 1000),
      TRY(timer_create, P(1) | P(2), CLOCK_MONOTONIC, A &wake, A room), TRY(clock_gettime, P(1), CLOCK_MONOTONIC, A room), TRY(clock_getres, P(1), CLOCK_MONOTONIC, A room),
      TRY(clock_nanosleep, P(2), CLOCK_MONOTONIC, 0, A &none, A room), TRY(epoll_wait, P(1), set, A room, 4, 0),
      TRY(epoll_pwait, P(1) | P(4), set, A room, 4, 0, A &signals, 8), TRY(epoll_pwait2, P(1) | P(3) | P(4), set, A room, 4, A &none, A &signals, 8),
      TRY(utimes, P(0) | P(1), A path, A room), TRY(waitid, P(2), P_ALL, 0, A &information, WEXITED | WNOHANG, 0), TRY(inotify_add_watch, P(1), notify, A path, IN_MODIFY),
      TRY(openat, P(1), AT_FDCWD, A path, 0), TRY(mkdirat, P(1), AT_FDCWD, A other, 0700), TRY(mknodat, P(1), AT_FDCWD, A other, S_IFIFO | 0600, 0),
      TRY(fchownat, P(1), AT_FDCWD, A path, -1, -1, 0), TRY(futimesat, P(1) | P(2), AT_FDCWD, A path, A room), TRY(newfstatat, P(1) | P(2), AT_FDCWD, A path, A room, 0),
      TRY(unlinkat, P(1), AT_FDCWD, A missing, 0), TRY(renameat, P(1) | P(3), AT_FDCWD, A path, AT_FDCWD, A path), TRY(renameat2, P(1) | P(3), AT_FDCWD, A path, AT_FDCWD, A path, 0),
      TRY(linkat, P(1) | P(3), AT_FDCWD, A path, AT_FDCWD, A other, 0), TRY(symlinkat, P(0) | P(2), A path, AT_FDCWD, A other),
      TRY(readlinkat, P(1) | P(2), AT_FDCWD, A "l", A room, 100), TRY(fchmodat, P(1), AT_FDCWD, A path, 0600), TRY(faccessat, P(1), AT_FDCWD, A path, 0),
      TRY(faccessat2, P(1), AT_FDCWD, A path, 0, 0), TRY(pselect6, P(1) | P(4) | P(5), 8, A &readers, 0, 0, A &none, A &six), TRY(ppoll, P(0) | P(2) | P(3), A &polled, 1, A &none, A &signals, 8),
      TRY(get_robust_list, P(1) | P(2), 0, A room, A room + 8), TRY(splice, P(1), file, A &zero64, out, 0, 4, 0), TRY(vmsplice, P(1), out, A pieces, 1, 0),
      TRY(utimensat, P(1) | P(2), AT_FDCWD, A path, A room, 0), TRY(signalfd4, P(1), -1, A &signals, 8, 0), TRY(signalfd, P(1), -1, A &signals, 8),
      TRY(timerfd_settime, P(2) | P(3), timer, 0, A &spec, A room), TRY(timerfd_gettime, P(1), timer, A room), TRY(preadv, P(1), file, A pieces, 2, 0, 0),
      TRY(pwritev, P(1), file, A pieces, 2, 0, 0), TRY(preadv2, P(1), file, A pieces, 2, 0, 0, 0), TRY(pwritev2, P(1), file, A pieces, 2, 0, 0, 0),
      TRY(rt_tgsigqueueinfo, P(3), getpid(), getpid(), 0, A &information), TRY(prlimit64, P(2) | P(3), 0, 4, A room, A room), TRY(getcpu, P(0) | P(1), A room, A room + 4),
      TRY(process_vm_readv, P(1) | P(3), getpid(), A pieces, 1, A pieces + 16, 1, 0), TRY(process_vm_writev, P(1) | P(3), getpid(), A pieces, 1, A pieces + 16, 1, 0),
      TRY(sched_setattr, P(1), 0, A &attributes, 0), TRY(sched_getattr, P(1), 0, A room, 48, 0), TRY(getrandom, P(0), A room, 8, 0), TRY(memfd_create, P(0), A text, 0),
      TRY(copy_file_range, P(1) | P(3), file, A &zero64, folder, A &zero64, 0, 0), TRY(statx, P(1) | P(4), AT_FDCWD, A path, 0, 0x7ff, A room),
      TRY(clone3, P(0), A &clone_to, sizeof clone_to), TRY(openat2, P(1) | P(2), AT_FDCWD, A path, A &how, sizeof how), TRY(futex_waitv, P(0), A waited, 1, 0, 0, 0),
      TRY(wait4, P(1) | P(3), -1, A room, WNOHANG, A room), TRY(ioctl, P(2), in, 0x541b, A room), TRY(ioctl, P(2), file, 0x5421, A &one), TRY(accept, P(1) | P(2), left, A room, A &length),
      TRY(set_mempolicy, P(1), 1, A room, 8), TRY(get_mempolicy, P(0), A room, 0, 0, 0, 0), TRY(pidfd_send_signal, P(2), file, 0, A &information, 0),
      TRY(timerfd_gettime, P(1), timer, A room), TRY(set_tid_address, P(0), A room), TRY(setgroups, P(1), 1, A room), TRY(sethostname, P(0), A text, 4), TRY(capset, P(0) | P(1), A &header, A room), TRY(chroot, P(0), A directory),
      TRY(epoll_ctl, P(3), set, EPOLL_CTL_MOD, event, A &happened)};
  *count = sizeof all / sizeof *all;
  return memcpy(malloc(sizeof all), all, sizeof all);
}

static void prepare(void) {
  file = open(path, O_RDWR | O_CREAT, 0700), write(file, "contents", 8), lseek(file, 0, SEEK_SET);
  close(open(program, O_WRONLY | O_CREAT, 0700));
  mkdir(directory, 0700), symlink(path, "l"), setxattr(path, "user.a", "b", 1, 0);
  folder = open(directory, O_RDONLY);
  pipe(pair), in = pair[0], out = pair[1];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair), left = pair[0], right = pair[1], write(left, "12345678", 8);
  set = epoll_create1(0), event = eventfd(1, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0), notify = inotify_init1(IN_NONBLOCK);
  epoll_ctl(set, EPOLL_CTL_ADD, event, &(struct epoll_event){EPOLLIN});
  listener = socket(AF_UNIX, SOCK_STREAM, 0);
  messages[0].msg_hdr = message;
  write(out, "abcd", 4);
  sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);   // what was before exec is not forgotten whole
}

int main(void) {
  begin();
  prepare();
  int count;
  trial *all = trials(&count);
  run_trials(all, count);
  return finish();
}
