// SPDX-License-Identifier: MIT
/* row
title = "write and read 8 KiB of a pipe, one process"
why = "the large pipe of 1997: copying"
source = "M13 (1997)"
*/
#include "row.h"

int main(void) {
  static char block[8192], seen[8192];
  int ends[2];
  CHECK(pipe(ends) == 0);
  memset(block, 3, sizeof block);
  MEASURE(50, {
    row_send(ends[1], block, sizeof block);
    row_receive(ends[0], seen, sizeof seen);
  });
  CHECK(memcmp(block, seen, sizeof seen) == 0);
  return 0;
}
