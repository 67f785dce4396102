// SPDX-License-Identifier: MIT
/* row
title = "fork, exit, wait with N MiB touched"
why = "what a process costs and what its memory; the first figure is for 1 MiB"
source = "M13 (1997)"
*/
#include "row.h"

enum { most = 16 };

int main(void) {
  char *memory = malloc(most << 20);
  CHECK(memory != NULL);
  MEASURE_NOTHING();
  for (int mib = 1; mib <= most; mib *= 4) {
    memset(memory, 1, (size_t)mib << 20);
    POINT(mib);
    MEASURE_PREPARED(1, 1, , {
      const pid_t child = fork();
      CHECK(child >= 0);
      if (child == 0) _exit(memory[100] == 1 ? 0 : 1);
      row_reap(child);
    });
  }
  return 0;
}
