// SPDX-License-Identifier: MIT
/* row
title = "eventfd written, seen by epoll, read"
why = "what an event loop does for each event"
source = "M18 (IX)"
aim = 3
*/
#include "row.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>

int main(void) {
  const int event = eventfd(0, 0), set = epoll_create1(0);
  CHECK(event >= 0 && set >= 0);
  struct epoll_event wanted = {.events = EPOLLIN, .data = {.u64 = 77}};
  CHECK(epoll_ctl(set, EPOLL_CTL_ADD, event, &wanted) == 0);
  MEASURE(300, {
    uint64_t number = 3;
    row_send(event, &number, sizeof number);
    struct epoll_event seen = {.events = 0};
    CHECK(epoll_wait(set, &seen, 1, -1) == 1 && seen.data.u64 == 77);
    row_receive(event, &number, sizeof number);
    CHECK(number == 3);
  });
  return 0;
}
