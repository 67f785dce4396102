// SPDX-License-Identifier: MIT
/* row
title = "write 4 KiB to the memory file system (tmpfs), over itself"
why = "what a file write costs when nothing is slow but the system"
source = "M18"
aim = 3
*/
#include "row.h"

int main(void) {
  static unsigned char page[row_page], seen[row_page];
  const int file = open("row", O_CREAT | O_RDWR | O_TRUNC, 0600);
  CHECK(file >= 0);
  memset(page, 7, sizeof page);
  MEASURE(200, CHECK(pwrite(file, page, sizeof page, 0) == sizeof page));
  CHECK(pread(file, seen, sizeof seen, 0) == sizeof seen && memcmp(page, seen, sizeof page) == 0);
  return 0;
}
