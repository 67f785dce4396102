// SPDX-License-Identifier: MIT
// Writes into the state that the library shares among its container's processes, from everywhere that a program can be, each
// time in a process of its own. Each must get SIGSEGV with SEGV_MAPERR at that address, may read there afterwards, and goes on. A
// bystander exchanges words with itself by a pipe and a file meanwhile. Where the state lies: gs, and the slot's start.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/io_uring.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static uint64_t *targets[3];   // the task's user area; the library's data; one of its pages nobody has
static void find_targets(void) {
  uint64_t gs;
  __asm__ volatile("rdgsbase %0" : "=r"(gs));
  targets[0] = (uint64_t *)gs;
  targets[1] = (uint64_t *)0x408000000000;
  targets[2] = (uint64_t *)0x40bfff000000;
}

static __thread sigjmp_buf back;
static uint64_t *volatile wanted;
static volatile int hits, wrong;
static void on_fault(int signal, siginfo_t *info, void *context) {
  if (info->si_code != SEGV_MAPERR || info->si_addr != wanted) ++wrong;
  ++hits;
  siglongjmp(back, 1);
}
static void stray(uint64_t *at) {
  find_targets();
  wanted = at;
  if (sigsetjmp(back, 1)) return;
  *(volatile uint64_t *)at = 0x5742574257425742;
  ++wrong;
}
// All of them. What can be read shows that nothing was written.
static void strays(void) {
  find_targets();
  for (int i = 0; i < 3; ++i) stray(targets[i]);
  for (int i = 0; i < 2; ++i)
    if (*(volatile uint64_t *)targets[i] == 0x5742574257425742) ++wrong;
  getpid(), getppid();
}

