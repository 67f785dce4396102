// SPDX-License-Identifier: MIT
/* row
title = "pipe round trip, two processes"
why = "1 byte there, 1 byte back: two switches"
source = "M5 (1995), M13 (1997)"
aim = 3
*/
#include "row.h"

int main(void) {
  int there[2], back[2];
  CHECK(pipe(there) == 0 && pipe(back) == 0);
  unsigned char byte = 0;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(there[1]);
    while (read(there[0], &byte, 1) == 1) {
      ++byte;
      row_send(back[1], &byte, 1);
    }
    _exit(0);
  }
  MEASURE(100, {
    row_send(there[1], &byte, 1);
    row_receive(back[0], &byte, 1);
  });
  CHECK(byte == (unsigned char)(100 * (row_warm_up + row_batches)));
  close(there[1]);
  row_reap(child);
  return 0;
}
