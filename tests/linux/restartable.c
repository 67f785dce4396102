// SPDX-License-Identifier: MIT
// Restartable sequences: who is interrupted inside one goes on at its abort address, whoever took the processor.
#include "case.h"
#include <pthread.h>
#include <sched.h>
#include <sys/rseq.h>

static struct rseq *area(void) {
  char *self;
  asm("mov %%fs:0, %0" : "=r"(self));
  return (struct rseq *)(self + __rseq_offset);
}

// A sequence of BODY, which may go on for ever; 1 if it was aborted. SIGNATURE lies in front of the abort address.
#define SEQUENCE(signature, body, ...)                                                                                 \
  ({                                                                                                                   \
    int aborted = 0;                                                                                                   \
    asm volatile(".pushsection .data\n .balign 32\n 9: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n"            \
                 "lea 9b(%%rip), %%rax\n mov %%rax, %[section]\n"                                                      \
                 "1: " body "\n 2: jmp 5f\n .long " signature "\n 4: movl $1, %[aborted]\n 5:\n"                        \
                 : [aborted] "+m"(aborted), [section] "=m"(area()->rseq_cs) : __VA_ARGS__ : "rax", "rcx", "memory", "cc"); \
    aborted;                                                                                                           \
  })
#define RIGHT "0x53053053"
#define WRONG "0x12345678"
#define FOR_EVER "6: jmp 6b"

static volatile int handled, over, started;
static volatile long inside;
static void handler(int signal) { inside += area()->rseq_cs != 0, ++handled; }
// Now and then, so that one that comes too early does no harm.
static timer_t interrupt_often(void) {
  signal(SIGALRM, handler);
  const struct itimerspec often = {{0, 2000000}, {0, 2000000}};
  timer_t timer;
  timer_create(CLOCK_MONOTONIC, NULL, &timer);
  timer_settime(timer, 0, &often, NULL);
  return timer;
}
static void *computes(void *unused) {
  while (!over) ++started;
  return NULL;
}

// Two threads on one processor count without a lock: a load and a store with some time in between.
static volatile long count;
enum { rounds = 3000 };
static void *adds(void *unused) {
  long restarts = 0;
  for (int i = 0; i < rounds; ++i)
    while (SEQUENCE(RIGHT, "mov %[count], %%rax\n mov $2000, %%ecx\n 7: dec %%ecx\n jnz 7b\n inc %%rax\n mov %%rax, %[count]", [count] "m"(count)))
      ++restarts;
  return (void *)restarts;
}

static void aborts(void) {
  pthread_t thread;
  timer_t timer = interrupt_often();
  int all = 1;
  while (handled < 5) all &= SEQUENCE(RIGHT, FOR_EVER);
  timer_delete(timer);
  signal(SIGALRM, SIG_DFL);
  EFFECT(rseq, "aborted by signals", all);
  EFFECT(rseq, "handlers in a sequence", inside);
  EFFECT(rseq, "the word after", area()->rseq_cs);
  EFFECT(rseq, "one that comes to its end", SEQUENCE(RIGHT, "nop"));
  pthread_create(&thread, NULL, computes, NULL);
  EFFECT(rseq, "aborted by another thread", SEQUENCE(RIGHT, FOR_EVER));
  while (!started) sched_yield();
  over = 1;
  pthread_join(thread, NULL);
  int r;
  IN_CHILD(r, {
    interrupt_often();
    SEQUENCE(WRONG, FOR_EVER);
  });
  EFFECT(rseq, "a wrong signature", r);
}

int main(void) {
  begin();
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(sched_getcpu(), &one);
  sched_setaffinity(0, sizeof one, &one);
  EFFECT(rseq, "registered", __rseq_size >= 20 && (int)area()->cpu_id >= 0);
  EFFECT(rseq, "the processor", area()->cpu_id == (unsigned)sched_getcpu() && area()->cpu_id_start == area()->cpu_id);
  aborts();
  pthread_t threads[2];
  for (int i = 0; i < 2; ++i) pthread_create(&threads[i], NULL, adds, NULL);
  for (int i = 0; i < 2; ++i) pthread_join(threads[i], NULL);
  EFFECT(rseq, "counted without a lock", count);
  return finish();
}
