// SPDX-License-Identifier: MIT
/* row
title = "SIGSEGV: fault, handler, next instruction"
why = "an exception that the program takes itself"
source = "M2 (1995), M17 (Dune)"
aim = 5
*/
#include "row.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

static volatile long taken;
static volatile uintptr_t expected;

static void skip(int signal, siginfo_t *info, void *context) {
  (void)signal;
  if ((uintptr_t)info->si_addr == expected) ++taken;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP] += 2;  // the load below
}

int main(void) {
  char *page = mmap(NULL, row_page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(page != MAP_FAILED);
  const struct sigaction action = {.sa_sigaction = skip, .sa_flags = SA_SIGINFO | SA_NODEFER};
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  expected = (uintptr_t)page + 8;
  MEASURE(200, __asm__ volatile("movb (%%rax), %%cl" : : "a"(page + 8) : "rcx", "memory"));
  CHECK(taken == 200 * (row_warm_up + row_batches));
  return 0;
}
