// SPDX-License-Identifier: MIT
// A program that gives the pages of its memory itself, with less memory than it has: two threads read and write a range whose
// pages a third one makes. Each page is asked for once, whatever leaves memory meanwhile, and each protected page once more.
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE 4096ul
static unsigned long pages;
static char *range;
static int fd;
static unsigned long asked, protected_asked, refused, zeroes;

static void fill(uint64_t *page, uint64_t number) {
  for (unsigned i = 0; i < PAGE / 8; ++i) page[i] = number * 0x9e3779b97f4a7c15u + i;
}

static void answer(const struct uffd_msg *m) {
  static uint64_t page[PAGE / 8] __attribute__((aligned(4096)));
  const uint64_t at = m->arg.pagefault.address & -PAGE, number = (at - (uintptr_t)range) / PAGE;
  if (m->arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) {
    ++protected_asked;
    struct uffdio_writeprotect w = {{at, PAGE}, 0};
    if (ioctl(fd, UFFDIO_WRITEPROTECT, &w)) ++refused;
    return;
  }
  ++asked;
  if (number % 5 == 0) {
    struct uffdio_zeropage z = {{at, PAGE}, 0};
    if (ioctl(fd, UFFDIO_ZEROPAGE, &z)) ++refused;
    return;
  }
  fill(page, number);
  struct uffdio_copy c = {at, (uintptr_t)page, PAGE, 0};
  if (ioctl(fd, UFFDIO_COPY, &c)) ++refused;
}
static void *serve(void *unused) {
  for (;;) {
    struct uffd_msg m[8];
    struct pollfd p = {fd, POLLIN};
    poll(&p, 1, -1);
    const ssize_t size = read(fd, m, sizeof m);
    for (ssize_t i = 0; i < size / (ssize_t)sizeof *m; ++i) answer(&m[i]);
  }
  return unused;
}

static int turn;
static unsigned long wrong;
static void *use(void *which) {
  uint64_t expected[PAGE / 8];
  for (unsigned long number = (uintptr_t)which; number < pages; number += 2) {
    uint64_t *page = (uint64_t *)(range + number * PAGE);
    fill(expected, number);
    if (number % 5 == 0) memset(expected, 0, sizeof expected);
    if (turn > 0) expected[7] = number + turn - 1;
    if (memcmp(page, expected, PAGE) != 0) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    page[7] = number + turn;
  }
  return which;
}
static void use_all(void) {
  pthread_t t[2];
  for (uintptr_t i = 0; i < 2; ++i) pthread_create(&t[i], NULL, use, (void *)i);
  for (int i = 0; i < 2; ++i) pthread_join(t[i], NULL);
  printf("turn %d: asked %lu, protected %lu, refused %lu, wrong %lu\n", turn, asked, protected_asked, refused, wrong);
  ++turn;
}

int main(int count, char **words) {
  pages = strtoul(words[1], NULL, 0);
  fd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
  struct uffdio_api api = {.api = UFFD_API};
  if (fd < 0 || ioctl(fd, UFFDIO_API, &api)) return 1;
  range = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  struct uffdio_register r = {{(uintptr_t)range, pages * PAGE}, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP};
  if (ioctl(fd, UFFDIO_REGISTER, &r)) return 2;
  pthread_t server;
  pthread_create(&server, NULL, serve, NULL);
  use_all();
  use_all();   // nothing is asked for again
  struct uffdio_writeprotect w = {{(uintptr_t)range, pages * PAGE}, UFFDIO_WRITEPROTECT_MODE_WP};
  if (ioctl(fd, UFFDIO_WRITEPROTECT, &w)) return 3;
  use_all();
  use_all();
  char line[128];
  unsigned long out = 0;
  for (FILE *f = fopen("/proc/vmstat", "r"); f && fgets(line, sizeof line, f);) sscanf(line, "pswpout %lu", &out);
  if (count > 2 && out < pages / 2) puts("too little was swapped");
  return 0;
}
