// SPDX-License-Identifier: MIT
/* row
title = "posix_spawn a static program, wait"
why = "what newer programs do instead of fork and exec"
source = "M13 (1997)"
*/
#include "row.h"

#include <spawn.h>

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "child") == 0) return 0;
  char child[] = "child", *arguments[] = {words[0], child, NULL}, *environment[] = {NULL};
  MEASURE(3, {
    pid_t started = 0;
    CHECK(posix_spawn(&started, "/proc/self/exe", NULL, NULL, arguments, environment) == 0);
    row_reap(started);
  });
  return 0;
}
