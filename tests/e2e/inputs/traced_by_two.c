// SPDX-License-Identifier: MIT
// Two tracers want the same process, which has threads and children, step it, poke it and let it go, until somebody is killed. Arguments:
// a seed, how many rounds.
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static void *spin(void *unused) {
  for (;;) getppid(), sched_yield();
}
static void be_traced(void) {
  pthread_t one;
  pthread_create(&one, NULL, spin, NULL);
  pthread_create(&one, NULL, spin, NULL);
  for (int i = 0;; ++i) {
    if (i % 50 == 0) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      waitpid(child, NULL, 0);
    }
    getppid();
    if (i % 97 == 0) usleep(100);
  }
}

static void look_and_go_on(pid_t pid, int status) {
  struct user_regs_struct r;
  ptrace(PTRACE_GETREGS, pid, 0, &r);
  const long word = ptrace(PTRACE_PEEKTEXT, pid, r.rip, 0);
  if (rand() % 2) ptrace(PTRACE_POKETEXT, pid, r.rip, word);
  int signal = WSTOPSIG(status) & 0x7f;
  if (signal == SIGTRAP || signal == SIGSTOP) signal = 0;
  const int how = rand() % 20;
  if (how == 0) ptrace(PTRACE_DETACH, pid, 0, signal);
  else if (how == 1) ptrace(PTRACE_LISTEN, pid, 0, 0);
  else ptrace(how < 8 ? PTRACE_SINGLESTEP : how < 14 ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, signal);
}

static void trace(pid_t target) {
  for (;;) {
    const long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | (rand() % 2 ? PTRACE_O_EXITKILL : 0) |
                         (rand() % 2 ? PTRACE_O_TRACEEXIT : 0);
    const long begun = rand() % 3 ? ptrace(PTRACE_SEIZE, target, 0, options) : ptrace(PTRACE_ATTACH, target, 0, 0);
    if (begun < 0) {
      if (errno == ESRCH) _exit(0);
      usleep(rand() % 500);
      continue;
    }
    for (int i = rand() % 200; i > 0; --i) {
      if (rand() % 9 == 0) ptrace(PTRACE_INTERRUPT, target, 0, 0);
      int status;
      const pid_t pid = waitpid(-1, &status, __WALL | (rand() % 3 ? 0 : WNOHANG));
      if (pid < 0) break;
      if (pid > 0 && WIFSTOPPED(status)) look_and_go_on(pid, status);
    }
    if (rand() % 4 == 0) _exit(0);
  }
}

int main(int count, char **words) {
  const unsigned seed = atoi(words[1]), rounds = atoi(words[2]);
  for (unsigned round = 0; round < rounds; ++round) {
    srand(seed + round);
    pid_t all[3];
    if ((all[0] = fork()) == 0) be_traced();
    for (int i = 1; i < 3; ++i)
      if ((all[i] = fork()) == 0) {
        srand(seed * 77 + round * 2 + i);
        usleep(rand() % 2000);
        trace(all[0]);
      }
    usleep(rand() % 30000);
    if (rand() % 2) kill(all[1 + rand() % 2], SIGKILL);
    usleep(rand() % 3000);
    for (int i = 0; i < 3; ++i) kill(all[i], SIGKILL);
    for (int ended = 0; ended < 3;) {
      const pid_t pid = waitpid(-1, NULL, 0);
      for (int i = 0; i < 3; ++i) ended += pid == all[i];
    }
  }
  puts("all ended");
}
