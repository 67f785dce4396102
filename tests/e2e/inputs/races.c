// SPDX-License-Identifier: MIT
// Small programs for ThreadSanitizer, chosen by the argument: with a race or another fault that it reports, and without. Who is first
// is settled by `at` and `step`, which the sanitizer does not see: so each reports the same on every run.
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int stage;
static __attribute__((noinline)) void step(void) { __asm__ volatile("lock incl %0" : "+m"(stage)); }
static __attribute__((noinline)) void at(int wanted) {
  int now;
  for (;;) {
    __asm__ volatile("movl %1, %0" : "=r"(now) : "m"(stage));
    if (now >= wanted) return;
    sched_yield();
  }
}

typedef void *(*Body)(void *);
static void run_two(Body one, Body two, void *argument) {
  pthread_t a, b;
  pthread_create(&a, NULL, one, argument);
  pthread_create(&b, NULL, two, argument);
  pthread_join(a, NULL);
  pthread_join(b, NULL);
}

static int shared;
static void *write_first(void *p) { shared = 1; step(); return p; }
static void *write_second(void *p) { at(1); shared = 2; return p; }
static void *read_second(void *p) { at(1); return p == NULL ? (void *)(long)shared : p; }
static void global(void) { run_two(write_first, write_second, NULL); }
static void reading(void) { run_two(write_first, read_second, NULL); }

struct item { int key, value; };
static void set_value(struct item *item, int to) { item->value = to; }
static void *item_first(void *p) { set_value(p, 1); step(); return p; }
static void *item_second(void *p) { at(1); set_value(p, 2); return p; }
static void heap(void) {
  struct item *item = calloc(1, sizeof *item);
  run_two(item_first, item_second, item);
  free(item);
}
static void on_stack(void) { struct item item = {0}; run_two(item_first, item_second, &item); }

static void *free_first(void *p) { free(p); step(); return p; }
static void freed(void) { run_two(free_first, item_second, calloc(1, sizeof(struct item))); }

static pthread_mutex_t left = PTHREAD_MUTEX_INITIALIZER, right = PTHREAD_MUTEX_INITIALIZER;
static void *under_left(void *p) { pthread_mutex_lock(&left), shared = 1, pthread_mutex_unlock(&left); step(); return p; }
static void *under_right(void *p) { at(1); pthread_mutex_lock(&right), shared = 2, pthread_mutex_unlock(&right); return p; }
static void wrong_lock(void) { run_two(under_left, under_right, NULL); }

static void both(pthread_mutex_t *outer, pthread_mutex_t *inner) {
  pthread_mutex_lock(outer), pthread_mutex_lock(inner), pthread_mutex_unlock(inner), pthread_mutex_unlock(outer);
}
static void *left_right(void *p) { both(&left, &right); step(); return p; }
static void *right_left(void *p) { at(1); both(&right, &left); return p; }
static void lock_order(void) { run_two(left_right, right_left, NULL); }

static void unlocked(void) { pthread_mutex_unlock(&left); }
static void destroyed(void) {
  pthread_mutex_t mutex;
  pthread_mutex_init(&mutex, NULL), pthread_mutex_lock(&mutex), pthread_mutex_destroy(&mutex);
}
static void *nothing(void *p) { step(); return p; }
static void leaked(void) {
  pthread_t t;
  pthread_create(&t, NULL, nothing, NULL);
  at(1);
}
static int ends[2];
static void *use_end(void *p) { if (write(ends[1], "x", 1) != 1) return p; step(); return p; }
static void *close_end(void *p) { at(1); close(ends[1]); return p; }
static void descriptor(void) { if (pipe(ends) == 0) run_two(use_end, close_end, NULL); }
static void *allocate_in_thread(void *p) { *(int **)p = malloc(4); **(int **)p = 1; step(); return p; }
static void *late(void *p) { at(1); **(int **)p = 2; return p; }
static void pointer(void) { static int *where; run_two(allocate_in_thread, late, &where); }

