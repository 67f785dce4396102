// SPDX-License-Identifier: MIT
// Threads and what they wait with: futexes of all kinds, robust lists, scheduling as far as a program sees it.
#include "case.h"
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sched.h>

static uint32_t word, other;
static volatile int stage;
static const struct timespec moment = {0, 2000000}, hour = {3600, 0};
#define FUTEX(at, op, value, time, second, third) CASE(futex, at, &word, op, value, time, second, third)
static long futex(uint32_t *at, int op, uint32_t value, const void *time, uint32_t *second, uint32_t third) {
  return syscall(SYS_futex, at, op, value, time, second, third);
}

static long results[8];
static void *waits(void *argument) {
  long i = (long)argument;
  __atomic_add_fetch(&stage, 1, __ATOMIC_SEQ_CST);
  results[i] = futex(&word, FUTEX_WAIT_BITSET_PRIVATE, 0, NULL, NULL, 1u << i);
  return NULL;
}
static void start_waiters(pthread_t *threads, int count) {
  stage = 0, word = 0;
  for (long i = 0; i < count; ++i) pthread_create(&threads[i], NULL, waits, (void *)i);
  while (stage < count) sched_yield();
  sleep_ms(20);
}

static volatile long total;
static volatile int go;
static pthread_mutex_t *shared, own;
static pthread_cond_t *condition;
static void *waker(void *argument) { sleep_ms(10); futex(&other, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0); return NULL; }
static void *adds(void *argument) {
  for (int i = 0; i < 200; ++i) {
    pthread_mutex_lock(argument);
    long seen = total;
    if (i % 50 == 0) sched_yield();
    total = seen + 1;
    pthread_mutex_unlock(argument);
  }
  return NULL;
}
static void *tries(void *argument) {
  struct timespec when;
  clock_gettime(CLOCK_REALTIME, &when);
  when.tv_nsec += 2000000;
  if (when.tv_nsec >= 1000000000) when.tv_nsec -= 1000000000, ++when.tv_sec;
  return (void *)(long)pthread_mutex_timedlock(argument, &when);
}
static void *waits_for_it(void *argument) {
  pthread_mutex_lock(shared);
  while (!go) pthread_cond_wait(condition, shared);
  pthread_mutex_unlock(shared);
  return NULL;
}
static void *dies(void *argument) { pthread_mutex_lock(&own); return NULL; }
static void *sleeps(void *argument) { for (;;) pause(); }
static void *ends(void *argument) { sleep_ms(5); exit(13); }
static void *executes(void *argument) { execl("/proc/self/exe", "again", "exec", NULL); return NULL; }

