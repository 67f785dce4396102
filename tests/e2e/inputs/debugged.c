// SPDX-License-Identifier: MIT
// What a debugger is shown: calls below calls, memory that changes, a thread, a child, a signal, calls of the system.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct point { int x, y; };
static struct point points[3];
static volatile int total, handled;

__attribute__((noinline)) int add(int i) {
  total += i;
  points[i % 3].x += i;
  return total;
}
__attribute__((noinline)) int deeper(int n) {
  if (n == 0) return add(7);
  return deeper(n - 1) + 1;
}
static void handler(int signal) { ++handled; }
static void *thread(void *number) {
  add(*(int *)number);
  return NULL;
}
static void wait_for_ever(void) {
  for (;;) pause();
}

int main(int count, char **words) {
  if (count > 1) wait_for_ever();
  for (int i = 0; i < 5; ++i) add(i);
  deeper(4);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  pthread_t one;
  int number = 50;
  pthread_create(&one, NULL, thread, &number);
  pthread_join(one, NULL);
  int status;
  if (fork() == 0) {
    add(1000);
    _exit(9);
  }
  wait(&status);
  double half = 0.5;
  write(1, "done\n", 5);
  return total + (int)(half * 2) + WEXITSTATUS(status);
}
