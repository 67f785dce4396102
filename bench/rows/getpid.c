// SPDX-License-Identifier: MIT
/* row
title = "getpid"
why = "the shortest call there is: what a crossing costs"
source = "M1, M17 (Dune)"
aim = 10
*/
#include "row.h"

int main(void) {
  const long self = getpid();
  long sum = 0;
  MEASURE(1000, sum += syscall(SYS_getpid));
  CHECK(sum == self * 1000 * (row_warm_up + row_batches));
  return 0;
}
