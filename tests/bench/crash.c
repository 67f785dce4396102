// SPDX-License-Identifier: MIT
/* row
title = "a crash between the marks"
why = "must be shown as failed"
source = "tests"
*/
#include "row.h"

int main(void) {
  MEASURE(10, *(volatile int *)8 = 1);
  return 0;
}