// --- from where -------------------------------------------------------------------------------------------------
static void from_main(void) { strays(); }
static void after_calls(void) {
  for (int i = 0; i < 50; ++i) {
    getppid(), strays();
    syscall(SYS_getuid), strays();
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t), strays();
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), strays();
    if (close(-1) != -1) ++wrong;
    strays();
  }
}
static void in_handler(int signal) {   // perhaps in the middle of another
  sigjmp_buf outer;
  uint64_t *const outer_wanted = wanted;
  memcpy(outer, back, sizeof outer);
  strays();
  memcpy(back, outer, sizeof outer);
  wanted = outer_wanted;
}
static void from_handlers(void) {
  signal(SIGUSR1, in_handler);
  for (int i = 0; i < 20; ++i) raise(SIGUSR1), strays();
  static char stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  sigaction(SIGUSR2, &(struct sigaction){.sa_handler = in_handler, .sa_flags = SA_ONSTACK}, NULL);
  for (int i = 0; i < 20; ++i) raise(SIGUSR2), strays();
}
// What a frame says about PKRU, or without vector state, opens nothing.
static int how_forged;
static void forge(int signal, siginfo_t *info, void *context) {
  ucontext_t *c = context;
  unsigned a = 0xd, b, k = 9, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(k), "=d"(d));
  char *state = (char *)c->uc_mcontext.fpregs;
  if (how_forged == 0) memset(state + b, 0, 4);                       // everything open
  if (how_forged == 1) *(uint64_t *)(state + 512) &= ~(1ull << 9);    // initial: everything open
  if (how_forged == 2) *(uint64_t *)(state + 512) |= ~0ull << 20;     // not loadable as it is
  if (how_forged == 3) c->uc_mcontext.fpregs = NULL;
  if (how_forged == 4) memset(state + b, 0xff, 4);                    // everything closed
}
static void by_frames(void) {
  sigaction(SIGUSR1, &(struct sigaction){.sa_sigaction = forge, .sa_flags = SA_SIGINFO}, NULL);
  for (how_forged = 0; how_forged < 5; ++how_forged) raise(SIGUSR1), strays();
}
static void *thread(void *unused) {
  for (int i = 0; i < 20; ++i) strays(), sched_yield();
  return unused;
}
static void from_threads(void) {
  for (int round = 0; round < 5; ++round) {
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL), pthread_join(t, NULL);
  }
}
static void after_fork(void) {
  pid_t child = fork();
  strays();
  if (child == 0) _exit(wrong);
  int status;
  waitpid(child, &status, 0);
  if (status != 0) ++wrong;
  if (vfork() == 0) _exit(0);
  wait(NULL);
  strays();
}
// At the end of a time slice, and of a fault that is resolved; both while nothing was called.
static void after_interruptions(void) {
  struct itimerval ticks = {{0, 3000}, {0, 3000}};
  signal(SIGALRM, in_handler);
  setitimer(ITIMER_REAL, &ticks, NULL);
  for (volatile uint64_t i = 0; i < 8000000; ++i)
    if (i % 400000 == 0) strays();
  ticks = (struct itimerval){{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &ticks, NULL);
  char *pages = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 64; ++i) pages[i * 4096] = 1, strays();
}
static void about_sleeps(void) {
  for (int i = 0; i < 10; ++i) usleep(1000), strays();
  int word = 0, p[2];
  struct timespec t = {0, 1000000};
  syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t), strays();
  signal(SIGALRM, in_handler);
  alarm(1);
  pause();
  strays();
  pipe(p);
  if (fork() == 0) {
    char c;
    read(p[0], &c, 1), strays();
    _exit(wrong);
  }
  usleep(2000);
  write(p[1], "x", 1);
  int status;
  wait(&status);
  if (status != 0) ++wrong;
}
static void with_a_ring(void) {
  struct io_uring_params p = {0};
  int ring = syscall(SYS_io_uring_setup, 4, &p);
  const size_t of_ends = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe), of_entries = p.sq_off.array + p.sq_entries * 4;
  char *rings = mmap(NULL, of_ends > of_entries ? of_ends : of_entries, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQ_RING);
  struct io_uring_sqe *sqe = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, ring, IORING_OFF_SQES);
  if (ring < 0 || rings == MAP_FAILED || sqe == MAP_FAILED) _exit(3);
  strays();
  int file = open("ring", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 3; ++i) {   // a good buffer, one in the state, and the state's start
    char good[8] = "8 bytes";
    memset(sqe, 0, sizeof *sqe);
    sqe->opcode = IORING_OP_READ, sqe->fd = file, sqe->len = 8, sqe->addr = (uintptr_t)(i == 0 ? (void *)good : targets[i - 1]);
    if (i == 0) pwrite(file, good, 8, 0);
    unsigned *tail = (unsigned *)(rings + p.sq_off.tail), *head = (unsigned *)(rings + p.cq_off.head);
    ((unsigned *)(rings + p.sq_off.array))[*tail & 3] = 0;
    ++*tail;
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 8) != 1) ++wrong;
    strays();
    struct io_uring_cqe *end = (struct io_uring_cqe *)(rings + p.cq_off.cqes) + (*head & 3);
    if (end->res != (i == 0 ? 8 : -EFAULT)) ++wrong;
    ++*head;
  }
}
// Calls that are told to write there.
static void by_calls(void) {
  find_targets();
  int p[2];
  pipe(p);
  write(p[1], "something", 9);
  for (int i = 0; i < 3; ++i) {
    void *at = targets[i];
    struct iovec piece = {at, 8};
    const long results[] = {read(p[0], at, 8), pread(open("/etc/passwd", O_RDONLY), at, 8, 0), readv(p[0], &piece, 1), readv(p[0], at, 1),
                            pipe(at), syscall(SYS_getcwd, at, 100), syscall(SYS_newfstatat, AT_FDCWD, "/", at, 0), syscall(SYS_getrandom, at, 8, 0),
                            syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, at), syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, at, 8),
                            syscall(SYS_futex, at, FUTEX_WAKE_OP, 1, 1, at, 0), write(p[1], at, 8), open(at, O_RDONLY),
                            syscall(SYS_sigaltstack, NULL, at), syscall(SYS_uname, at)};
    for (unsigned r = 0; r < sizeof results / sizeof *results; ++r)
      if (results[r] != -1) printf("call %u to target %d gives %ld\n", r, i, results[r]), ++wrong;
    strays();
  }
  char nine[9];
  if (read(p[0], nine, 9) != 9 || memcmp(nine, "something", 9) != 0) ++wrong;
}
// A program's own doing that closes more than the guard does: it costs a fault, no more.
static void closed_by_oneself(void) {
  for (int i = 0; i < 10; ++i) {
    __asm__ volatile("wrpkru" : : "a"(0x55555554), "c"(0), "d"(0) : "memory");
    if (getpid() <= 0) ++wrong;
    strays();
    __asm__ volatile("wrpkru" : : "a"(0x55555554), "c"(0), "d"(0) : "memory");
    if (getppid() <= 0) ++wrong;
    __asm__ volatile("wrpkru" : : "a"(0x55555554), "c"(0), "d"(0) : "memory");
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    strays();
  }
}
static void shut_out(unsigned pkru) {
  __asm__ volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
  for (volatile int i = 0;; ++i) getppid();
}
static void without_handler(void) {
  signal(SIGSEGV, SIG_DFL);
  stray(targets[1]);
}