static void futexes(void) {
  pthread_t threads[8];
  word = 1;
  FUTEX("WAIT for another value", FUTEX_WAIT, 0, NULL, NULL, 0);
  FUTEX("WAIT a moment", FUTEX_WAIT_PRIVATE, 1, &moment, NULL, 0);
  FUTEX("WAIT, bad time", FUTEX_WAIT, 1, ((struct timespec[]){{0, -1}}), NULL, 0);
  FUTEX("WAIT_BITSET, long ago", FUTEX_WAIT_BITSET, 1, ((struct timespec[]){{1, 0}}), NULL, ~0u);
  FUTEX("WAIT_BITSET, no bits", FUTEX_WAIT_BITSET, 1, NULL, NULL, 0);
  FUTEX("WAIT_BITSET, real time long ago", FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1, ((struct timespec[]){{1, 0}}), NULL, ~0u);
  FUTEX("WAKE nobody", FUTEX_WAKE, 5, NULL, NULL, 0);
  FUTEX("WAKE_BITSET, no bits", FUTEX_WAKE_BITSET, 5, NULL, NULL, 0);
  FUTEX("unknown", 99, 0, NULL, NULL, 0);
  CASE(futex, "WAKE, not on a word", (char *)&word + 1, FUTEX_WAKE, 1, NULL, NULL, 0);
  CASE(futex, "WAIT, bad pointer", BAD, FUTEX_WAIT, 1, NULL, NULL, 0);
  start_waiters(threads, 3);
  FUTEX("WAKE_BITSET, one of three", FUTEX_WAKE_BITSET_PRIVATE, 9, NULL, NULL, 2);
  FUTEX("REQUEUE: wakes one, moves one", FUTEX_REQUEUE_PRIVATE, 1, (void *)9, &other, 0);
  CASE(futex, "WAKE at the other word", &other, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0);
  for (int i = 0; i < 3; ++i) pthread_join(threads[i], NULL);
  EFFECT(futex, "all woken", results[0] + results[1] + results[2]);
  start_waiters(threads, 2);
  FUTEX("CMP_REQUEUE, other value", FUTEX_CMP_REQUEUE_PRIVATE, 1, (void *)9, &other, 7);
  FUTEX("CMP_REQUEUE", FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)9, &other, 0);
  other = 5;
  CASE(futex, "WAKE_OP", &word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)9, &other, FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_EQ, 5));
  EFFECT(futex, "the word after", other);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  struct futex_waitv v[2] = {{0, (long)&word, FUTEX_32 | FUTEX_PRIVATE_FLAG}, {5, (long)&other, FUTEX_32 | FUTEX_PRIVATE_FLAG}};
  word = 0, other = 6;
  CASE(futex_waitv, "second has another value", v, 2, 0, NULL, 0);
  other = 5;
  struct timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_nsec += 2000000;
  if (deadline.tv_nsec >= 1000000000) deadline.tv_nsec -= 1000000000, ++deadline.tv_sec;
  CASE(futex_waitv, "a moment", v, 2, 0, &deadline, CLOCK_MONOTONIC);
  CASE(futex_waitv, "none", v, 0, 0, NULL, 0);
  CASE(futex_waitv, "flags", v, 2, 1, NULL, 0);
  pthread_create(&threads[0], NULL, waker, NULL);
  CASE(futex_waitv, "which was woken", v, 2, 0, NULL, 0);
  pthread_join(threads[0], NULL);
}

