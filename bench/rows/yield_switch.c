// SPDX-License-Identifier: MIT
/* row
title = "sched_yield between two processes, round trip"
why = "a switch and nothing else"
source = "M3 (1995)"
*/
#include "row.h"

#include <sched.h>
#include <sys/mman.h>

int main(void) {
  volatile int *stop = mmap(NULL, row_page, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK(stop != MAP_FAILED);
  const struct sched_param one = {.sched_priority = 1};
  sched_setscheduler(0, SCHED_FIFO, &one);  // or Linux may go on with who yields
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    while (*stop == 0) {
      ++stop[16];
      sched_yield();
    }
    _exit(0);
  }
  const int before = stop[16];
  MEASURE(100, sched_yield());
  CHECK(stop[16] - before >= 100 * (row_warm_up + row_batches) - 1);
  *stop = 1;
  row_reap(child);
  return 0;
}
