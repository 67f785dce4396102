// SPDX-License-Identifier: MIT
/* row
title = "getpid, and an extra loop"
why = "the guard must see it"
source = "tests"
*/
#define ROW_EXTRA for (volatile int extra = 0; extra < 100; ++extra)
#include "bench/rows/getpid.c"
