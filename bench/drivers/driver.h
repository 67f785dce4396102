// SPDX-License-Identifier: MIT
// What the drivers of whole programs (bench/apps) share. Their scripts and lists lie in /app; they work in new folders below /tmp.
#pragma once

#ifndef ROW_BATCHES
#define ROW_WARM_UP 1
#define ROW_BATCHES 3
#endif
#include "bench/rows/row.h"

#include <sys/stat.h>

enum { driver_batches = row_warm_up + row_batches };

static inline void set_environment(void) {
  setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
  setenv("HOME", "/tmp", 1);
  setenv("LC_ALL", "C", 1);
}

// A shell script, which must succeed. `argument` may be NULL.
static inline void run_script(const char *script, const char *argument) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-eu", script, argument, NULL);
    printf("wrong: /bin/sh: errno %d\n", errno);
    _exit(126);
  }
  row_reap(child);
}

static int driver_folders;
static inline void enter_new_folder(const char *argument) {
  char name[32];
  CHECK(chdir("/tmp") == 0);
  snprintf(name, sizeof name, "app.%d", driver_folders++);
  CHECK(mkdir(name, 0700) == 0 && chdir(name) == 0);
  run_script("/app/prepare", argument);
}

// A list of lines "NAME REST".
struct driver_line {
  char name[64], rest[448];
};
static inline int read_lines(const char *path, struct driver_line *lines, int most) {
  FILE *file = fopen(path, "r");
  CHECK(file != NULL);
  int count = 0;
  while (count < most && fscanf(file, "%63s %447[^\n]", lines[count].name, lines[count].rest) == 2) ++count;
  CHECK(feof(file) && count > 0);
  fclose(file);
  return count;
}

// The batches of a part or of a point. Batch i consists of `count` marked intervals, from the one numbered `first` + i x `step` on.
struct driver_intervals {
  int first, step, count;
};
static inline void tell_batches(long operations, const struct row_batch *taken, struct driver_intervals marked) {
  for (int batch = 0; batch < driver_batches; ++batch)
    printf("batch %ld %llu %llu %d %d\n", operations, (unsigned long long)taken[batch].counter, (unsigned long long)taken[batch].nanoseconds,
           marked.first + batch * marked.step, marked.count);
}
