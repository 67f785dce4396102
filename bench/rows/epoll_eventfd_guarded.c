// SPDX-License-Identifier: MIT
/* row
title = "eventfd written, seen by epoll, read, with --guard"
why = "what it costs to keep stray writes out of the state that the container's processes share (docs/decisions/0015)"
source = "beside the row without"
guard = true
*/
#include "bench/rows/epoll_eventfd.c"
