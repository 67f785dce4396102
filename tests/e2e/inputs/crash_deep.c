// SPDX-License-Identifier: MIT
// Dies in a function below others, while threads wait and compute. Arguments: how it dies, and in which thread (main or other).
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shape { const char *name; int sides; double area; };
static struct shape shapes[] = {{"triangle", 3, 0.5}, {"square", 4, 1.0}};
static const char *how;
static volatile int spun, spun_never;
static int started[2];
static char *volatile untouched, *volatile touched;

static __attribute__((noinline)) double die(struct shape *shape, int *nowhere) {
  double area = shape->area * 3;
  if (strcmp(how, "segv") == 0) *nowhere = shape->sides;
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "divide") == 0) return area / (shape->sides / spun_never);
  return area;
}
static __attribute__((noinline)) double middle(int which) {
  struct shape copy = shapes[which];
  copy.sides += which;
  return die(&copy, NULL) + copy.area;
}
static __attribute__((noinline)) double outer(int depth) {
  double inner = depth == 0 ? middle(1) : outer(depth - 1);
  return inner + depth;
}
static void *wait_here(void *at) {
  write(started[1], "x", 1);
  pause();
  return at;
}
static void *spin_here(void *at) {
  write(started[1], "x", 1);
  for (;;) ++spun;
  return at;
}
static void *crash_here(void *at) {
  outer(2);
  return at;
}
int main(int argc, char **argv) {
  pthread_t waiting, spinning, other;
  char byte;
  how = argv[1];
  untouched = malloc(3 << 20);
  touched = malloc(3 << 20);
  strcpy(touched + (2 << 20), "far in");
  if (pipe(started) != 0) return 1;
  pthread_create(&waiting, NULL, wait_here, NULL);
  pthread_create(&spinning, NULL, spin_here, NULL);
  for (int i = 0; i < 2; ++i) read(started[0], &byte, 1);
  if (argc > 2 && strcmp(argv[2], "other") == 0) {
    pthread_create(&other, NULL, crash_here, NULL);
    pthread_join(other, NULL);
  }
  return outer(2) > 0;
}
