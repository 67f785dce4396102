// SPDX-License-Identifier: MIT
/* row
title = "write and read 1 byte of a pipe, one process, with --guard"
why = "what it costs to keep stray writes out of the state that the container's processes share (docs/decisions/0015)"
source = "beside the row without"
guard = true
*/
#include "bench/rows/pipe_byte.c"
