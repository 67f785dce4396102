// SPDX-License-Identifier: MIT
/* row
title = "create a thread, join it"
why = "a thread's whole life"
source = "threads"
*/
#include "row.h"

#include <pthread.h>

static void *add_one(void *number) {
  ++*(long *)number;
  return number;
}

int main(void) {
  long number = 0;
  MEASURE(20, {
    pthread_t thread;
    void *result = NULL;
    CHECK(pthread_create(&thread, NULL, add_one, &number) == 0 && pthread_join(thread, &result) == 0 && result == &number);
  });
  CHECK(number == 20 * (row_warm_up + row_batches));
  return 0;
}
