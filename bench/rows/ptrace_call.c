// SPDX-License-Identifier: MIT
/* row
title = "getpid of a traced process, with both its stops"
why = "a call that somebody else looks at"
source = "M17 (Dune)"
*/
#include "row.h"

#include <signal.h>
#include <sys/ptrace.h>

static void to_next_stop(pid_t traced) {
  int status;
  CHECK(ptrace(PTRACE_SYSCALL, traced, NULL, NULL) == 0);
  CHECK(waitpid(traced, &status, 0) == traced && status == 0x57f);
}

int main(void) {
  const pid_t traced = fork();
  CHECK(traced >= 0);
  if (traced == 0) {
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    raise(SIGSTOP);
    for (;;) syscall(SYS_getpid);
  }
  int status;
  CHECK(waitpid(traced, &status, 0) == traced && status == 0x137f);
  MEASURE(100, to_next_stop(traced), to_next_stop(traced));
  kill(traced, SIGKILL);
  CHECK(waitpid(traced, &status, 0) == traced && status == SIGKILL);
  return 0;
}
