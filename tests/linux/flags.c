// SPDX-License-Identifier: MIT
// Flags and orders that programs use and no other case names: of files, watches, futexes, limits, clones, splices, random numbers.
#include "case.h"
#include <sched.h>
#include <setjmp.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

static void files(void) {
  int f = open("f", O_RDWR | O_CREAT, 0600), g = open("g", O_RDWR | O_CREAT, 0600);
  write(f, "12345678", 8);
  CASE_OK(openat, "O_LARGEFILE", AT_FDCWD, "f", O_RDONLY | 0100000);
  CASE_OK(openat, "O_NOATIME of one's own file", AT_FDCWD, "f", O_RDONLY | O_NOATIME);
  CASE_OK(fallocate, "keep the size", f, 1, 0, 100000);
  EFFECT(fallocate, "size kept", lseek(f, 0, SEEK_END));
  CASE_OK(fallocate, "punch a hole", f, 3, 2, 4);
  char bytes[9] = "";
  pread(f, bytes, 8, 0);
  EFFECT(fallocate, "hole is zero", bytes[1] == '2' && bytes[2] == 0 && bytes[5] == 0 && bytes[6] == '7');
  CASE(fallocate, "a hole that would change the size", f, 2, 0, 4);
  CASE(fallocate, "nothing", f, 0, 0, 0);
  CASE(renameat2, "RENAME_NOREPLACE, there is one", AT_FDCWD, "f", AT_FDCWD, "g", 1);
  CASE(renameat2, "RENAME_EXCHANGE", AT_FDCWD, "f", AT_FDCWD, "g", 2);
  struct stat s;
  stat("g", &s);
  EFFECT(renameat2, "exchanged", s.st_size);
  CASE(renameat2, "RENAME_EXCHANGE with nothing", AT_FDCWD, "f", AT_FDCWD, "none", 2);
  CASE(renameat2, "both", AT_FDCWD, "f", AT_FDCWD, "g", 3);
  struct timespec times[2] = {{0, UTIME_NOW}, {0, UTIME_OMIT}};
  CASE(utimensat, "UTIME_NOW and UTIME_OMIT", AT_FDCWD, "f", times, 0);
  times[0].tv_nsec = 1000000000;
  CASE(utimensat, "too many nanoseconds", AT_FDCWD, "f", times, 0);
  int pair[2];
  pipe(pair), write(pair[1], "abcdefgh", 8);
  CASE(splice, "SPLICE_F_MOVE | SPLICE_F_MORE", pair[0], NULL, f, NULL, 4, 5);
  CASE(splice, "unknown flag", pair[0], NULL, f, NULL, 4, 32);
  CASE(ioctl, "FIOASYNC off", f, 0x5452, &(int){0});
  CASE(preadv2, "unknown flag", f, &(struct iovec){bytes, 4}, 1, 0, 0, 1 << 20);
  close(f), close(g), close(pair[0]), close(pair[1]);
}

static void watching(void) {
  int n = inotify_init1(IN_NONBLOCK);
  mkdir("d", 0700);
  int w = inotify_add_watch(n, "d", IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF);
  close(open("d/a", O_CREAT | O_WRONLY, 0600)), rename("d/a", "d/b"), unlink("d/b");
  char room[500];
  long got = read(n, room, sizeof room), masks = 0, same_cookie = 0;
  for (long at = 0; at < got;) {
    struct inotify_event *e = (void *)(room + at);
    same_cookie ^= e->cookie, masks |= e->mask, at += sizeof *e + e->len;
  }
  EFFECT(inotify_add_watch, "moved, both halves with one cookie", (masks == (IN_MOVED_FROM | IN_MOVED_TO)) && same_cookie == 0);
  CASE(inotify_rm_watch, "the watch", n, w);
  got = read(n, room, sizeof room);
  EFFECT(inotify_rm_watch, "IN_IGNORED comes", ((struct inotify_event *)room)->mask == IN_IGNORED);
  CASE(inotify_rm_watch, "once more", n, w);
  int pair[2], set = epoll_create1(0);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  struct epoll_event e = {EPOLLIN | EPOLLRDHUP};
  epoll_ctl(set, EPOLL_CTL_ADD, pair[0], &e);
  CASE(shutdown, "the other's writing", pair[1], SHUT_WR);
  epoll_wait(set, &e, 1, 0);
  EFFECT(epoll_wait, "EPOLLRDHUP | EPOLLIN", e.events);
  close(pair[1]), epoll_wait(set, &e, 1, 0);
  EFFECT(epoll_wait, "EPOLLHUP too", e.events);
  struct pollfd closed = {200, POLLIN};
  CASE(poll, "a descriptor that is none", &closed, 1, 0);
  EFFECT(poll, "POLLNVAL", closed.revents);
  sigset_t set_of;
  sigemptyset(&set_of);
  int sfd = CASE_OK(signalfd4, "SFD_CLOEXEC | SFD_NONBLOCK", -1, &set_of, 8, SFD_CLOEXEC | SFD_NONBLOCK);
  EFFECT(signalfd4, "closes at exec", fcntl(sfd, F_GETFD));
  CASE(read, "nothing is pending", sfd, room, 200);
  close(sfd), close(set), close(n), close(pair[0]);
}

