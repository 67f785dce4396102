// SPDX-License-Identifier: MIT
/* row
title = "poll of N pipes of which the last is ready"
why = "what waiting for many costs; the first figure is for one"
source = "M18 (IX)"
*/
#include "row.h"

#include <poll.h>

enum { most = 256 };

int main(void) {
  static struct pollfd wanted[most];
  int ready[2], silent[2];
  CHECK(pipe(ready) == 0 && pipe(silent) == 0);
  row_send(ready[1], "x", 1);
  MEASURE_NOTHING();
  for (int count = 1; count <= most; count *= 4) {
    for (int i = 0; i < count; ++i) wanted[i] = (struct pollfd){.fd = i == count - 1 ? ready[0] : silent[0], .events = POLLIN};
    POINT(count);
    MEASURE_PREPARED(20, 20, , CHECK(poll(wanted, (nfds_t)count, -1) == 1));
    CHECK(wanted[count - 1].revents == POLLIN);
  }
  return 0;
}
