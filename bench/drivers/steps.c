// SPDX-License-Identifier: MIT
// Runs the steps of bench/apps, one command after the other, each between marks of its own: /app/steps holds a line "NAME COMMAND" for each.
// No shell is in the figures: words and patterns are expanded here. In a new folder each time, which /app/prepare fills; at the end
// /app/check in the last one. Tells the sum of the steps first, then each as a part.
#include "driver.h"

#include <wordexp.h>

enum { most_steps = 16 };
static struct driver_line steps[most_steps];
static struct row_batch taken[most_steps][driver_batches], sums[driver_batches];

static void run_command(char **words) {
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    execvp(words[0], words);
    printf("wrong: %s: errno %d\n", words[0], errno);
    _exit(126);
  }
  row_reap(child);
}

static void measure_step(int step, int batch) {
  wordexp_t words;
  CHECK(wordexp(steps[step].rest, &words, WRDE_NOCMD) == 0);
  row_begin();
  run_command(words.we_wordv);
  row_end(batch);
  wordfree(&words);
  taken[step][batch] = row_taken[batch];
  sums[batch].counter += row_taken[batch].counter;
  sums[batch].nanoseconds += row_taken[batch].nanoseconds;
}

int main(void) {
  set_environment();
  const int count = read_lines("/app/steps", steps, most_steps);
  MEASURE_NOTHING();
  for (int batch = 0; batch < driver_batches; ++batch) {
    enter_new_folder(NULL);
    for (int step = 0; step < count; ++step) measure_step(step, batch);
  }
  tell_batches(1, sums, (struct driver_intervals){driver_batches, count, count});
  for (int step = 0; step < count; ++step) {
    printf("part %s\n", steps[step].name);
    tell_batches(1, taken[step], (struct driver_intervals){driver_batches + step, count, 1});
  }
  run_script("/app/check", NULL);
  return 0;
}
