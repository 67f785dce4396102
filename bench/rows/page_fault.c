// SPDX-License-Identifier: MIT
/* row
title = "first touch of a page, of 64 mapped at once"
why = "demand zero: a fault, a frame, its zeroes"
source = "M17 (Dune)"
*/
#include "row.h"

#include <sys/mman.h>

enum { pages = 64 };
static char *area;

static void map_anew(void) {
  if (area != NULL) munmap(area, pages * row_page);
  area = mmap(NULL, pages * row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
}

int main(void) {
  MEASURE_NOTHING();
  MEASURE_PREPARED(pages, 1, map_anew(), {
    for (int page = 0; page < pages; ++page) *(volatile char *)(area + page * row_page) = 1;
  });
  CHECK(area[1] == 0 && area[row_page] == 1);
  return 0;
}
