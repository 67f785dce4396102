// SPDX-License-Identifier: MIT
// A row: a static program that measures one thing, the same binary on ExOS and on Linux. Its file begins with a comment
// `/* row`, in TOML: title, why, source, aim (how many times fewer than Linux; none: no aim), which `exo bench` reads.
// Batches of equal work lie between two marks that the plugin sees (bench/rings.cpp). Each is told afterwards by a line
// `batch OPERATIONS COUNTER NANOSECONDS` (`warm-up N` before them: how many do not count); the first ones are one operation of nothing: what measuring itself takes.
// A wrong answer says so and ends with status 1; then the row has failed.
#pragma once

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef ROW_BATCHES
#define ROW_WARM_UP 3
#define ROW_BATCHES 15
#endif
enum { row_page = 4096, row_warm_up = ROW_WARM_UP, row_batches = ROW_BATCHES };

#define CHECK(right)                                                                    \
  do {                                                                                  \
    if (!(right)) {                                                                     \
      printf("wrong: %s:%d: %s (errno %d)\n", __FILE_NAME__, __LINE__, #right, errno);  \
      exit(1);                                                                          \
    }                                                                                   \
  } while (0)

struct row_batch {
  uint64_t counter, nanoseconds;
};
static struct row_batch row_taken[row_warm_up + row_batches];
static uint64_t row_started, row_started_ns;

static inline uint64_t row_counter(void) {
  uint32_t low, high;
  __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return (uint64_t)high << 32 | low;
}
static inline uint64_t row_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline __attribute__((always_inline)) void row_begin(void) {
  row_started_ns = row_clock();
  __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x01, 0x0b, 0xe6, 0x4a" : : : "memory");
  row_started = row_counter();
}
static inline __attribute__((always_inline)) void row_end(int batch) {
  const uint64_t ended = row_counter();
  __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x02, 0x0b, 0xe6, 0x4a" : : : "memory");
  row_taken[batch].nanoseconds = row_clock() - row_started_ns;
  row_taken[batch].counter = ended - row_started;
}

static void row_tell(long operations) {
  printf("warm-up %d\n", row_warm_up);
  for (int batch = 0; batch < row_warm_up + row_batches; ++batch)
    printf("batch %ld %llu %llu\n", operations, (unsigned long long)row_taken[batch].counter,
           (unsigned long long)row_taken[batch].nanoseconds);
  fflush(stdout);
}

#ifndef ROW_EXTRA  // what a test build does besides, to be found out by the guard
#define ROW_EXTRA
#endif

// The work so often in each batch; `PREPARE` before each batch is not measured. `OPERATIONS`: how many the row counts.
#define MEASURE_PREPARED(OPERATIONS, TIMES, PREPARE, ...)                     \
  do {                                                                        \
    for (int batch = 0; batch < row_warm_up + row_batches; ++batch) {         \
      PREPARE;                                                                \
      row_begin();                                                            \
      for (long time = 0; time < (TIMES); ++time) {                           \
        __VA_ARGS__;                                                          \
        ROW_EXTRA;                                                            \
      }                                                                       \
      row_end(batch);                                                         \
    }                                                                         \
    row_tell(OPERATIONS);                                                     \
  } while (0)
#define MEASURE(TIMES, ...)                        \
  do {                                             \
    MEASURE_NOTHING();                             \
    MEASURE_PREPARED(TIMES, TIMES, , __VA_ARGS__); \
  } while (0)

// What the measuring takes. Once, before all else.
#define MEASURE_NOTHING()                                             \
  do {                                                                \
    for (int batch = 0; batch < row_warm_up + row_batches; ++batch) { \
      row_begin();                                                    \
      row_end(batch);                                                 \
    }                                                                 \
    row_tell(0);                                                      \
  } while (0)

// The batches that follow are the row at this place of its curve. A row's figure is that of its first point.
#define POINT(X) printf("point %ld\n", (long)(X))

// What several rows do.
static inline void row_send(int to, const void *bytes, size_t size) { CHECK(write(to, bytes, size) == (ssize_t)size); }
static inline void row_receive(int from, void *bytes, size_t size) {
  CHECK(read(from, bytes, size) == (ssize_t)size);
}
static inline void row_reap(pid_t child) {
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
