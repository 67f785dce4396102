// SPDX-License-Identifier: MIT
// Runs a script of bench/apps: in a new folder each time /app/prepare, and between the marks /app/run; at the end /app/check in the
// last one. All must succeed.
#include "driver.h"

int main(void) {
  set_environment();
  MEASURE_NOTHING();
  MEASURE_PREPARED(1, 1, enter_new_folder(NULL), run_script("/app/run", NULL));
  run_script("/app/check", NULL);
  return 0;
}
