// SPDX-License-Identifier: MIT
/* row
title = "a wrong answer"
why = "must be shown as failed"
source = "tests"
*/
#include "row.h"

int main(void) {
  MEASURE(10, CHECK(close(-1) == 0));
  return 0;
}
