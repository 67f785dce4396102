// SPDX-License-Identifier: MIT
// shares SECONDS WEIGHT...: children that compute on one processor, each with a nice or `idle`; says which part in a hundred each had.
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **words) {
  const struct sched_param none = {0};
  pid_t children[16];
  double used[16], all = 0;
  const int n = count - 2;
  if (n < 1 || n > 16) return 2;
  for (int i = 0; i < n; ++i) {
    children[i] = fork();
    if (children[i] != 0) continue;
    if (strcmp(words[i + 2], "idle") == 0) sched_setscheduler(0, SCHED_IDLE, &none);
    else setpriority(PRIO_PROCESS, 0, atoi(words[i + 2]));
    for (volatile unsigned long turns = 0;;) ++turns;
  }
  sleep(atoi(words[1]));
  for (int i = 0; i < n; ++i) {
    struct rusage r;
    kill(children[i], SIGKILL);
    wait4(children[i], NULL, 0, &r);
    used[i] = r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
    all += used[i];
  }
  for (int i = 0; i < n; ++i) printf("%s: %.0f %%\n", words[i + 2], 100 * used[i] / all);
  return 0;
}