static void limits(void) {
  int r;
  static const struct { int which; const char *name; } all[] = {
      {RLIMIT_STACK, "stack"}, {RLIMIT_CPU, "cpu"}, {RLIMIT_NPROC, "processes"}, {RLIMIT_CORE, "core"}, {RLIMIT_AS, "address space"},
      {RLIMIT_DATA, "data"}, {RLIMIT_NOFILE, "files"}, {RLIMIT_MEMLOCK, "locked"}};
  for (unsigned i = 0; i < sizeof all / sizeof *all; ++i)
    IN_CHILD(r, {
      struct rlimit old;
      syscall(SYS_prlimit64, 0, all[i].which, NULL, &old);
      struct rlimit lower = {old.rlim_max / 2 < 50 ? 0 : 50, old.rlim_max};
      CASE(prlimit64, all[i].name, 0, all[i].which, &lower, NULL);
      syscall(SYS_prlimit64, 0, all[i].which, NULL, &old);
      EFFECT(prlimit64, "is told", old.rlim_cur == lower.rlim_cur);
      lower = (struct rlimit){2, 1};
      CASE(prlimit64, "soft above hard", 0, all[i].which, &lower, NULL);
    });
  IN_CHILD(r, {
    struct rlimit small = {4096, 4096};
    setrlimit(RLIMIT_FSIZE, &small), signal(SIGXFSZ, SIG_IGN);
    int f = open("limited", O_RDWR | O_CREAT, 0600);
    CASE(pwrite64, "up to RLIMIT_FSIZE", f, scratch_, 10, 4090);
    CASE(pwrite64, "beyond it", f, scratch_, 10, 5000);
    CASE(ftruncate, "beyond it", f, 5000);
  });
  IN_CHILD(r, {
    struct rlimit few = {10, 10};
    setrlimit(RLIMIT_NOFILE, &few);
    int n = 0;
    while (open("/", O_RDONLY) >= 0) ++n;
    EFFECT(open, "up to RLIMIT_NOFILE", n > 3 && n < 10 && errno == EMFILE);
    CASE(dup2, "to the limit", 0, 10);
    CASE(fcntl, "F_DUPFD at the limit", 0, F_DUPFD, 10);
  });
  IN_CHILD(r, {
    char *there = mmap(NULL, 8 << 20, 0, 34, -1, 0);
    setrlimit(RLIMIT_AS, &(struct rlimit){64 << 20, 64 << 20});
    CASE(mmap, "beyond RLIMIT_AS", NULL, 128 << 20, 3, 34, -1, 0);
    CASE_OK(mmap, "within RLIMIT_AS", NULL, 40 << 20, 3, 34, -1, 0);
    CASE(mmap, "beyond it by now", NULL, 40 << 20, 3, 34, -1, 0);
    CASE_OK(mmap, "in the place of another", there, 8 << 20, 3, 34 | MAP_FIXED, -1, 0);
    CASE(mremap, "beyond it", there, 8 << 20, 80 << 20, MREMAP_MAYMOVE, NULL);
    long end = syscall(SYS_brk, 0);
    EFFECT(brk, "beyond it", syscall(SYS_brk, end + (50 << 20)) - end);
  });
}

