// SPDX-License-Identifier: MIT
// Counters of one processor each, which are changed without atomic instructions in restartable sequences: who is preempted or
// moved in one begins again. More threads than processors count until enough of that has happened; nothing may be lost.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { threads = 5, processors = 64, wanted_aborts = 40, wanted_moves = 10 };
struct area {
  uint32_t cpu_id_start, cpu_id;
  uint64_t sequence;
  uint32_t flags, padding[3];
} __attribute__((aligned(32)));

static struct { volatile int64_t count; char padding[56]; } counters[processors];
static volatile int64_t aborts, moves, done;

// Adds one to the counter of `cpu`, unless this thread no longer runs there undisturbed. The pause in the middle is where it is
// disturbed. False: begin again.
static int add(struct area *area, uint32_t cpu) {
  int failed;
  __asm__ volatile(
      ".pushsection __rseq_table, \"aw\"\n .balign 32\n 3: .long 0, 0\n .quad 1f, 2f - 1f, 4f\n .popsection\n"
      "lea 3b(%%rip), %%rax\n mov %%rax, %[sequence]\n"
      "1: cmp %[cpu], %[current]\n jne 5f\n"
      "mov (%[counter]), %%rcx\n mov $3000, %%edx\n 6: dec %%edx\n jnz 6b\n"
      "inc %%rcx\n mov %%rcx, (%[counter])\n"
      "2: xor %[failed], %[failed]\n jmp 7f\n"
      ".long 0x53053053\n 4: 5: mov $1, %[failed]\n 7:\n"
      : [failed] "=&r"(failed), [sequence] "=m"(area->sequence)
      : [current] "m"(area->cpu_id), [cpu] "r"(cpu), [counter] "r"(&counters[cpu].count)
      : "rax", "rcx", "rdx", "memory", "cc");
  return !failed;
}

static struct area areas[threads] __attribute__((aligned(64)));
static int64_t added[threads];
static int missing;

static void *count(void *argument) {
  const long me = (long)argument;
  struct area *area = &areas[me];
  if (syscall(SYS_rseq, area, sizeof *area, 0, 0x53053053) != 0) {
    missing = 1;
    return NULL;
  }
  uint32_t last = area->cpu_id_start;
  while (!done) {
    const uint32_t cpu = *(volatile uint32_t *)&area->cpu_id_start;
    if (cpu != last) __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
    last = cpu;
    if (add(area, cpu)) ++added[me];
    else if (__atomic_add_fetch(&aborts, 1, __ATOMIC_RELAXED) >= wanted_aborts && moves >= wanted_moves) done = 1;
  }
  return argument;
}

int main(void) {
  pthread_t t[threads];
  for (long i = 0; i < threads; ++i) pthread_create(&t[i], NULL, count, (void *)i);
  int64_t sum = 0, counted = 0;
  for (int i = 0; i < threads; ++i) pthread_join(t[i], NULL), sum += added[i];
  int used = 0;
  for (int i = 0; i < processors; ++i) counted += counters[i].count, used += counters[i].count != 0;
  printf("rseq missing %d, lost %ld, aborted often %d, moved often %d, several processors %d\n", missing, (long)(sum - counted),
         aborts >= wanted_aborts, moves >= wanted_moves, used > 1);
  return 0;
}
