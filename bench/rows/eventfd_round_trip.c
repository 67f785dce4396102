// SPDX-License-Identifier: MIT
/* row
title = "eventfd round trip, two processes"
why = "two switches with the smallest message there is"
source = "M3 (1995)"
*/
#include "row.h"

#include <sys/eventfd.h>

int main(void) {
  const int there = eventfd(0, 0), back = eventfd(0, 0);
  CHECK(there >= 0 && back >= 0);
  enum { stop = 1000 };
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    for (uint64_t number = 0; number != stop;) {
      row_receive(there, &number, sizeof number);
      row_send(back, &number, sizeof number);
    }
    _exit(0);
  }
  uint64_t number = 5;
  MEASURE(100, {
    row_send(there, &number, sizeof number);
    row_receive(back, &number, sizeof number);
    CHECK(number == 5);
  });
  number = stop;
  row_send(there, &number, sizeof number);
  row_reap(child);
  return 0;
}
