// SPDX-License-Identifier: MIT
// Bytes of every number and place through calls, and the vector registers of who calls: they are whole afterwards, whatever the
// system copies with.
#include "case.h"
#include <sys/time.h>
#include <sys/uio.h>

#define ROOM (3 * 65536)

static unsigned char *from, *to;
static int wide;   // the processor has AVX
static unsigned char before[96], after[96];

static long call(long number, long a, const void *b, long c, long d) {
  register long offset __asm__("r10") = d;
  if (wide) {
    __asm__ volatile("vmovdqu (%4), %%ymm0\n vmovdqu 32(%4), %%ymm1\n vmovdqu 64(%4), %%ymm9\n syscall\n"
                     "vmovdqu %%ymm0, (%5)\n vmovdqu %%ymm1, 32(%5)\n vmovdqu %%ymm9, 64(%5)\n vzeroupper\n"
                     : "+a"(number), "+d"(c), "+r"(offset), "+S"(b)
                     : "r"(before), "r"(after), "D"(a)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm9");
  } else {
    __asm__ volatile("movdqu (%4), %%xmm0\n movdqu 32(%4), %%xmm1\n movdqu 64(%4), %%xmm9\n syscall\n"
                     "movdqu %%xmm0, (%5)\n movdqu %%xmm1, 32(%5)\n movdqu %%xmm9, 64(%5)\n"
                     : "+a"(number), "+d"(c), "+r"(offset), "+S"(b)
                     : "r"(before), "r"(after), "D"(a)
                     : "rcx", "r11", "memory", "xmm0", "xmm1", "xmm9");
    for (int i = 0; i < 96; ++i) if (i % 32 >= 16) after[i] = before[i];
  }
  return number;
}

static int registers_differ(void) { return memcmp(before, after, sizeof before) != 0; }

// There and back at one place of file and memory. 0: all as it should be.
static int trip(int fd, long size, long at, long offset) {
  for (long i = 0; i < size + 2; ++i) from[at - 1 + i] = (unsigned char)(i * 7 + size + at);
  memset(to + at - 1, 0xee, (size_t)size + 2);
  int wrong = call(SYS_pwrite64, fd, from + at, size, offset) != size;
  wrong += registers_differ();
  wrong += call(SYS_pread64, fd, to + at, size, offset) != size;
  wrong += registers_differ();
  wrong += memcmp(from + at, to + at, (size_t)size) != 0 || to[at - 1] != 0xee || to[at + size] != 0xee;
  return wrong;
}

static void sizes(int fd) {
  int wrong = 0;
  for (long size = 1; size <= 1200; ++size) wrong += trip(fd, size, 1 + size % 37, size % 11);
  EFFECT(pwrite64, "1 to 1200 bytes, there and back", wrong);
  wrong = 0;
  for (long at = 1; at <= 64; ++at) wrong += trip(fd, 4096, at, 0) + trip(fd, 4096 + at, at, 4096 - at);
  EFFECT(pwrite64, "a page at 64 places", wrong);
  wrong = 0;
  for (long size = 8000; size <= 2 * 65536; size += 8111) wrong += trip(fd, size, size % 4099 + 1, size % 513);
  EFFECT(pwrite64, "up to 128 KiB", wrong);
}

static void pipes(void) {
  int ends[2], wrong = 0;
  if (pipe(ends) != 0) return;
  for (long size = 1; size < 60000; size += size / 3 + 1) {
    for (long i = 0; i < size; ++i) from[i] = (unsigned char)(i * 5 + size);
    wrong += call(SYS_write, ends[1], from, size, 0) != size || registers_differ();
    wrong += call(SYS_read, ends[0], to, ROOM, 0) != size || registers_differ();
    wrong += memcmp(from, to, (size_t)size) != 0;
  }
  EFFECT(write, "pieces of every size through a pipe", wrong);
  close(ends[0]), close(ends[1]);
}

// The memory ends within what is to be moved.
static void ends_of_memory(int fd) {
  char *hole = before_hole();
  int wrong = 0;
  memset(hole - 4096, 'm', 4096);
  for (long size = 1; size <= 4096; size += 61) {
    wrong += call(SYS_pwrite64, fd, hole - size, 8192, 0) == 0;
    wrong += registers_differ();
    errno = 0;
    wrong += call(SYS_pread64, fd, hole - size, 8192, 4096) == 0;
    wrong += registers_differ();
  }
  EFFECT(pwrite64, "registers after memory that ends", wrong);
  EFFECT(pwrite64, "nothing of it can be read", call(SYS_pwrite64, fd, hole, 4096, 0));
  EFFECT(pwrite64, "and the registers", registers_differ());
  EFFECT(pread64, "nothing of it can be written", call(SYS_pread64, fd, hole, 4096, 0));
  EFFECT(pread64, "and the registers", registers_differ());
  EFFECT(pread64, "up to its end", call(SYS_pread64, fd, hole - 1000, 1000, 0));
  char *locked = mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(locked, 'l', 16384);
  mprotect(locked + 8192, 8192, PROT_READ);
  EFFECT(pread64, "into memory that is read-only", call(SYS_pread64, fd, locked + 8192, 4096, 0));
  EFFECT(pread64, "and the registers", registers_differ());
  EFFECT(pread64, "up to it", call(SYS_pread64, fd, locked, 8192, 0));
  EFFECT(pread64, "it is as it was", locked[8192] == 'l' && locked[16383] == 'l');
}

// Memory that nobody has touched yet, and a child's that is to be copied when written.
static void fresh_memory(int fd) {
  char *fresh = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int r, wrong = call(SYS_pwrite64, fd, fresh, 65536, 0) != 65536 || registers_differ();
  for (int i = 0; i < 65536; ++i) wrong += fresh[i] != 0;
  memset(from, 'f', 65536);
  wrong += call(SYS_pwrite64, fd, from, 65536, 0) != 65536 || call(SYS_pread64, fd, fresh + 65536 + 99, 65536, 0) != 65536;
  wrong += registers_differ() || memcmp(from, fresh + 65536 + 99, 65536) != 0;
  EFFECT(pread64, "into untouched memory", wrong);
  IN_CHILD(r, {
    memset(from, 'g', 65536);
    int bad = call(SYS_pwrite64, fd, from, 65536, 0) != 65536 || call(SYS_pread64, fd, fresh, 65536, 0) != 65536;
    _exit(bad || registers_differ() || memcmp(from, fresh, 65536) != 0);
  });
  EFFECT(pread64, "into memory that the parent shares", r);
  EFFECT(pread64, "the parent's", fresh[0]);
}

static volatile int alarms;
static void on_alarm(int signal) {
  (void)signal;
  ++alarms;
  __asm__ volatile("pcmpeqd %%xmm0, %%xmm0\n pcmpeqd %%xmm1, %%xmm1\n pcmpeqd %%xmm9, %%xmm9\n" : : : "xmm0", "xmm1", "xmm9");
}

// Signals, and another process that does the same with other registers.
static void interrupted(int fd) {
  const pid_t child = fork();
  if (child == 0) for (int i = 0; i < 96; ++i) before[i] ^= 0x5a;
  sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm, .sa_flags = SA_RESTART}, NULL);
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 1000}, {0, 1000}}, NULL);
  int wrong = 0;
  const long offset = child == 0 ? 1 << 20 : 0;
  for (int i = 0; i < 20000 && (alarms < 20 || i < 200); ++i) {
    wrong += call(SYS_pwrite64, fd, from, 65536, offset) != 65536 || registers_differ();
    wrong += call(SYS_pread64, fd, to, 65536, offset) != 65536 || registers_differ();
  }
  setitimer(ITIMER_REAL, &(struct itimerval){{0, 0}, {0, 0}}, NULL);
  if (child == 0) _exit(wrong != 0);
  int status = -1;
  waitpid(child, &status, 0);
  EFFECT(pwrite64, "with signals and another process in between", wrong);
  EFFECT(pwrite64, "and that process", status);
}

int main(void) {
  begin();
  wide = __builtin_cpu_supports("avx");
  for (int i = 0; i < 96; ++i) before[i] = (unsigned char)(i * 11 + 1);
  from = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  to = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  const int fd = open("file", O_RDWR | O_CREAT, 0600);
  sizes(fd);
  pipes();
  ends_of_memory(fd);
  fresh_memory(fd);
  interrupted(fd);
  // The upper halves are zero: nothing makes them anything else.
  for (int i = 0; i < 96; ++i) if (i % 32 >= 16) before[i] = 0;
  EFFECT(pwrite64, "with empty upper halves", trip(fd, 8192, 5, 3));
  return finish();
}
