// SPDX-License-Identifier: MIT
// For rows that trap: a handler that counts and goes on behind the instruction, which must be two bytes long.
#pragma once

#include "row.h"

#include <signal.h>
#include <ucontext.h>

static volatile long row_traps;

static void row_skip(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ++row_traps;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;
}
static inline void row_skip_on(int signal) {
  const struct sigaction action = {.sa_sigaction = row_skip, .sa_flags = SA_SIGINFO | SA_NODEFER};
  CHECK(sigaction(signal, &action, NULL) == 0);
}