// From here on nothing is wrong.
static void *count(void *p) {
  for (int i = 0; i < 1000; ++i) pthread_mutex_lock(&left), ++*(int *)p, pthread_mutex_unlock(&left);
  return p;
}
static void mutex(void) { int n = 0; run_two(count, count, &n); printf("%d\n", n); }
static atomic_int ready;
static void *publish(void *p) { *(int *)p = 42; atomic_store_explicit(&ready, 1, memory_order_release); return p; }
static void *consume(void *p) {
  while (!atomic_load_explicit(&ready, memory_order_acquire)) sched_yield();
  printf("%d\n", *(int *)p);
  return p;
}
static void atomics(void) { int n = 0; run_two(publish, consume, &n); }
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;
static void *odd(void *p) {
  for (int i = 0; i < 50; ++i) {
    pthread_mutex_lock(&left);
    while (turn % 2 == 0) pthread_cond_wait(&changed, &left);
    ++turn, pthread_cond_signal(&changed), pthread_mutex_unlock(&left);
  }
  return p;
}
static void *even(void *p) {
  for (int i = 0; i < 50; ++i) {
    pthread_mutex_lock(&left);
    while (turn % 2 != 0) pthread_cond_wait(&changed, &left);
    ++turn, pthread_cond_signal(&changed), pthread_mutex_unlock(&left);
  }
  return p;
}
static void condition(void) { run_two(odd, even, NULL); printf("%d\n", turn); }
static pthread_barrier_t barrier;
static int halves[2];
static void *half(void *p) {
  static atomic_int next;
  int self = next++;
  halves[self] = self + 1;
  pthread_barrier_wait(&barrier);
  return halves[!self] == 2 - self ? p : NULL;
}
static void meeting(void) { pthread_barrier_init(&barrier, NULL, 2); run_two(half, half, NULL); printf("%d\n", halves[0] + halves[1]); }
static sem_t tokens;
static void *give(void *p) { shared = 3; sem_post(&tokens); return p; }
static void *take(void *p) { while (sem_wait(&tokens) != 0) {} printf("%d\n", shared); return p; }
static void semaphore(void) { sem_init(&tokens, 0, 0); run_two(give, take, NULL); }
static pthread_rwlock_t table = PTHREAD_RWLOCK_INITIALIZER;
static void *writer(void *p) {
  for (int i = 0; i < 200; ++i) pthread_rwlock_wrlock(&table), ++*(int *)p, pthread_rwlock_unlock(&table);
  return p;
}
static void *reader(void *p) {
  long sum = 0;
  for (int i = 0; i < 200; ++i) pthread_rwlock_rdlock(&table), sum += *(int *)p, pthread_rwlock_unlock(&table);
  return sum < 0 ? NULL : p;
}
static void readers(void) { int n = 0; run_two(writer, reader, &n); printf("%d\n", n); }
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static void make_key(void) { pthread_key_create(&key, free); }
static void *own_value(void *p) { pthread_once(&once, make_key); pthread_setspecific(key, calloc(1, 8)); *(long *)pthread_getspecific(key) = 1; return p; }
static void own(void) { run_two(own_value, own_value, NULL); }
static void child(void) {
  int status = 1;
  pid_t pid = fork();
  if (pid == 0) _exit(shared);
  waitpid(pid, &status, 0);
  printf("%d\n", status);
}

static const struct { const char *name; void (*run)(void); } programs[] = {
  {"global", global}, {"reading", reading}, {"heap", heap}, {"on_stack", on_stack}, {"freed", freed}, {"wrong_lock", wrong_lock},
  {"lock_order", lock_order}, {"unlocked", unlocked}, {"destroyed", destroyed}, {"leaked", leaked}, {"descriptor", descriptor},
  {"pointer", pointer}, {"mutex", mutex}, {"atomics", atomics}, {"condition", condition},
  {"meeting", meeting}, {"semaphore", semaphore}, {"readers", readers}, {"own", own}, {"child", child}};
enum { count_of_programs = sizeof programs / sizeof *programs };

int main(int argc, char **argv) {
  for (int i = 0; i < count_of_programs; ++i)
    if (argc < 2) puts(programs[i].name);
    else if (strcmp(argv[1], programs[i].name) == 0) return programs[i].run(), 0;
  return argc > 1;
}
