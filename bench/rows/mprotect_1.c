// SPDX-License-Identifier: MIT
/* row
title = "mprotect 1 page, and back"
why = "prot1 of 1995, twice"
source = "M7 (1995)"
*/
#include "row.h"

#include <sys/mman.h>

int main(void) {
  char *pages = mmap(NULL, 64 * row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  memset(pages, 1, 64 * row_page);
  char *page = pages + 30 * row_page;
  MEASURE(100, {
    CHECK(mprotect(page, row_page, PROT_READ) == 0);
    CHECK(mprotect(page, row_page, PROT_READ | PROT_WRITE) == 0);
  });
  page[0] = 2;
  return 0;
}
