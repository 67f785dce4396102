// SPDX-License-Identifier: MIT
/* row
title = "a row that works"
why = "the others must not stop it"
source = "tests"
*/
#include "row.h"

int main(void) {
  MEASURE(10, CHECK(getppid() >= 0));
  return 0;
}
