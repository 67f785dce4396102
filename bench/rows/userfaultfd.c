// SPDX-License-Identifier: MIT
/* row
title = "userfaultfd: a missing page given by another thread"
why = "a fault that the program answers itself: two switches, the message, the page"
source = "M2 (1995, table 5)"
*/
#include "row.h"

#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

enum { pages = 50 };
static int fd;
static char *range, *source;

static void *serve(void *unused) {
  for (struct uffd_msg message; read(fd, &message, sizeof message) == sizeof message;) {
    struct uffdio_copy copy = {.dst = message.arg.pagefault.address, .src = (uintptr_t)source, .len = row_page};
    CHECK(ioctl(fd, UFFDIO_COPY, &copy) == 0);
  }
  return unused;
}

int main(void) {
  fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
  struct uffdio_api api = {.api = UFFD_API};
  CHECK(fd >= 0 && ioctl(fd, UFFDIO_API, &api) == 0);
  range = mmap(NULL, pages * row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  source = mmap(NULL, row_page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(range != MAP_FAILED && source != MAP_FAILED);
  memset(source, 7, row_page);
  struct uffdio_register wanted = {.range = {(uintptr_t)range, pages * row_page}, .mode = UFFDIO_REGISTER_MODE_MISSING};
  CHECK(ioctl(fd, UFFDIO_REGISTER, &wanted) == 0);
  pthread_t pager;
  CHECK(pthread_create(&pager, NULL, serve, NULL) == 0);
  MEASURE_NOTHING();
  MEASURE_PREPARED(pages, pages, CHECK(madvise(range, pages * row_page, MADV_DONTNEED) == 0), CHECK(range[time * row_page] == 7));
  return 0;
}