static void bystander(int stop) {
  int p[2], file = open("bystander", O_RDWR | O_CREAT, 0600);
  uint64_t n = 0, got = 0;
  pipe(p);
  fcntl(stop, F_SETFL, O_NONBLOCK);
  for (char c; read(stop, &c, 1) != 1; ++n) {
    write(p[1], &n, 8), read(p[0], &got, 8);
    if (got != n) _exit(1);
    pwrite(file, &n, 8, n % 512 * 8), pread(file, &got, 8, n % 512 * 8);
    if (got != n) _exit(2);
  }
  _exit(n > 0 ? 0 : 3);
}

int main(int count, char **words) {
  static const struct { const char *name; void (*from)(void); } places[] = {
      {"main", from_main}, {"after calls", after_calls}, {"signal handlers", from_handlers}, {"signal frames", by_frames},
      {"threads", from_threads}, {"forks", after_fork}, {"interruptions", after_interruptions}, {"sleeps", about_sleeps},
      {"a ring", with_a_ring}, {"calls", by_calls}, {"its own wrpkru", closed_by_oneself}};
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigaction(SIGSEGV, &(struct sigaction){.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER}, NULL);
  find_targets();
  if (count > 1) {   // after exec
    strays();
    return wrong != 0 || hits != 3;
  }
  int stop[2], status;
  pipe(stop);
  const pid_t other = fork();
  if (other == 0) bystander(stop[0]);
  for (unsigned i = 0; i < sizeof places / sizeof *places; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      places[i].from();
      _exit(wrong != 0 ? 1 : hits < 3 ? 2 : 0);
    }
    waitpid(child, &status, 0);
    printf("%s: %x\n", places[i].name, status);
  }
  if (fork() == 0) execl("/proc/self/exe", words[0], "again", NULL);
  wait(&status);
  printf("exec: %x\n", status);
  for (int key_0 = 1; key_0 < 4; ++key_0) {   // no access, no writes, neither
    const pid_t child = fork();
    if (child == 0) shut_out(0x55555554 | key_0);
    waitpid(child, &status, 0);
    printf("without key 0 (%d): signal %d\n", key_0, WTERMSIG(status));
  }
  const pid_t child = fork();
  if (child == 0) without_handler();
  waitpid(child, &status, 0);
  printf("without a handler: signal %d\n", WTERMSIG(status));
  write(stop[1], "x", 1);
  waitpid(other, &status, 0);
  printf("bystander: %x\n", status);
  return 0;
}
