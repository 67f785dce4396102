// SPDX-License-Identifier: MIT
// A leak, a decision on what was never set, and a write past the end by a thread: for valgrind to find.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static void *work(void *p) { char *c = malloc(10); c[10] = 1; free(c); return p; }
int main(void) {
  int *leak = malloc(100), unset[4];
  memset(leak, 0, 100);
  printf("%d\n", leak[25]);
  if (unset[2] == 7) puts("seven");
  pthread_t t;
  pthread_create(&t, NULL, work, NULL);
  pthread_join(t, NULL);
  free(malloc(3));
  leak = NULL;
  return 0;
}
