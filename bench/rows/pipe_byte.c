// SPDX-License-Identifier: MIT
/* row
title = "write and read 1 byte of a pipe, one process"
why = "a call that does something small: descriptors, copying, waking nobody"
source = "M13 (1997)"
aim = 5
*/
#include "row.h"

int main(void) {
  int ends[2];
  CHECK(pipe(ends) == 0);
  unsigned char byte = 0;
  MEASURE(500, {
    row_send(ends[1], &byte, 1);
    row_receive(ends[0], &byte, 1);
    ++byte;
  });
  CHECK(byte == (unsigned char)(500 * (row_warm_up + row_batches)));
  return 0;
}
