// SPDX-License-Identifier: MIT
/* row
title = "create a file, close it, unlink it"
why = "a name made and gone"
source = "M11 (1997)"
*/
#include "row.h"

int main(void) {
  MEASURE(100, {
    const int file = open("row", O_CREAT | O_EXCL | O_WRONLY, 0600);
    CHECK(file >= 0 && close(file) == 0 && unlink("row") == 0);
  });
  return 0;
}
