// SPDX-License-Identifier: MIT
/* row
title = "futex ping-pong round trip, two processes"
why = "two switches and nothing but waking and waiting"
source = "M3 (1995), M5"
aim = 3
*/
#include "row.h"

#include <linux/futex.h>
#include <sys/mman.h>

static void set(volatile int *word, int value) {
  *word = value;
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}
static void await(volatile int *word, int old) {
  while (*word == old) syscall(SYS_futex, word, FUTEX_WAIT, old, NULL, NULL, 0);
}

int main(void) {
  volatile int *there = mmap(NULL, row_page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(there != MAP_FAILED);
  volatile int *back = there + 64;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    for (int seen = 0; seen >= 0;) {
      await(there, seen);
      seen = *there;
      set(back, seen);
    }
    _exit(0);
  }
  int round = 0;
  MEASURE(100, {
    set(there, round + 1);
    await(back, round);
    ++round;
    CHECK(*back == round);
  });
  set(there, -1);
  row_reap(child);
  return 0;
}
