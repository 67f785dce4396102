// SPDX-License-Identifier: MIT
/* row
title = "mmap a page, touch it, munmap it"
why = "a fresh page from the system and back"
source = "M7 (1995), M17 (Dune)"
aim = 3
*/
#include "row.h"

#include <sys/mman.h>

int main(void) {
  MEASURE(100, {
    volatile char *page = mmap(NULL, row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(page != MAP_FAILED);
    page[5] = 1;
    CHECK(page[6] == 0);
    CHECK(munmap((void *)page, row_page) == 0);
  });
  return 0;
}
