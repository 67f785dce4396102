// SPDX-License-Identifier: MIT
/* row
title = "Unix stream socket round trip, two processes"
why = "a request and its answer between local programs"
source = "M5 (1995)"
*/
#include "row.h"

#include <sys/socket.h>

int main(void) {
  int ends[2];
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  unsigned char byte = 0;
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    close(ends[0]);
    while (read(ends[1], &byte, 1) == 1) {
      ++byte;
      row_send(ends[1], &byte, 1);
    }
    _exit(0);
  }
  close(ends[1]);
  MEASURE(100, {
    row_send(ends[0], &byte, 1);
    row_receive(ends[0], &byte, 1);
  });
  CHECK(byte == (unsigned char)(100 * (row_warm_up + row_batches)));
  close(ends[0]);
  row_reap(child);
  return 0;
}
