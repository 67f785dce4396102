// SPDX-License-Identifier: MIT
/* row
title = "clock_gettime"
why = "a call that Linux answers without the kernel (vDSO)"
source = "M1"
*/
#include "row.h"

int main(void) {
  struct timespec before, now;
  CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
  MEASURE(500, clock_gettime(CLOCK_MONOTONIC, &now));
  CHECK(now.tv_sec > before.tv_sec || (now.tv_sec == before.tv_sec && now.tv_nsec > before.tv_nsec));
  return 0;
}
