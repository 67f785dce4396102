// SPDX-License-Identifier: MIT
/* row
title = "fork, exec a static program, wait"
why = "what a shell does for each command"
source = "M13 (1997)"
aim = 2
*/
#include "row.h"

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "child") == 0) return 0;
  MEASURE(3, {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      execl("/proc/self/exe", words[0], "child", NULL);
      _exit(99);
    }
    row_reap(child);
  });
  return 0;
}
