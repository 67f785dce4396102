// SPDX-License-Identifier: MIT
// Accesses that AddressSanitizer reports, chosen by the argument, and some that are right.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile int one = 1;
static char names[2][8] = {"first", "second"};

static void behind_heap(void) { char *p = malloc(10); p[9 + one] = 1; free(p); }
static void before_heap(void) { char *p = malloc(10); p[-one] = 1; free(p); }
static void freed(void) { char *p = malloc(10); free(p); p[one] = 1; }
static void twice(void) { char *volatile p = malloc(10); free(p); free(p); }
static void not_from_malloc(void) { char *volatile p = malloc(10); free(p + one); }
static void behind_local(void) { char local[8]; memset(local, 0, 8); local[7 + one] = 1; printf("%d\n", local[one]); }
static void behind_global(void) { names[one][7 + one] = 1; }
static void copied(void) { char *p = malloc(8); strcpy(p, "longer than that" + one); free(p); }
static void out_of_scope(void) {
  int *volatile kept;
  { int inner = one; kept = &inner; }
  *kept = 2;
}
static void null(void) { int *volatile nowhere = NULL; *nowhere = one; }
static void *in_thread(void *p) { ((char *)p)[4 + one] = 1; return p; }
static void thread(void) {
  pthread_t t;
  void *p = malloc(5);
  pthread_create(&t, NULL, in_thread, p), pthread_join(t, NULL), free(p);
}
static void fine(void) {
  char *p = malloc(1000);
  memset(p, 7, 1000), p = realloc(p, 100000), memset(p + 1000, 8, 99000);
  printf("%d %d\n", p[999], p[1000]), free(p);
}

static const struct { const char *name; void (*run)(void); } programs[] = {
  {"behind_heap", behind_heap}, {"before_heap", before_heap}, {"freed", freed}, {"twice", twice}, {"not_from_malloc", not_from_malloc},
  {"behind_local", behind_local}, {"behind_global", behind_global}, {"copied", copied}, {"out_of_scope", out_of_scope},
  {"null", null}, {"thread", thread}, {"fine", fine}};

int main(int argc, char **argv) {
  for (size_t i = 0; i < sizeof programs / sizeof *programs; ++i)
    if (argc < 2) puts(programs[i].name);
    else if (strcmp(argv[1], programs[i].name) == 0) return programs[i].run(), 0;
  return argc > 1;
}
