// SPDX-License-Identifier: MIT
/* row
title = "Appel1: fault; the handler protects a page, unprotects this one"
why = "what a garbage collector does, page by page; 100 pages"
source = "M7 (Appel and Li 1991), M17"
*/
#include "row.h"

#include <signal.h>
#include <sys/mman.h>

enum { pages = 100 };
static char *area;
static int open_page;
static volatile long taken;

static void swap_pages(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)context;
  const int page = (int)(((char *)info->si_addr - area) / row_page);
  mprotect(area + open_page * row_page, row_page, PROT_NONE);
  mprotect(area + page * row_page, row_page, PROT_READ | PROT_WRITE);
  open_page = page;
  ++taken;
}

int main(void) {
  area = mmap(NULL, pages * row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  memset(area, 1, pages * row_page);
  const struct sigaction action = {.sa_sigaction = swap_pages, .sa_flags = SA_SIGINFO | SA_NODEFER};
  CHECK(sigaction(SIGSEGV, &action, NULL) == 0);
  for (int page = 1; page < pages; ++page) CHECK(mprotect(area + page * row_page, row_page, PROT_NONE) == 0);
  unsigned sum = 0, next = 0;
  MEASURE(100, {
    next = (next + 37) % pages;  // all of them, none twice in a row
    sum += *(volatile unsigned char *)(area + next * row_page);
  });
  CHECK(taken == 100 * (row_warm_up + row_batches) && sum == taken);
  return 0;
}
