// SPDX-License-Identifier: MIT
// Runs an application (bench/apps): in a new folder each time /app/prepare, and between the marks /app/run; at the end
// /app/check in the last one. Shell scripts, all of which must succeed.
#define ROW_WARM_UP 1
#define ROW_BATCHES 3
#include "row.h"

#include <sys/stat.h>

static void run_script(const char *script) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    execl("/bin/sh", "sh", "-eu", script, NULL);
    printf("wrong: /bin/sh: errno %d\n", errno);
    _exit(126);
  }
  row_reap(child);
}

static int number;
static void enter_new_folder(void) {
  char name[32];
  CHECK(chdir("/tmp") == 0);
  snprintf(name, sizeof name, "app.%d", number++);
  CHECK(mkdir(name, 0700) == 0 && chdir(name) == 0);
  run_script("/app/prepare");
}

int main(void) {
  setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
  setenv("HOME", "/tmp", 1);
  setenv("LC_ALL", "C", 1);
  MEASURE_NOTHING();
  MEASURE_PREPARED(1, 1, enter_new_folder(), run_script("/app/run"));
  run_script("/app/check");
  return 0;
}
