// SPDX-License-Identifier: MIT
/* row
title = "an endless wait"
why = "must be shown as failed"
source = "tests"
*/
#include "row.h"

int main(void) {
  int ends[2];
  char byte;
  CHECK(pipe(ends) == 0);
  MEASURE(1, CHECK(read(ends[0], &byte, 1) == 1));
  return 0;
}
