// SPDX-License-Identifier: MIT
/* row
title = "SIGFPE: division by zero, handler, next instruction"
why = "an exception that the program takes itself"
source = "M2 (1995)"
*/
#include "row.h"

#include <signal.h>
#include <ucontext.h>

static volatile long taken;

static void skip(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ++taken;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;  // the instruction below
}

int main(void) {
  const struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO | SA_NODEFER};
  CHECK(sigaction(SIGFPE, &action, NULL) == 0);
  MEASURE(200, __asm__ volatile("divl %%ecx" : : "c"(0), "a"(1), "d"(0) : "cc"));
  CHECK(taken == 200 * (row_warm_up + row_batches));
  return 0;
}
