// SPDX-License-Identifier: MIT
/* row
title = "fork, exit, wait"
why = "a process made and gone; a small static program with 1 MiB touched"
source = "M13 (1997)"
aim = 2
*/
#include "row.h"

static char touched[1 << 20];

int main(void) {
  memset(touched, 1, sizeof touched);
  MEASURE(5, {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(touched[100] == 1 ? 0 : 1);
    row_reap(child);
  });
  return 0;
}
