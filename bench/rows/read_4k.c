// SPDX-License-Identifier: MIT
/* row
title = "read 4 KiB of the memory file system (tmpfs)"
why = "a file read out of memory"
source = "M18"
*/
#include "row.h"

int main(void) {
  static unsigned char page[row_page], seen[row_page];
  const int file = open("row", O_CREAT | O_RDWR | O_TRUNC, 0600);
  memset(page, 7, sizeof page);
  CHECK(file >= 0 && pwrite(file, page, sizeof page, 0) == sizeof page);
  MEASURE(200, CHECK(pread(file, seen, sizeof seen, 0) == sizeof seen));
  CHECK(memcmp(page, seen, sizeof page) == 0);
  return 0;
}
