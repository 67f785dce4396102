// SPDX-License-Identifier: MIT
/* row
title = "Appel2: protect 100 pages, fault on each, unprotect; per page"
why = "what a checkpoint does"
source = "M7 (Appel and Li 1991), M17"
*/
#include "row.h"

#include <signal.h>
#include <sys/mman.h>

enum { pages = 100 };
static volatile long taken;

static void unprotect(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  mprotect((void *)((uintptr_t)info->si_addr & ~(uintptr_t)(row_page - 1)), row_page, PROT_READ | PROT_WRITE);
  ++taken;
}

int main(void) {
  char *area = mmap(NULL, pages * row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  memset(area, 1, pages * row_page);
  const struct sigaction action = {.sa_sigaction = unprotect, .sa_flags = SA_SIGINFO | SA_NODEFER};
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  unsigned sum = 0, next = 0;
  MEASURE_NOTHING();
  MEASURE_PREPARED(pages, 1, , {
    CHECK(mprotect(area, pages * row_page, PROT_NONE) == 0);
    for (int i = 0; i < pages; ++i) {
      next = (next + 37) % pages;
      sum += *(volatile unsigned char *)(area + next * row_page);
    }
  });
  CHECK(taken == pages * (row_warm_up + row_batches) && sum == taken);
  return 0;
}
