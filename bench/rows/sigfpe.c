// SPDX-License-Identifier: MIT
/* row
title = "SIGFPE: division by zero, handler, next instruction"
why = "an exception that the program takes itself"
source = "M2 (1995)"
*/
#include "row_trap.h"

int main(void) {
  row_skip_on(SIGFPE);
  MEASURE(200, __asm__ volatile("divl %%ecx" : : "c"(0), "a"(1), "d"(0) : "cc"));
  CHECK(row_traps == 200 * (row_warm_up + row_batches));
  return 0;
}
