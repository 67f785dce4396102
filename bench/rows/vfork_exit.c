// SPDX-License-Identifier: MIT
/* row
title = "vfork, exit, wait"
why = "a process without a copy of its memory"
source = "M13 (1997)"
*/
#include "row.h"

int main(void) {
  MEASURE(5, {
    const pid_t child = vfork();
    CHECK(child >= 0);
    if (child == 0) _exit(0);
    row_reap(child);
  });
  return 0;
}