static volatile int info_code, info_errno, info_value;
static volatile long info_address;
static void take(int s, siginfo_t *i, void *c) { info_code = i->si_code, info_address = (long)i->si_addr, info_value = i->si_value.sival_int; }
static sigjmp_buf *volatile back;
static void leave(int s, siginfo_t *i, void *c) { info_code = i->si_code, info_address = (long)i->si_addr, siglongjmp(*back, 1); }
static void codes(void) {
  struct sigaction a = {.sa_sigaction = take, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &a, NULL), sigaction(SIGALRM, &a, NULL);
  syscall(SYS_tkill, gettid(), SIGUSR1);
  EFFECT(tkill, "SI_TKILL", info_code);
  kill(getpid(), SIGUSR1);
  EFFECT(kill, "SI_USER", info_code);
  sigqueue(getpid(), SIGUSR1, (union sigval){77});
  EFFECT(rt_sigqueueinfo, "SI_QUEUE", info_code * 1000 - info_value);
  struct sigevent to_thread = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1, .sigev_value = {5}};
  to_thread._sigev_un._tid = gettid();
  int timer;
  CASE_OK(timer_create, "SIGEV_THREAD_ID", CLOCK_MONOTONIC, &to_thread, &timer);
  struct itimerspec soon = {{0, 0}, {0, 1000000}};
  syscall(SYS_timer_settime, timer, 0, &soon, NULL);
  info_code = 99;
  while (info_code == 99) sleep_ms(1);
  EFFECT(timer_settime, "SI_TIMER with its value", info_code * 1000 - info_value);
  struct itimerval once = {{0, 0}, {0, 1000}};
  info_code = 99, setitimer(ITIMER_REAL, &once, NULL);
  while (info_code == 99) sleep_ms(1);
  EFFECT(setitimer, "SI_KERNEL", info_code);
  alarm(100);
  sigjmp_buf here;
  back = &here;
  a.sa_sigaction = leave, sigaction(SIGSEGV, &a, NULL), sigaction(SIGBUS, &a, NULL);
  char *page = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  if (sigsetjmp(here, 1) == 0) *(volatile char *)page = 1;
  EFFECT(mmap, "SEGV_ACCERR at the address", info_code * 10 + (info_address == (long)page));
  if (sigsetjmp(here, 1) == 0) *(volatile char *)(page + 4097) = 1;
  EFFECT(munmap, "SEGV_MAPERR at the address", info_code * 10 + (info_address == (long)page + 4097));
  int f = open("short", O_RDWR | O_CREAT, 0600);
  ftruncate(f, 100);
  char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
  if (sigsetjmp(here, 1) == 0) file[5000] = 1;
  EFFECT(mmap, "BUS_ADRERR behind a file's end", info_code * 10 + (info_address == (long)file + 5000));
  signal(SIGSEGV, SIG_DFL), signal(SIGBUS, SIG_DFL);
}

static int end_at_once(void *unused) { return 0; }
static void children(void) {
  struct sigaction a = {.sa_sigaction = take, .sa_flags = SA_SIGINFO | SA_NOCLDSTOP};
  sigaction(SIGCHLD, &a, NULL);
  info_code = 99;
  pid_t child = fork();
  if (child == 0) for (;;) pause();
  kill(child, SIGSTOP);
  int status;
  waitpid(child, &status, WUNTRACED);
  EFFECT(rt_sigaction, "SA_NOCLDSTOP: no signal for a stop", info_code);
  kill(child, SIGKILL);
  while (info_code == 99) sleep_ms(1);
  EFFECT(rt_sigaction, "CLD_KILLED", info_code);
  reap(child);
  a.sa_flags = SA_SIGINFO | SA_NOCLDWAIT, sigaction(SIGCHLD, &a, NULL);
  if (fork() == 0) _exit(0);
  CASE(wait4, "SA_NOCLDWAIT: nobody is left", -1, &status, 0, NULL);
  signal(SIGCHLD, SIG_DFL);
  static int word = 7;
  static char stack[16384];
  child = clone(end_at_once, stack + sizeof stack, CLONE_CHILD_CLEARTID | CLONE_SYSVSEM | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, NULL, NULL, &word);
  EFFECT(clone, "CLONE_CHILD_CLEARTID in memory that is shared", word);
  reap(child);
  CASE(getrandom, "GRND_RANDOM | GRND_NONBLOCK", scratch_ + sizeof scratch_ - 2, 0, 3);
  CASE(getrandom, "GRND_RANDOM with GRND_INSECURE", scratch_ + sizeof scratch_ - 2, 0, 6);
}

static void mappings(void) {
  CASE_OK(mmap, "MAP_STACK | MAP_GROWSDOWN", NULL, 8192, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_GROWSDOWN, -1, 0);
  CASE_OK(mmap, "MAP_DENYWRITE", NULL, 4096, 1, MAP_PRIVATE | 0x800, open("f", O_RDONLY), 0);
  char *p = mmap(NULL, 4 << 20, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CASE(msync, "MS_INVALIDATE | MS_SYNC", p, 4096, 6);
  CASE(msync, "MS_ASYNC with MS_SYNC", p, 4096, 5);
  munmap(p, 4 << 20);
}

int main(void) {
  begin();
  files(), watching(), limits(), codes(), children(), mappings();
  return finish();
}
