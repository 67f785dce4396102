// SPDX-License-Identifier: MIT
// What faults.c and nested_faults.c share: calls with good arguments of which one pointer at a time is made bad, in all the ways that
// a pointer can be. The library's own places are among them: on Linux nothing is there, in ExOS all that matters.
#pragma once
#include "case.h"

typedef struct {
  const char *name, *what;   // what: of a pointer in a structure; NULL: the arguments that `pointers` names
  long number;
  unsigned pointers;         // bit i: argument i is one
  void *place;               // where in the structure it stands
  long a[6];
} trial;
#define P(i) (1u << (i))
#define TRY(call, pointers, ...) {#call, NULL, SYS_##call, pointers, NULL, {__VA_ARGS__}}
#define NESTED(call, what, place, ...) {#call, what, SYS_##call, 0, place, {__VA_ARGS__}}
#define A (long)

enum { kinds = 14, unanswered = -1 };
static const char *const kind_names[kinds] = {"low", "top", "kernel", "no address", "last", "library's text", "its data", "its heap",
                                              "archive", "parking", "forbidden", "constant", "last byte", "last word"};

// The bad pointers. Pages are made afresh for each trial, so that a call that writes there after all does no harm.
static void make_bad(long bad[kinds]) {
  char *constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *none = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  none[0] = 1, mprotect(none, 4096, PROT_NONE);   // there was something
  char *hole = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) + 4096;   // last: nothing is mapped there again
  munmap(hole, 4096);
  const long all[kinds] = {16, 0x7ffffffff000, (long)0xffff888000000000, 0x0800000000000000, -1,
                           0x407ffc001000, 0x408000001000, 0x408020000000, 0x410000001000, 0x418000000000,   // of ExOS
                           A none, A constant, A hole - 1, A hole - 8};
  memcpy(bad, all, sizeof all);
}

static void (*in_each_child)(void);   // for what a fork does not hand on

// One child for all kinds: what it answered until then is kept when one of them ends it.
static void try_all(const trial *t, int i, int results[kinds]) {
  for (int b = 0; b < kinds; ++b) results[b] = unanswered;
  const pid_t child = fork();
  if (child == 0) {
    long bad[kinds], a[6];
    if (in_each_child != NULL) in_each_child();
    make_bad(bad);
    for (int b = 0; b < kinds; ++b) {
      alarm(1);
      memcpy(a, t->a, sizeof a);
      if (t->place != NULL) memcpy(t->place, &bad[b], sizeof bad[b]);
      else a[i] = bad[b];
      const long r = syscall(t->number, a[0], a[1], a[2], a[3], a[4], a[5]);
      if (r == 0 && (t->number == SYS_clone || t->number == SYS_clone3)) _exit(0);   // the new process
      results[b] = r == -1 ? errno : 0;
    }
    _exit(0);
  }
  waitpid(child, NULL, 0);
}

// The most frequent answer, and the kinds for which it is another.
static void say(const trial *t, int i, const int results[kinds]) {
  int most = 0, n = 0;
  for (int b = 0; b < kinds; ++b) {
    int same = 0;
    for (int c = 0; c < kinds; ++c) same += results[c] == results[b];
    if (same > n) n = same, most = results[b];
  }
  if (t->what != NULL) printf("%s: %s bad =", t->name, t->what);
  else printf("%s: argument %d bad =", t->name, i + 1);
#define ANSWER(r) ((r) == 0 ? "ok" : (r) < 0 ? "died" : strerrorname_np(r))
  printf(" %s", ANSWER(most));
  for (int b = 0; b < kinds; ++b) if (results[b] != most) printf(", %s: %s", kind_names[b], ANSWER(results[b]));
  puts("");
#undef ANSWER
}

static void run_trials(const trial *all, int count) {
  int *results = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (int t = 0; t < count; ++t)
    for (int i = 0; i < 6; ++i) {
      if (all[t].what == NULL ? (all[t].pointers & P(i)) == 0 : i > 0) continue;
      try_all(&all[t], i, results);
      say(&all[t], i, results);
    }
}
