// SPDX-License-Identifier: MIT
/* row
title = "write a new file of 64 x 4 KiB; for each 4 KiB"
why = "frames for a file, and copying"
source = "M11 (1997)"
*/
#include "row.h"

#include <sys/stat.h>

enum { blocks = 64 };

int main(void) {
  static unsigned char page[row_page];
  const int file = open("row", O_CREAT | O_RDWR | O_TRUNC, 0600);
  CHECK(file >= 0);
  memset(page, 7, sizeof page);
  MEASURE_NOTHING();
  MEASURE_PREPARED(blocks, 1, CHECK(ftruncate(file, 0) == 0 && lseek(file, 0, SEEK_SET) == 0), {
    for (int i = 0; i < blocks; ++i) CHECK(write(file, page, sizeof page) == sizeof page);
  });
  struct stat status;
  CHECK(fstat(file, &status) == 0 && status.st_size == blocks * row_page);
  return 0;
}
