// SPDX-License-Identifier: MIT
// Memory that is lost and memory that is not, for a search for leaks. Without a name: the names.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *kept;
static void *volatile hidden;
static __thread void *of_thread;

__attribute__((noinline)) static void *make(size_t size) {
  void *made = malloc(size);
  memset(made, 1, size);
  return made;
}
static void direct(void) {
  hidden = make(7);
  hidden = make(100);
  hidden = NULL;
}
static void chain(void) {
  void **first = calloc(2, 8);
  first[0] = calloc(3, 8);
  hidden = first;
  hidden = first = NULL;
}
static void reachable(void) { kept = make(50); }
static void *holds(void *started) {
  void *volatile on_stack = make(64);
  *(volatile int *)started = 1;
  for (;;) pause();
  return on_stack;
}
static void thread_stack(void) {
  static volatile int started;
  pthread_t one;
  pthread_create(&one, NULL, holds, (void *)&started);
  while (!started) usleep(100);
}
static void thread_local_one(void) { of_thread = make(33); }

int main(int count, char **words) {
  static const struct { const char *name; void (*run)(void); } all[] = {
      {"direct", direct}, {"chain", chain}, {"reachable", reachable}, {"thread_stack", thread_stack}, {"thread_local", thread_local_one}};
  for (int i = 0; i < 5; ++i)
    if (count < 2) puts(all[i].name);
    else if (strcmp(words[1], all[i].name) == 0) all[i].run();
  char clear[4096];   // what the stack remembers
  memset(clear, 0, sizeof clear);
  asm volatile("" : : "r"(clear) : "memory");
  return 0;
}
