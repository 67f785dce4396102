// SPDX-License-Identifier: MIT
// Threads that compute, each the same: what a second processor gains (exo bench processors). Arguments: threads, thousands of rounds.
#include <pthread.h>

#include "row.h"

enum { most = 64 };
static long rounds;
static pthread_barrier_t ready;

static void *compute(void *seed) {
  uint64_t x = (uintptr_t)seed;
  pthread_barrier_wait(&ready);
  for (long i = 0; i < rounds; ++i) {
    x = x * 6364136223846793005u + 1442695040888963407u;
    __asm__ volatile("" : "+r"(x));
  }
  return (void *)(uintptr_t)x;
}

int main(int count, char **words) {
  CHECK(count == 3);
  const long threads = atol(words[1]);
  rounds = atol(words[2]) * 1000;
  CHECK(threads > 0 && threads <= most);
  pthread_t all[most];
  void *results[most];
  CHECK(pthread_barrier_init(&ready, NULL, (unsigned)threads) == 0);
  row_begin();
  for (long i = 0; i < threads; ++i) CHECK(pthread_create(&all[i], NULL, compute, (void *)7) == 0);
  for (long i = 0; i < threads; ++i) CHECK(pthread_join(all[i], &results[i]) == 0);
  row_end(0);
  for (long i = 1; i < threads; ++i) CHECK(results[i] == results[0]);
  row_tell(threads);   // read by nobody
  return 0;
}
