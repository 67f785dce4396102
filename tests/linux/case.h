// SPDX-License-Identifier: MIT
// One line per case: `call: what = result`, the result a number or the name of the error. A program's lines on ExOS must be
// those on Linux (tests/README.md), so a case prints nothing that differs between two runs on Linux: no ids, no addresses.
#pragma once

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_fchmodat2   // newer than the headers of Debian 12
#define SYS_fchmodat2 452
#endif

// The call itself, with its result.
#define CASE(call, what, ...) report(#call, what, syscall(SYS_##call, ##__VA_ARGS__))
// Only whether it succeeded: its result is an id or an address. Gives the result.
#define CASE_OK(call, what, ...) succeeds(#call, what, syscall(SYS_##call, ##__VA_ARGS__))
// What the call has done, seen otherwise: for calls that do not return, and for what they leave behind.
#define EFFECT(call, what, number) effect(#call, what, (long)(number))
#define EFFECT_TEXT(call, what, text) printf("%s: %s = %s\n", #call, what, text)

static inline void show(const char *call, const char *what, long result, const char *good) {
  if (result == -1) printf("%s: %s = %s\n", call, what, strerrorname_np(errno));
  else if (good != NULL) printf("%s: %s = %s\n", call, what, good);
  else printf("%s: %s = %ld\n", call, what, result);
}
static inline long report(const char *call, const char *what, long result) {
  show(call, what, result, NULL);
  errno = 0;
  return result;
}
static inline long succeeds(const char *call, const char *what, long result) {
  show(call, what, result, "ok");
  errno = 0;
  return result;
}
static inline void effect(const char *call, const char *what, long number) { printf("%s: %s = %ld\n", call, what, number); }

// A bad address that no mapping ever has, in front of which a page can be read and written.
static inline char *before_hole(void) {
  static char *page = NULL;
  if (page == NULL) {
    page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 4096, 4096);
  }
  return page + 4096;
}
#define BAD ((void *)16)

static char scratch_[] = "/tmp/exos-case-XXXXXX";
// The program works in a fresh directory, with output unbuffered so that children do not repeat it.
static inline void begin(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  close_range(3, ~0u, 0);
  umask(022);
  syscall(SYS_setpriority, 0, 0, 0);
  signal(SIGPIPE, SIG_IGN);
  if (mkdtemp(scratch_) == NULL || chdir(scratch_) != 0) exit(99);
  alarm(100);
}
static inline int remove_one(const char *path, const struct stat *s, int kind, struct FTW *where) { return remove(path); }
static inline int finish(void) {
  if (chdir("/") != 0) return 98;
  return nftw(scratch_, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ? 0 : 97;
}

static inline void sleep_ms(long ms) {
  struct timespec t = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&t, &t) != 0 && errno == EINTR) {}
  errno = 0;
}
// Status of a child as one number that reads well: 0..255 exit, 1000+n killed, 2000+n stopped, 3000 continued.
static inline int outcome(int status) {
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  if (WIFSIGNALED(status)) return 1000 + WTERMSIG(status);
  if (WIFSTOPPED(status)) return 2000 + WSTOPSIG(status);
  return WIFCONTINUED(status) ? 3000 : -1;
}
static inline int reap(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  errno = 0;
  return outcome(status);
}
// Runs the block in a child; the value is its outcome. Use: IN_CHILD(r, { ... _exit(3); });
#define IN_CHILD(result, ...)                      \
  do {                                             \
    pid_t child_ = fork();                         \
    if (child_ == 0) { __VA_ARGS__; _exit(0); }    \
    result = reap(child_);                         \
  } while (0)
