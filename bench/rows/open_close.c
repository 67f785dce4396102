// SPDX-License-Identifier: MIT
/* row
title = "open and close a file"
why = "a path walked, a descriptor made and let go"
source = "M11 (1997)"
aim = 3
*/
#include "row.h"

#include <sys/stat.h>

int main(void) {
  CHECK(mkdir("folder", 0700) == 0);
  close(open("folder/row", O_CREAT | O_WRONLY, 0600));
  MEASURE(200, {
    const int file = open("folder/row", O_RDONLY);
    CHECK(file >= 0 && close(file) == 0);
  });
  return 0;
}
