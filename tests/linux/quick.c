// SPDX-License-Identifier: MIT
// Calls that only tell what the process is, over and over: from the second time on they need not go the way of the others.
#include "case.h"
#include <pthread.h>
#include <sys/time.h>

enum { often = 200 };

// The answer that a site gives each time, or -2 when it is not always the same.
#define SAME(call) ({ const long first = syscall(SYS_##call); long all = first; \
  for (int i = 0; i < often; ++i) if (syscall(SYS_##call) != first) all = -2; all; })

static volatile int ticks;
static void on_tick(int signal) { (void)signal; ++ticks; }

static pthread_t main_thread;
static void *send_ticks(void *unused) {
  (void)unused;
  for (int i = 0; i < often; ++i) {
    pthread_kill(main_thread, SIGUSR1);
    while (ticks <= i) sched_yield();
  }
  return NULL;
}

static long thread_id, thread_process;
static void *look(void *unused) {
  (void)unused;
  thread_id = SAME(gettid);
  thread_process = SAME(getpid);
  return NULL;
}

static char self_path[] = "/proc/self/exe";
static void *execute(void *unused) {
  (void)unused;
  execl(self_path, self_path, "after exec", (char *)NULL);
  return NULL;
}

int main(int count, char **arguments) {
  if (count > 1) return SAME(gettid) == SAME(getpid) ? 3 : 4;
  int r;
  pthread_t thread;
  begin();
  const long self = SAME(getpid);
  EFFECT(getpid, "same as the library's", self == getpid());
  EFFECT(gettid, "the first thread's", SAME(gettid) == self);
  pthread_create(&thread, NULL, look, NULL);
  pthread_join(thread, NULL);
  EFFECT(gettid, "another thread's", thread_id > 0 && thread_id != self);
  EFFECT(getpid, "the same process", thread_process == self);
  IN_CHILD(r, {
    EFFECT(getpid, "of a child", SAME(getpid) > 0 && SAME(getpid) != self);
    EFFECT(gettid, "of a child", SAME(gettid) == SAME(getpid));
    EFFECT(getuid, "before", SAME(getuid) + SAME(geteuid) + SAME(getgid) + SAME(getegid));
    CASE(setresgid, "three", 100, 101, 102);
    EFFECT(getgid, "after", SAME(getgid));
    EFFECT(getegid, "after", SAME(getegid));
    CASE(setresuid, "three", 200, 201, 202);
    EFFECT(getuid, "after", SAME(getuid));
    EFFECT(geteuid, "after", SAME(geteuid));
    CASE(setuid, "to the saved one", 202);
    EFFECT(geteuid, "to the saved one", SAME(geteuid));
    CASE(setreuid, "exchange", 202, 200);
    EFFECT(getuid, "exchanged", SAME(getuid) * 1000 + SAME(geteuid));
    CASE(setregid, "exchange", 101, 100);
    EFFECT(getgid, "exchanged", SAME(getgid) * 1000 + SAME(getegid));
  });
  EFFECT(getuid, "of the parent still", SAME(getuid) + SAME(geteuid) + SAME(getgid) + SAME(getegid));
  IN_CHILD(r, {
    pthread_create(&thread, NULL, execute, NULL);
    for (;;) pause();
  });
  EFFECT(gettid, "after a thread's exec", r);
  // Signals that come into the calls.
  const struct sigaction action = {.sa_handler = on_tick};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGALRM, &action, NULL);
  main_thread = pthread_self();
  pthread_create(&thread, NULL, send_ticks, NULL);
  int wrong = 0;
  while (ticks < often) wrong += syscall(SYS_getpid) != self;
  pthread_join(thread, NULL);
  EFFECT(getpid, "wrong under signals of a thread", wrong);
  ticks = 0;
  const struct itimerval often_enough = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &often_enough, NULL);
  while (ticks < 50) wrong += syscall(SYS_gettid) != self;
  setitimer(ITIMER_REAL, &off, NULL);
  EFFECT(gettid, "wrong under a timer", wrong);
  return 0;
}