static void *ends_as_owner(void *unused) {
  futex(&word, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  while (!(__atomic_load_n(&word, __ATOMIC_SEQ_CST) & FUTEX_WAITERS)) sleep_ms(1);
  return unused;
}

static void inheriting(void) {
  pthread_mutex_t m;
  pthread_mutexattr_t a;
  word = 0;
  FUTEX("LOCK_PI", FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  EFFECT(futex, "holds the owner", word == (uint32_t)gettid());
  FUTEX("LOCK_PI again", FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  FUTEX("UNLOCK_PI", FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  EFFECT(futex, "free", word);
  FUTEX("TRYLOCK_PI", FUTEX_TRYLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  word = 0;
  FUTEX("UNLOCK_PI of one that is free", FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  pthread_t ended;
  pthread_create(&ended, NULL, ends_as_owner, NULL);
  while (!__atomic_load_n(&word, __ATOMIC_SEQ_CST)) sleep_ms(1);
  FUTEX("LOCK_PI of an owner that ends", FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  EFFECT(futex, "names the new owner", (word & FUTEX_TID_MASK) == (uint32_t)gettid());
  EFFECT(futex, "says that the other has died", (word & FUTEX_OWNER_DIED) != 0);
  FUTEX("UNLOCK_PI", FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  EFFECT(futex, "free", word);
  pthread_join(ended, NULL);
  pthread_mutexattr_init(&a);
  EFFECT(futex, "PTHREAD_PRIO_INHERIT", pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT));
  pthread_mutex_init(&m, &a);
  pthread_t t[4];
  for (int i = 0; i < 4; ++i) pthread_create(&t[i], NULL, adds, &m);
  for (int i = 0; i < 4; ++i) pthread_join(t[i], NULL);
  EFFECT(futex, "under a PI mutex", total);
  EFFECT(futex, "PI mutex, timed out", ({
    pthread_mutex_lock(&m);
    void *got;
    pthread_create(&t[0], NULL, tries, &m);
    pthread_join(t[0], &got);
    pthread_mutex_unlock(&m);
    (long)got;
  }));
  pthread_cond_t c;
  pthread_cond_init(&c, NULL);
  shared = &m, condition = &c;
  for (int i = 0; i < 3; ++i) pthread_create(&t[i], NULL, waits_for_it, NULL);
  sleep_ms(5);
  pthread_mutex_lock(&m), go = 1, pthread_cond_broadcast(&c), pthread_mutex_unlock(&m);
  for (int i = 0; i < 3; ++i) pthread_join(t[i], NULL);
  EFFECT(futex, "condition with a PI mutex", go);
}

static pid_t ids[8];
static void *waits_for_lock(void *argument) {
  long i = (long)argument;
  ids[i] = gettid();
  __atomic_add_fetch(&stage, 1, __ATOMIC_SEQ_CST);
  results[i] = futex(&word, FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, NULL, &other, 0);
  if (results[i] != 0) return results[i] = errno == EAGAIN ? EAGAIN : -1, NULL;
  total += (other & FUTEX_TID_MASK) == (uint32_t)gettid();
  results[i] = futex(&other, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}
static int is_asleep(pid_t id) {
  char path[64], text[256] = "";
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
  int fd = open(path, O_RDONLY);
  if (read(fd, text, sizeof text - 1) < 0) text[0] = 0;
  close(fd);
  char *state = strrchr(text, ')');
  return state != NULL && state[2] == 'S';
}
static void start_lock_waiters(pthread_t *threads, int count) {
  stage = 0, word = 0, total = 0;
  for (long i = 0; i < count; ++i) {
    pthread_create(&threads[i], NULL, waits_for_lock, (void *)i);
    while (stage <= i || !is_asleep(ids[i])) sleep_ms(1);
  }
}
static void ended(pthread_t *threads, int count) {
  long bad = 0;
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL), bad += results[i] != 0;
  EFFECT(futex, "how many owned the lock", total);
  EFFECT(futex, "how many failed", bad);
  EFFECT(futex, "the lock in the end", other);
}

static void moved_to_lock(void) {
  pthread_t t[4];
  const struct timespec past = {1, 0};
  word = 1, other = 0;
  FUTEX("WAIT_REQUEUE_PI for another value", FUTEX_WAIT_REQUEUE_PI, 0, NULL, &other, 0);
  FUTEX("WAIT_REQUEUE_PI, one word", FUTEX_WAIT_REQUEUE_PI, 1, NULL, &word, 0);
  FUTEX("WAIT_REQUEUE_PI, long ago", FUTEX_WAIT_REQUEUE_PI_PRIVATE, 1, &past, &other, 0);
  FUTEX("WAIT_REQUEUE_PI, real time long ago", FUTEX_WAIT_REQUEUE_PI | FUTEX_CLOCK_REALTIME, 1, &past, &other, 0);
  FUTEX("CMP_REQUEUE_PI nobody", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &other, 1);
  FUTEX("CMP_REQUEUE_PI, other value", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &other, 2);
  FUTEX("CMP_REQUEUE_PI, wakes two", FUTEX_CMP_REQUEUE_PI_PRIVATE, 2, (void *)9, &other, 1);
  FUTEX("CMP_REQUEUE_PI, one word", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &word, 1);
  start_lock_waiters(t, 3);
  FUTEX("CMP_REQUEUE_PI to a free lock", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)9, &other, 0);
  ended(t, 3);
  start_lock_waiters(t, 3);
  futex(&other, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  FUTEX("CMP_REQUEUE_PI of two to one's own", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &other, 0);
  EFFECT(futex, "somebody waits for it", (other & FUTEX_WAITERS) != 0);
  FUTEX("CMP_REQUEUE_PI of the last", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &other, 0);
  CASE(futex, "UNLOCK_PI", &other, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  ended(t, 3);
  static uint32_t third;
  start_lock_waiters(t, 1);
  FUTEX("WAKE of one for a lock", FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  FUTEX("REQUEUE of one for a lock", FUTEX_REQUEUE_PRIVATE, 0, (void *)1, &other, 0);
  FUTEX("CMP_REQUEUE_PI to another lock", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &third, 0);
  other = 999999;
  FUTEX("CMP_REQUEUE_PI, the owner is nobody", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, (void *)1, &other, 0);
  other = 0;
  FUTEX("CMP_REQUEUE_PI of one", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &other, 0);
  ended(t, 1);
  start_waiters(t, 1);
  FUTEX("CMP_REQUEUE_PI of one who waits for no lock", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &other, 0);
  FUTEX("WAKE of that one", FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  pthread_join(t[0], NULL);
}

// Locks are asked for again after any handler, with SA_RESTART or without; who has been moved to one is told instead.
static volatile int handled;
static void counts(int signal) { ++handled; }
static void interrupt(pid_t id) {
  while (!is_asleep(id)) sleep_ms(1);
  handled = 0;
  syscall(SYS_tgkill, getpid(), id, SIGUSR1);
  while (!handled) sleep_ms(1);
}
static void *holds(void *main) {
  futex(&other, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  stage = 1;
  interrupt((pid_t)(long)main);
  futex(&other, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}
static void interrupted_locks(void) {
  pthread_t t[1];
  struct sigaction action = {.sa_handler = counts}, old;
  sigaction(SIGUSR1, &action, &old);
  stage = 0, other = 0;
  pthread_create(&t[0], NULL, holds, (void *)(long)gettid());
  while (!stage) sched_yield();
  CASE(futex, "LOCK_PI, interrupted", &other, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  pthread_join(t[0], NULL);
  CASE(futex, "UNLOCK_PI", &other, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  start_lock_waiters(t, 1);
  interrupt(ids[0]);
  while (!is_asleep(ids[0])) sleep_ms(1);
  FUTEX("CMP_REQUEUE_PI of one who was interrupted", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &other, 0);
  ended(t, 1);
  start_lock_waiters(t, 1);
  futex(&other, FUTEX_LOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  FUTEX("CMP_REQUEUE_PI", FUTEX_CMP_REQUEUE_PI_PRIVATE, 1, NULL, &other, 0);
  interrupt(ids[0]);
  pthread_join(t[0], NULL);
  EFFECT(futex, "interrupted after it was moved", results[0]);
  CASE(futex, "UNLOCK_PI", &other, FUTEX_UNLOCK_PI_PRIVATE, 0, NULL, NULL, 0);
  sigaction(SIGUSR1, &old, NULL);
}

static void robust(void) {
  struct robust_list_head *head;
  size_t size;
  CASE(get_robust_list, "own", 0, &head, &size);
  EFFECT(get_robust_list, "size", size);
  CASE(get_robust_list, "nobody", 999999, &head, &size);
  CASE(set_robust_list, "bad size", head, 5);
  CASE(set_robust_list, "as it was", head, size);
  pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a);
  pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
  pthread_mutex_init(m, &a);
  int r;
  IN_CHILD(r, pthread_mutex_lock(m); kill(getpid(), SIGKILL));
  EFFECT(set_robust_list, "the owner has died", pthread_mutex_lock(m));
  EFFECT(set_robust_list, "made consistent", pthread_mutex_consistent(m));
  EFFECT(set_robust_list, "unlocked", pthread_mutex_unlock(m));
  pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_PRIVATE);
  pthread_mutex_init(&own, &a);
  pthread_t t;
  pthread_create(&t, NULL, dies, NULL), pthread_join(t, NULL);
  EFFECT(set_robust_list, "the owning thread has ended", pthread_mutex_lock(&own));
  CASE_OK(set_tid_address, "own", &(int){0});
  CASE(rseq, "twice", (char[64]){0}, 32, 0, 0x53053053);
}

static void scheduling(void) {
  uint64_t mask[16] = {0};
  CASE(sched_yield, "give way");
  EFFECT(sched_getaffinity, "a mask", syscall(SYS_sched_getaffinity, 0, sizeof mask, mask) >= 8);
  EFFECT(sched_getaffinity, "with the first processor", mask[0] & 1);
  CASE(sched_getaffinity, "too small", 0, 4, mask);
  CASE(sched_getaffinity, "nobody", 999999, sizeof mask, mask);
  mask[0] = 1;
  CASE(sched_setaffinity, "the first processor", 0, sizeof mask, mask);
  mask[0] = 0;
  CASE(sched_setaffinity, "none", 0, sizeof mask, mask);
  unsigned cpu = 99, node = 99;
  CASE(getcpu, "where", &cpu, &node, NULL);
  EFFECT(getcpu, "the first", cpu * 10 + node);
  CASE(sched_getscheduler, "own", 0);
  CASE(sched_getscheduler, "nobody", 999999);
  CASE(sched_setscheduler, "unknown", 0, 77, &(struct sched_param){0});
  CASE(sched_setscheduler, "SCHED_BATCH", 0, 3, &(struct sched_param){0});
  CASE(sched_getscheduler, "SCHED_BATCH", 0);
  CASE(sched_setscheduler, "back", 0, 0, &(struct sched_param){0});
  CASE(sched_setparam, "a priority for SCHED_OTHER", 0, &(struct sched_param){5});
  CASE(sched_getparam, "own", 0, &(struct sched_param){5});
  CASE(sched_get_priority_max, "SCHED_FIFO", 1);
  CASE(sched_get_priority_min, "SCHED_FIFO", 1);
  CASE(sched_get_priority_max, "unknown", 77);
  struct timespec t;
  CASE(sched_rr_get_interval, "own", 0, &t);
  char attributes[48] = {48};
  CASE(sched_setattr, "SCHED_OTHER", 0, attributes, 0);
  CASE(sched_setattr, "flags", 0, attributes, 5);
  CASE(sched_getattr, "own", 0, attributes, 48, 0);
  CASE(sched_getattr, "too small", 0, attributes, 8, 0);
  EFFECT(membarrier, "query has the private kind", syscall(SYS_membarrier, 0, 0, 0) >> 3 & 1);
  CASE(membarrier, "PRIVATE_EXPEDITED before registering", MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  CASE(membarrier, "register", MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
  CASE(membarrier, "PRIVATE_EXPEDITED", MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  CASE(membarrier, "GLOBAL", 1, 0, 0);
  CASE(membarrier, "unknown", 1 << 20, 0, 0);
  CASE(membarrier, "flags", 0, 4, 0);
}

static void stopping(void) {
  pthread_t t;
  void *result;
  pthread_create(&t, NULL, sleeps, NULL);
  EFFECT(tgkill, "pthread_cancel", pthread_cancel(t));
  pthread_join(t, &result);
  EFFECT(tgkill, "cancelled", result == PTHREAD_CANCELED);
  int r;
  IN_CHILD(r, {
    pthread_create(&t, NULL, sleeps, NULL);
    _exit(12);
  });
  EFFECT(exit_group, "with another thread", r);
  IN_CHILD(r, {
    pthread_create(&t, NULL, ends, NULL);
    pthread_exit(NULL);
  });
  EFFECT(exit, "of the first thread", r);
  IN_CHILD(r, {
    pthread_create(&t, NULL, executes, NULL);
    pause();
  });
  EFFECT(execve, "by another thread", r);
}

int main(int argc, char **argv) {
  if (argc > 1) return getpid() == gettid() ? 14 : 15;
  begin();
  futexes();
  inheriting();
  moved_to_lock();
  interrupted_locks();
  robust();
  scheduling();
  stopping();
  return finish();
}
