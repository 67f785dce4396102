// SPDX-License-Identifier: MIT
// Runs pools of jobs: of N jobs C at a time, each drawn from /app/jobs (lines "NAME SCRIPT") and run in a copy of the tree of its own. /app/pools
// holds a line "N C" for each pool; /app/prepare gets N and makes the folders j0, j1, ...; at the end /app/check in the last one. A job's words go to
// `out` in its folder, its name to `name`. Tells what a job of the pool takes on average (the inverse of throughput), the longest and the shortest
// time from a job's start to its end, each over N.
#define ROW_WARM_UP 0  // a pool is long: the first one is run once more before, and that warms all
#define ROW_BATCHES 1
#include "driver.h"

enum { most_jobs = 16, most_pools = 8, most_drawn = 64, seed = 4 };
static struct driver_line jobs[most_jobs], pools[most_pools];
static int job_count;
static struct row_batch all[most_pools][driver_batches], longest[most_pools][driver_batches], shortest[most_pools][driver_batches];

struct running {
  pid_t child;
  uint64_t counter, nanoseconds;  // at its start
};

// The same draw on each system (Knuth's constants): job after job, whatever the pool.
static int drawn(int index) {
  uint64_t state = seed;
  for (int i = 0; i <= index; ++i) state = state * 6364136223846793005u + 1442695040888963407u;
  return (int)((state >> 33) % (uint64_t)job_count);
}

static void work(int index, const struct driver_line *job) {
  char folder[16];
  snprintf(folder, sizeof folder, "j%d", index);
  const int name = chdir(folder) == 0 ? open("name", O_WRONLY | O_CREAT, 0600) : -1, out = open("out", O_WRONLY | O_CREAT, 0600);
  if (write(name, job->name, strlen(job->name)) < 0 || dup2(out, STDOUT_FILENO) < 0) _exit(125);
  execl("/bin/sh", "sh", "-euc", job->rest, NULL);
  _exit(126);
}

static struct running start(int index) {
  struct running one = {.counter = row_counter(), .nanoseconds = row_clock()};
  const struct driver_line *job = &jobs[drawn(index)];
  one.child = fork();
  CHECK(one.child >= 0);
  if (one.child == 0) work(index, job);
  return one;
}

// Waits for one of them and takes it out. What it took goes to the greatest and the least.
static void finish(struct running *running, int *count, struct row_batch *most, struct row_batch *least) {
  int status = 0, which = 0;
  const pid_t child = wait(&status);
  CHECK(child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  while (which < *count && running[which].child != child) ++which;
  CHECK(which < *count);
  const struct row_batch took = {row_counter() - running[which].counter, row_clock() - running[which].nanoseconds};
  running[which] = running[--*count];
  if (took.counter > most->counter) *most = took;
  if (least->counter == 0 || took.counter < least->counter) *least = took;
}

static void run_jobs(int pool, struct row_batch *most, struct row_batch *least) {
  const int total = atoi(pools[pool].name), at_once = atoi(pools[pool].rest);
  struct running running[most_drawn];
  CHECK(at_once > 0 && total <= most_drawn);
  for (int started = 0, count = 0; started < total || count > 0;) {
    if (started < total && count < at_once) running[count++] = start(started++);
    else finish(running, &count, most, least);
  }
}

static void warm_up(void) {
  struct row_batch most = {0}, least = {0};
  enter_new_folder(pools[0].name);
  run_jobs(0, &most, &least);
}

static void run_pool(int pool, int batch) {
  enter_new_folder(pools[pool].name);
  row_begin();
  run_jobs(pool, &longest[pool][batch], &shortest[pool][batch]);
  row_end(batch);
  all[pool][batch] = row_taken[batch];
}

int main(void) {
  set_environment();
  job_count = read_lines("/app/jobs", jobs, most_jobs);
  const int pool_count = read_lines("/app/pools", pools, most_pools);
  MEASURE_NOTHING();
  warm_up();
  for (int pool = 0; pool < pool_count; ++pool)
    for (int batch = 0; batch < driver_batches; ++batch) run_pool(pool, batch);
  for (int pool = 0; pool < pool_count; ++pool) {
    POINT(atol(pools[pool].name));
    tell_batches(atol(pools[pool].name), all[pool], (struct driver_intervals){driver_batches + pool * driver_batches, 1, 1});
  }
  struct row_batch(*const parts[])[driver_batches] = {longest, shortest};
  for (int part = 0; part < 2; ++part) {
    printf("part %s\n", part == 0 ? "longest" : "shortest");
    for (int pool = 0; pool < pool_count; ++pool) {
      POINT(atol(pools[pool].name));
      tell_batches(1, parts[part][pool], (struct driver_intervals){0, 0, 0});
    }
  }
  run_script("/app/check", NULL);
  return 0;
}
