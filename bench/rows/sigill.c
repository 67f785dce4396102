// SPDX-License-Identifier: MIT
/* row
title = "SIGILL: undefined instruction, handler, next instruction"
why = "an exception that the program takes itself"
source = "M2 (1995)"
*/
#include "row_trap.h"

int main(void) {
  row_skip_on(SIGILL);
  MEASURE(200, __asm__ volatile("ud2"));
  CHECK(row_traps == 200 * (row_warm_up + row_batches));
  return 0;
}
