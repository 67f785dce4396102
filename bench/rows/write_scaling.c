// SPDX-License-Identifier: MIT
/* row
title = "write N bytes to the memory file system (tmpfs), over themselves"
why = "what a call costs and what a byte; the first figure is for one byte"
source = "M15"
*/
#include "row.h"

enum { most = 65536 };

int main(void) {
  static char bytes[most];
  const int file = open("row", O_CREAT | O_RDWR | O_TRUNC, 0600);
  CHECK(file >= 0 && pwrite(file, bytes, most, 0) == most);
  MEASURE_NOTHING();
  for (int size = 1; size <= most; size *= 16) {
    POINT(size);
    MEASURE_PREPARED(20, 20, , CHECK(pwrite(file, bytes, (size_t)size, 0) == size));
  }
  return 0;
}
