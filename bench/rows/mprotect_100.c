// SPDX-License-Identifier: MIT
/* row
title = "mprotect 100 pages, and back"
why = "prot100 and unprot100 of 1995"
source = "M7 (1995)"
*/
#include "row.h"

#include <sys/mman.h>

int main(void) {
  char *pages = mmap(NULL, 200 * row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  memset(pages, 1, 200 * row_page);
  char *middle = pages + 50 * row_page;
  MEASURE(20, {
    CHECK(mprotect(middle, 100 * row_page, PROT_READ) == 0);
    CHECK(mprotect(middle, 100 * row_page, PROT_READ | PROT_WRITE) == 0);
  });
  middle[0] = 2;
  return 0;
}
