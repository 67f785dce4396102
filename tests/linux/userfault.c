// SPDX-License-Identifier: MIT
// userfaultfd: what is refused, missing pages and those of files, write protection, who waits and who wakes, what unmapping,
// moving, forking and protecting do to a registered range, and calls of the kernel that touch its pages.
#include "case.h"
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_EXACT_ADDRESS
#define UFFD_FEATURE_EXACT_ADDRESS (1 << 11)
#endif
#define PAGE 4096ul

static long open_fd(int flags) { return syscall(SYS_userfaultfd, flags); }
static int agree(int fd, unsigned long long features) {
  struct uffdio_api api = {.api = UFFD_API, .features = features};
  return ioctl(fd, UFFDIO_API, &api);
}
static int ready_fd(int flags, unsigned long long features) {
  const int fd = open_fd(O_CLOEXEC | flags);
  if (fd < 0 || agree(fd, features) != 0) exit(96);
  return fd;
}
static unsigned long long offered;   // requests that the last registration told of
static int enter(int fd, void *at, size_t size, int mode) {
  struct uffdio_register r = {.range = {(uintptr_t)at, size}, .mode = mode};
  const int result = ioctl(fd, UFFDIO_REGISTER, &r);
  offered = r.ioctls;
  return result;
}
static int on_range(int fd, unsigned long request, void *at, size_t size) {
  struct uffdio_range r = {(uintptr_t)at, size};
  return ioctl(fd, request, &r);
}
static long long moved;
static int copy(int fd, void *to, const void *from, size_t size, int mode) {
  struct uffdio_copy c = {(uintptr_t)to, (uintptr_t)from, size, mode, 77};
  const int result = ioctl(fd, UFFDIO_COPY, &c);
  moved = c.copy;
  return result;
}
static int zero(int fd, void *at, size_t size, int mode) {
  struct uffdio_zeropage z = {{(uintptr_t)at, size}, mode, 77};
  const int result = ioctl(fd, UFFDIO_ZEROPAGE, &z);
  moved = z.zeropage;
  return result;
}
static int guard(int fd, void *at, size_t size, int mode) {
  struct uffdio_writeprotect w = {{(uintptr_t)at, size}, mode};
  return ioctl(fd, UFFDIO_WRITEPROTECT, &w);
}
static int go_on(int fd, void *at, size_t size, int mode) {
  struct uffdio_continue c = {{(uintptr_t)at, size}, mode, 77};
  const int result = ioctl(fd, UFFDIO_CONTINUE, &c);
  moved = c.mapped;
  return result;
}
static char *map(size_t size, int prot) { return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
static char *pages(size_t count) { return map(count * PAGE, PROT_READ | PROT_WRITE); }
static char *filled(int byte) {
  char *page = pages(1);
  memset(page, byte, PAGE);
  return page;
}

static void opening(void) {
  CASE(userfaultfd, "unknown flag", 1 << 20);
  CASE(userfaultfd, "user mode only, and unknown", UFFD_USER_MODE_ONLY | 2);
  const int fd = CASE_OK(userfaultfd, "close on exec", O_CLOEXEC | O_NONBLOCK);
  EFFECT(userfaultfd, "is closed on exec", fcntl(fd, F_GETFD));
  EFFECT(userfaultfd, "waits not", fcntl(fd, F_GETFL) & O_NONBLOCK);
  char name[64] = {0}, link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  readlink(link, name, sizeof name - 1);
  EFFECT_TEXT(userfaultfd, "is called", name);
  struct uffd_msg message;
  CASE(read, "before the agreement", fd, &message, sizeof message);
  struct pollfd p = {fd, POLLIN};
  poll(&p, 1, 0);
  EFFECT(poll, "before the agreement", p.revents);
  char *at = pages(2);
  CASE_OK(ioctl, "register before the agreement", fd, UFFDIO_REGISTER, &(struct uffdio_register){{(uintptr_t)at, PAGE}, 1});
  CASE(ioctl, "agreement at a bad address", fd, UFFDIO_API, BAD);
  struct uffdio_api api = {.api = 0xab, .features = 0};
  CASE(ioctl, "another version", fd, UFFDIO_API, &api);
  EFFECT(ioctl, "it is cleared", api.api | api.features | api.ioctls);
  api = (struct uffdio_api){.api = UFFD_API, .features = 1ull << 62};
  CASE(ioctl, "a feature that nobody has", fd, UFFDIO_API, &api);
  api = (struct uffdio_api){.api = UFFD_API, .features = UFFD_FEATURE_THREAD_ID};
  CASE(ioctl, "agreement", fd, UFFDIO_API, &api);
  const unsigned long long features = UFFD_FEATURE_PAGEFAULT_FLAG_WP | UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_SIGBUS |
                                      UFFD_FEATURE_THREAD_ID | UFFD_FEATURE_MINOR_SHMEM | UFFD_FEATURE_EXACT_ADDRESS;
  EFFECT(ioctl, "features", api.features & features);
  EFFECT(ioctl, "requests", api.ioctls == ((1ull << _UFFDIO_REGISTER) | (1ull << _UFFDIO_UNREGISTER) | (1ull << _UFFDIO_API)));
  CASE(read, "nothing to tell", fd, &message, sizeof message);
  CASE(read, "too small", fd, &message, sizeof message - 1);
  CASE(write, "nothing is written", fd, &message, sizeof message);
  CASE(ioctl, "no such request", fd, _IO(UFFDIO, 0x30), 0);
  poll(&p, 1, 0);
  EFFECT(poll, "nothing to tell", p.revents);
  fcntl(fd, F_SETFL, 0);
  p.revents = 0;
  poll(&p, 1, 0);
  EFFECT(poll, "of one that waits", p.revents);
  close(fd);
  munmap(at, 2 * PAGE);
}

static void registering(void) {
  const int fd = ready_fd(O_NONBLOCK, 0), other = ready_fd(O_NONBLOCK, 0);
  char *at = pages(8);
  CASE(ioctl, "register: no mode", fd, UFFDIO_REGISTER, &(struct uffdio_register){{(uintptr_t)at, PAGE}, 0});
  EFFECT(ioctl, "register: unknown mode", enter(fd, at, PAGE, 1 << 6) < 0 ? errno : 0);
  EFFECT(ioctl, "register: nothing", enter(fd, at, 0, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "register: unaligned", enter(fd, at + 8, PAGE, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "register: half a page", enter(fd, at, 8, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "register: around the end", enter(fd, at, -PAGE, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "register: minor faults of private memory", enter(fd, at, PAGE, UFFDIO_REGISTER_MODE_MINOR) < 0 ? errno : 0);
  munmap(at + 6 * PAGE, 2 * PAGE);
  EFFECT(ioctl, "register: nothing is there", enter(fd, at + 6 * PAGE, PAGE, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "register: missing", enter(fd, at, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
  EFFECT(ioctl, "register: requests", offered & 0xdf);
  EFFECT(ioctl, "register: again", enter(fd, at, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
  EFFECT(ioctl, "register: somebody else", enter(other, at + PAGE, PAGE, UFFDIO_REGISTER_MODE_MISSING) < 0 ? errno : 0);
  EFFECT(ioctl, "register: with a hole behind", enter(fd, at, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_WP));
  EFFECT(ioctl, "register: requests", offered & 0xdf);
  const int file = open("file", O_RDWR | O_CREAT, 0600);
  ftruncate(file, PAGE);
  char *shown = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, file, 0);
  const int exe = open("/proc/self/exe", O_RDONLY);
  char *text = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, exe, 0);
  EFFECT(ioctl, "register: a program's text", enter(fd, text, PAGE, UFFDIO_REGISTER_MODE_MISSING) < 0 ? errno : 0);
  munmap(shown, PAGE), munmap(text, PAGE), close(file), close(exe);
  EFFECT(ioctl, "unregister: unaligned", on_range(fd, UFFDIO_UNREGISTER, at + 1, PAGE) < 0 ? errno : 0);
  EFFECT(ioctl, "unregister", on_range(fd, UFFDIO_UNREGISTER, at + 2 * PAGE, PAGE));
  EFFECT(ioctl, "unregister: again", on_range(fd, UFFDIO_UNREGISTER, at + 2 * PAGE, PAGE));
  at[2 * PAGE] = 5;
  EFFECT(ioctl, "an ordinary page again", at[2 * PAGE] + at[2 * PAGE + 1]);
  EFFECT(ioctl, "the other may have it now", enter(other, at + 2 * PAGE, PAGE, UFFDIO_REGISTER_MODE_MISSING));
  EFFECT(ioctl, "wake: unaligned", on_range(fd, UFFDIO_WAKE, at, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "wake: nobody", on_range(fd, UFFDIO_WAKE, at, PAGE));
  CASE(ioctl, "wake: bad address", fd, UFFDIO_WAKE, BAD);
  close(other);
  EFFECT(ioctl, "whose owner is gone", enter(fd, at + 2 * PAGE, PAGE, UFFDIO_REGISTER_MODE_MISSING));
  close(fd);
  at[0] = 1;
  EFFECT(close, "ordinary pages again", at[0] + at[1]);
  munmap(at, 6 * PAGE);
}

static void filling(void) {
  const int fd = ready_fd(O_NONBLOCK, 0);
  char *at = pages(8), *source = filled('s'), *outside = pages(1);
  enter(fd, at, 6 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
#define TRIED(what, call, name)                          \
  do {                                                   \
    errno = 0;                                           \
    const int result_ = call;                            \
    report(#name, what, result_);                        \
    EFFECT(name, what ": moved", moved);                 \
  } while (0)
  TRIED("copy", copy(fd, at, source, PAGE, 0), ioctl);
  EFFECT(ioctl, "what was copied", at[0] == 's' && at[PAGE - 1] == 's');
  TRIED("copy over it", copy(fd, at, source, PAGE, 0), ioctl);
  TRIED("copy up to it", copy(fd, at, source, 0, 0), ioctl);
  TRIED("copy to elsewhere", copy(fd, outside, source, PAGE, 0), ioctl);
  TRIED("copy beyond the range", copy(fd, at + 5 * PAGE, source, 2 * PAGE, 0), ioctl);
  TRIED("copy: unaligned", copy(fd, at + PAGE + 1, source, PAGE, 0), ioctl);
  TRIED("copy: unaligned source", copy(fd, at + PAGE, source - 16, 0, 0), ioctl);
  TRIED("copy: unknown mode", copy(fd, at + PAGE, source, PAGE, 8), ioctl);
  TRIED("copy: protected, in a range without", copy(fd, at + PAGE, source, PAGE, UFFDIO_COPY_MODE_WP), ioctl);
  TRIED("copy: no source", copy(fd, at + PAGE, (void *)PAGE, PAGE, 0), ioctl);
  CASE(ioctl, "copy: bad address", fd, UFFDIO_COPY, BAD);
  TRIED("copy: a source that ends", copy(fd, at + PAGE, before_hole() - PAGE, 2 * PAGE, 0), ioctl);
  TRIED("zero", zero(fd, at + 3 * PAGE, PAGE, 0), ioctl);
  EFFECT(ioctl, "zeroes", at[3 * PAGE]);
  at[3 * PAGE] = 9;
  TRIED("zero over it", zero(fd, at + 3 * PAGE, PAGE, 0), ioctl);
  TRIED("zero up to it", zero(fd, at + 2 * PAGE, 2 * PAGE, 0), ioctl);
  TRIED("zero: unknown mode", zero(fd, at + 4 * PAGE, PAGE, 2), ioctl);
  TRIED("zero elsewhere", zero(fd, outside, PAGE, 0), ioctl);
  TRIED("continue of private memory", go_on(fd, at + 4 * PAGE, PAGE, 0), ioctl);
  EFFECT(ioctl, "protect in a range without", guard(fd, at, PAGE, 1) < 0 ? errno : 0);
  madvise(at, 4 * PAGE, MADV_DONTNEED);
  TRIED("again after MADV_DONTNEED", copy(fd, at, source, PAGE, UFFDIO_COPY_MODE_DONTWAKE), ioctl);
  EFFECT(mincore, "what is there", ({ unsigned char there[6]; mincore(at, 6 * PAGE, there); there[0] + 2 * there[1] + 4 * there[3]; }));
  mprotect(at + 4 * PAGE, PAGE, PROT_NONE);
  TRIED("copy to what may not be touched", copy(fd, at + 4 * PAGE, source, PAGE, 0), ioctl);
  mprotect(at + 4 * PAGE, PAGE, PROT_READ);
  EFFECT(mprotect, "is there when it may", at[4 * PAGE] == 's');
  char *big = pages(64), *large = pages(64);
  for (int i = 0; i < 64; ++i) memset(large + i * PAGE, i, PAGE);
  enter(fd, big, 64 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
  TRIED("many", copy(fd, big, large, 64 * PAGE, 0), ioctl);
  EFFECT(ioctl, "all of them", memcmp(big, large, 64 * PAGE));
  madvise(big, 64 * PAGE, MADV_DONTNEED);
  TRIED("one of many", copy(fd, big + 40 * PAGE, large, PAGE, 0), ioctl);
  TRIED("many up to it", copy(fd, big, large, 64 * PAGE, 0), ioctl);
  munmap(big, 64 * PAGE), munmap(large, 64 * PAGE);
  close(fd);
  munmap(at, 8 * PAGE), munmap(source, PAGE), munmap(outside, PAGE);
}

// A thread that answers: messages go to `seen`.
struct pager {
  int fd;
  pthread_t thread;
  const char *source;
  int answers;          // how many; then it ends
  int wp;               // takes write protection away
  struct uffd_msg seen[64];
  int count;
};
static void *serve(void *argument) {
  struct pager *p = argument;
  while (p->count < p->answers) {
    struct pollfd f = {p->fd, POLLIN};
    poll(&f, 1, -1);
    struct uffd_msg m;
    if (read(p->fd, &m, sizeof m) != sizeof m) continue;
    p->seen[p->count % 64] = m;
    __atomic_fetch_add(&p->count, 1, __ATOMIC_SEQ_CST);
    char *page = (char *)(uintptr_t)(m.arg.pagefault.address & -PAGE);
    if (m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_WP) guard(p->fd, page, PAGE, 0);
    else if (m.arg.pagefault.flags & UFFD_PAGEFAULT_FLAG_MINOR) go_on(p->fd, page, PAGE, 0);
    else if (copy(p->fd, page, p->source, PAGE, p->wp ? UFFDIO_COPY_MODE_WP : 0) != 0 && errno == EEXIST) on_range(p->fd, UFFDIO_WAKE, page, PAGE);
  }
  return NULL;
}
static struct pager pager;
static void start(int fd, const char *source, int answers, int wp) {
  memset(&pager, 0, sizeof pager);
  pager.fd = fd, pager.source = source, pager.answers = answers, pager.wp = wp;
  pthread_create(&pager.thread, NULL, serve, &pager);
}
static void told(const char *what, char *base) {
  pthread_join(pager.thread, NULL);
  for (int i = 0; i < pager.count; ++i) {
    const struct uffd_msg *m = &pager.seen[i];
    printf("userfaultfd: %s, message %d = event %#x flags %#llx at %#llx\n", what, i, m->event, (unsigned long long)m->arg.pagefault.flags,
           (unsigned long long)m->arg.pagefault.address - (uintptr_t)base);
  }
}

static void missing(void) {
  int fd = ready_fd(O_NONBLOCK, UFFD_FEATURE_THREAD_ID);
  char *at = pages(32), *source = filled('m');
  enter(fd, at, 32 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
  start(fd, source, 2, 0);
  EFFECT(userfaultfd, "read of a missing page", at[100]);
  at[PAGE + 200] = 3;
  EFFECT(userfaultfd, "written to a missing page", at[PAGE + 200] + at[PAGE + 199]);
  told("missing", at);
  EFFECT(userfaultfd, "whose thread it was", pager.seen[0].arg.pagefault.feat.ptid == (unsigned)syscall(SYS_gettid));
  // Calls that touch them.
  start(fd, source, 11, 0);
  int p[2];
  pipe(p);
  write(p[1], "from a pipe", 11);
  CASE(read, "into a missing page", p[0], at + 2 * PAGE, 100);
  EFFECT_TEXT(read, "what came", strndupa(at + 2 * PAGE, 12));
  CASE(write, "from missing pages", p[1], at + 3 * PAGE, 2 * PAGE);
  char *copyof = pages(2);
  CASE(read, "what was written", p[0], copyof, 3 * PAGE);
  EFFECT(write, "the reader's bytes", copyof[0] == 'm' && copyof[2 * PAGE - 1] == 'm');
  const int file = open("data", O_RDWR | O_CREAT, 0600);
  for (int i = 0; i < 4; ++i) pwrite(file, source, PAGE, i * PAGE);
  pwrite(file, "file", 4, PAGE);
  CASE(pread64, "into two missing pages and a part", file, at + 5 * PAGE, 2 * PAGE + 10, 0);
  EFFECT_TEXT(pread64, "what came", strndupa(at + 6 * PAGE, 4));
  struct iovec v[2] = {{at + 8 * PAGE, 10}, {at + 9 * PAGE, 10}};
  CASE(preadv, "into two", file, v, 2, PAGE);
  CASE(newfstatat, "a name in a missing page", AT_FDCWD, at + 10 * PAGE, &(struct stat){0}, 0);
  CASE_OK(clock_gettime, "into a missing page", CLOCK_MONOTONIC, at + 11 * PAGE);
  CASE(futex, "a word in a missing page", at + 12 * PAGE, 128 /* FUTEX_WAIT, private */, 0, NULL, NULL, 0);
  told("by the kernel", at);
  // A datagram, a stream.
  int s[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
  start(fd, source, 3, 0);
  CASE(sendto, "a datagram from a missing page", s[0], at + 14 * PAGE, 300, 0, NULL, 0);
  CASE(recvfrom, "a datagram into a missing page", s[1], at + 15 * PAGE, 400, 0, NULL, NULL);
  CASE(mlock, "a missing page", at + 16 * PAGE, PAGE);
  told("by more calls", at);
  close(s[0]), close(s[1]), close(p[0]), close(p[1]), close(file);
  // Through the descriptor's end.
  close(fd);
  at[20 * PAGE] = 1;
  EFFECT(close, "an ordinary page", at[20 * PAGE]);
  munmap(at, 32 * PAGE), munmap(source, PAGE), munmap(copyof, 2 * PAGE);
  fd = ready_fd(O_NONBLOCK, UFFD_FEATURE_EXACT_ADDRESS);
  at = pages(1), source = filled('e');
  enter(fd, at, PAGE, UFFDIO_REGISTER_MODE_MISSING);
  start(fd, source, 1, 0);
  EFFECT(userfaultfd, "of an exact address", at[123]);
  told("exact", at);
  close(fd), munmap(at, PAGE), munmap(source, PAGE);
}

static void *touch(void *at) { return (void *)(long)*(volatile char *)at; }
static int waits_in_fault(int fd, struct uffd_msg *m) {
  struct pollfd f = {fd, POLLIN};
  poll(&f, 1, 10000);
  return read(fd, m, sizeof *m) == sizeof *m;
}
static volatile sig_atomic_t signals;
static void on_signal(int number) { ++signals; }

static void waking(void) {
  const int fd = ready_fd(O_NONBLOCK, 0);
  char *at = pages(8), *source = filled('w');
  enter(fd, at, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
  struct uffd_msg m;
  pthread_t t[4];
  void *got[4];
  // Several at one page: each its message, one answer.
  for (int i = 0; i < 4; ++i) pthread_create(&t[i], NULL, touch, at);
  int messages = 0;
  while (messages < 4) messages += waits_in_fault(fd, &m);
  CASE(read, "no more messages", fd, &m, sizeof m);
  copy(fd, at, source, PAGE, 0);
  int sum = 0;
  for (int i = 0; i < 4; ++i) pthread_join(t[i], &got[i]), sum += got[i] == (void *)'w';
  EFFECT(ioctl, "one copy wakes all", sum);
  // Without waking.
  pthread_create(&t[0], NULL, touch, at + PAGE);
  waits_in_fault(fd, &m);
  copy(fd, at + PAGE, source, PAGE, UFFDIO_COPY_MODE_DONTWAKE);
  EFFECT(ioctl, "copied without waking: still waits", pthread_tryjoin_np(t[0], NULL) == EBUSY);
  on_range(fd, UFFDIO_WAKE, at + PAGE, PAGE);
  pthread_join(t[0], &got[0]);
  EFFECT(ioctl, "woken", (long)got[0]);
  // Woken without a page: it asks again.
  pthread_create(&t[0], NULL, touch, at + 2 * PAGE);
  waits_in_fault(fd, &m);
  on_range(fd, UFFDIO_WAKE, at, 8 * PAGE);
  EFFECT(ioctl, "woken without a page: asks again", waits_in_fault(fd, &m));
  zero(fd, at + 2 * PAGE, PAGE, 0);
  pthread_join(t[0], &got[0]);
  EFFECT(ioctl, "a zero page", (long)got[0]);
  // A signal comes to who waits in a fault.
  struct sigaction a = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &a, NULL);
  pthread_create(&t[0], NULL, touch, at + 3 * PAGE);
  waits_in_fault(fd, &m);
  pthread_kill(t[0], SIGUSR1);
  EFFECT(rt_sigaction, "it asks again behind the handler", waits_in_fault(fd, &m));
  EFFECT(rt_sigaction, "the handler has run", signals);
  on_range(fd, UFFDIO_UNREGISTER, at, 8 * PAGE);
  pthread_join(t[0], &got[0]);
  EFFECT(ioctl, "unregistering wakes", (long)got[0]);
  enter(fd, at + 4 * PAGE, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
  pthread_create(&t[0], NULL, touch, at + 5 * PAGE);
  waits_in_fault(fd, &m);
  // epoll tells too.
  pthread_create(&t[1], NULL, touch, at + 6 * PAGE);
  const int e = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN};
  CASE(epoll_ctl, "a userfaultfd", e, EPOLL_CTL_ADD, fd, &event);
  CASE(epoll_wait, "a fault", e, &event, 1, 10000);
  EFFECT(epoll_wait, "it may be read", event.events);
  close(e);
  close(fd);
  pthread_join(t[0], &got[0]), pthread_join(t[1], &got[1]);
  EFFECT(close, "wakes those whose message was read, and not", (long)got[0] + (long)got[1]);
  munmap(at, 8 * PAGE), munmap(source, PAGE);
}

static void guarding(void) {
  const int fd = ready_fd(O_NONBLOCK, UFFD_FEATURE_PAGEFAULT_FLAG_WP);
  char *at = pages(16), *source = filled('p');
  memset(at, 'a', 4 * PAGE);
  EFFECT(ioctl, "register: write protection", enter(fd, at, 16 * PAGE, UFFDIO_REGISTER_MODE_WP));
  EFFECT(ioctl, "register: requests", offered & 0xdf);
  EFFECT(ioctl, "protect: unknown mode", guard(fd, at, PAGE, 4) < 0 ? errno : 0);
  EFFECT(ioctl, "protect, and do not wake", guard(fd, at, PAGE, 3) < 0 ? errno : 0);
  EFFECT(ioctl, "protect: elsewhere", guard(fd, source, PAGE, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "protect: unaligned", guard(fd, at + 1, PAGE, 1) < 0 ? errno : 0);
  EFFECT(ioctl, "protect", guard(fd, at, 3 * PAGE, UFFDIO_WRITEPROTECT_MODE_WP));
  at[5 * PAGE] = 1;
  EFFECT(ioctl, "a page that was not there is written freely", at[5 * PAGE]);
  at[3 * PAGE] = 'b';
  EFFECT(ioctl, "reading is free", at[0] + at[3 * PAGE]);
  start(fd, source, 2, 0);
  at[PAGE] = 'c';
  EFFECT(ioctl, "written", at[PAGE] + at[PAGE + 1]);
  int p[2];
  pipe(p);
  write(p[1], "xyz", 3);
  CASE(read, "into a protected page", p[0], at + 2 * PAGE, 3);
  told("protected", at);
  at[PAGE + 5] = 'd';
  EFFECT(ioctl, "written again, without asking", at[PAGE + 5]);
  EFFECT(ioctl, "protection goes", guard(fd, at, PAGE, 0));
  at[0] = 'e';
  EFFECT(ioctl, "written freely", at[0]);
  // Protection outlives a change of the ordinary one.
  guard(fd, at, PAGE, UFFDIO_WRITEPROTECT_MODE_WP);
  mprotect(at, PAGE, PROT_NONE);
  mprotect(at, PAGE, PROT_READ);
  mprotect(at, PAGE, PROT_READ | PROT_WRITE);
  start(fd, source, 1, 0);
  at[0] = 'f';
  told("after mprotect", at);
  // A page that comes protected.
  EFFECT(ioctl, "register: both", enter(fd, at + 8 * PAGE, 4 * PAGE, UFFDIO_REGISTER_MODE_WP | UFFDIO_REGISTER_MODE_MISSING));
  start(fd, source, 2, 1);
  at[8 * PAGE] = 'g';
  EFFECT(ioctl, "missing, then protected", at[8 * PAGE] + at[8 * PAGE + 1]);
  told("both", at + 8 * PAGE);
  // After a fork it is the parent's alone.
  guard(fd, at + 3 * PAGE, PAGE, UFFDIO_WRITEPROTECT_MODE_WP);
  int result;
  IN_CHILD(result, {
    alarm(10);
    at[3 * PAGE] = 'h';
    at[9 * PAGE] = 'i';
    _exit(at[3 * PAGE] == 'h' && at[9 * PAGE] == 'i' && at[9 * PAGE + 1] == 0 ? 3 : 4);
  });
  EFFECT(fork, "the child writes freely", result);
  start(fd, source, 1, 0);
  at[3 * PAGE] = 'j';
  told("the parent after a fork", at);
  on_range(fd, UFFDIO_UNREGISTER, at, 16 * PAGE);
  guard(fd, at + 2 * PAGE, PAGE, 1);
  at[2 * PAGE] = 'k';
  EFFECT(ioctl, "unregistered: written freely", at[2 * PAGE]);
  close(fd), close(p[0]), close(p[1]);
  munmap(at, 16 * PAGE), munmap(source, PAGE);
}

static void shared(void) {
  const int fd = ready_fd(O_NONBLOCK, 0), memory = memfd_create("m", 0);
  ftruncate(memory, 8 * PAGE);
  char *at = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
  char *other = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0), *source = filled('q');
  const int reading = open("/proc/self/fd/0", O_RDONLY);
  EFFECT(ioctl, "register: shared memory", enter(fd, at, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING));
  start(fd, source, 1, 0);
  EFFECT(userfaultfd, "a page that the file has not", at[1]);
  told("shared", at);
  EFFECT(userfaultfd, "others see it", other[1]);
  other[PAGE] = 'r';
  EFFECT(userfaultfd, "what the file has comes by itself", at[PAGE]);
  TRIED("copy to what the file has", copy(fd, at + PAGE, source, PAGE, 0), ioctl);
  TRIED("zero", zero(fd, at + 2 * PAGE, PAGE, 0), ioctl);
  EFFECT(ioctl, "zeroes", at[2 * PAGE]);
  on_range(fd, UFFDIO_UNREGISTER, at, 8 * PAGE);
  EFFECT(ioctl, "register: minor", enter(fd, at, 8 * PAGE, UFFDIO_REGISTER_MODE_MINOR));
  EFFECT(ioctl, "register: requests", offered & 0xdf);
  pwrite(memory, "minor", 6, 4 * PAGE);
  start(fd, source, 2, 0);
  EFFECT(userfaultfd, "a page that the file has", at[4 * PAGE]);
  other[5 * PAGE] = 's';
  at[5 * PAGE] = 't';
  EFFECT(userfaultfd, "written through", other[5 * PAGE]);
  told("minor", at);
  TRIED("continue where it is seen", go_on(fd, at + 4 * PAGE, PAGE, 0), ioctl);
  TRIED("continue without a page", go_on(fd, at + 6 * PAGE, PAGE, 0), ioctl);
  TRIED("continue: unknown mode", go_on(fd, at + 4 * PAGE, PAGE, 16), ioctl);
  at[6 * PAGE] = 'u';
  EFFECT(userfaultfd, "missing pages are ordinary then", other[6 * PAGE]);
  close(fd), close(memory), close(reading);
  munmap(at, 8 * PAGE), munmap(other, 8 * PAGE), munmap(source, PAGE);
}

static void changing(void) {
  const int fd = ready_fd(O_NONBLOCK, 0);
  char *at = pages(8), *source = filled('x');
  enter(fd, at, 8 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
  copy(fd, at, source, PAGE, 0);
  // Moved: the new place is ordinary.
  char *to = mremap(at, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
  if (to == at) exit(95);
  EFFECT(mremap, "what was there", to[0]);
  to[PAGE] = 1;
  EFFECT(mremap, "the new place is ordinary", to[PAGE] + to[3 * PAGE]);
  TRIED("copy to the new place", copy(fd, to + 2 * PAGE, source, PAGE, 0), ioctl);
  // Something else in its place.
  char *fresh = mmap(at + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  fresh[0] = 2;
  EFFECT(mmap, "another mapping is ordinary", fresh[0] + fresh[1]);
  munmap(at + 3 * PAGE, PAGE);
  TRIED("copy to what is gone", copy(fd, at + 3 * PAGE, source, PAGE, 0), ioctl);
  // A part with another protection is an area of its own, until it is as before.
  mprotect(at + 5 * PAGE, PAGE, PROT_READ);
  TRIED("copy over a border", copy(fd, at + 4 * PAGE, pages(2), 2 * PAGE, 0), ioctl);
  mprotect(at + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE);
  TRIED("copy where a border was", copy(fd, at + 4 * PAGE, pages(2), 2 * PAGE, 0), ioctl);
  // The child's memory is ordinary, and the descriptor the parent's.
  int result;
  IN_CHILD(result, {
    alarm(10);
    at[7 * PAGE] = 4;
    if (copy(fd, at + 6 * PAGE, source, PAGE, 0) != 0) _exit(50);
    _exit(at[7 * PAGE] + at[6 * PAGE]);
  });
  EFFECT(fork, "the child's pages are ordinary", result);
  EFFECT(fork, "what it copied is the parent's", at[6 * PAGE]);
  // Answered from another process.
  const pid_t child = fork();
  if (child == 0) {
    struct uffd_msg m;
    while (!waits_in_fault(fd, &m)) {}
    memset(source, 'y', PAGE);
    _exit(copy(fd, (void *)(uintptr_t)m.arg.pagefault.address, source, PAGE, 0) == 0 ? 7 : 8);
  }
  EFFECT(userfaultfd, "answered by another process", at[7 * PAGE]);
  EFFECT(userfaultfd, "who", reap(child));
  // The memory of a process that is gone.
  int s[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, s);
  const pid_t dying = fork();
  if (dying == 0) {
    const int own = ready_fd(O_NONBLOCK, 0);
    char *mine = pages(1);
    enter(own, mine, PAGE, UFFDIO_REGISTER_MODE_MISSING);
    char control[CMSG_SPACE(4)] = {0};
    struct iovec v = {&mine, sizeof mine};
    struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET, c->cmsg_type = SCM_RIGHTS, c->cmsg_len = CMSG_LEN(4);
    memcpy(CMSG_DATA(c), &own, 4);
    sendmsg(s[1], &h, 0);
    close(own);
    _exit(mine[0]);   // waits for its parent
  }
  char *theirs = NULL, control[CMSG_SPACE(4)];
  struct iovec v = {&theirs, sizeof theirs};
  struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  recvmsg(s[0], &h, 0);
  int got;
  memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&h)), 4);
  struct uffd_msg m;
  EFFECT(userfaultfd, "another process's fault", waits_in_fault(got, &m));
  EFFECT(userfaultfd, "its address", m.arg.pagefault.address == (uintptr_t)theirs);
  memset(source, 44, PAGE);
  TRIED("copy to another process", copy(got, theirs, source, PAGE, 0), ioctl);
  EFFECT(userfaultfd, "what it found", reap(dying));
  TRIED("copy to one that is gone", copy(got, theirs, source, PAGE, 0), ioctl);
  EFFECT(ioctl, "register in one that is gone", enter(got, theirs, PAGE, 1) < 0 ? errno : 0);
  close(got), close(s[0]), close(s[1]), close(fd);
}

static void *kill_me(void *at) {
  sleep_ms(5);
  kill(getpid(), SIGKILL);
  return NULL;
}

static void ends(void) {
  int result, p[2];
  IN_CHILD(result, {
    const int fd = ready_fd(0, UFFD_FEATURE_SIGBUS);
    char *at = pages(1);
    enter(fd, at, PAGE, UFFDIO_REGISTER_MODE_MISSING);
    _exit(at[0]);
  });
  EFFECT(userfaultfd, "with the feature SIGBUS", result);
  IN_CHILD(result, {
    const int fd = ready_fd(0, UFFD_FEATURE_SIGBUS);
    char *at = pages(1);
    enter(fd, at, PAGE, UFFDIO_REGISTER_MODE_MISSING);
    CASE(read, "with the feature SIGBUS", open("/dev/zero", O_RDONLY), at, 8);
    _exit(3);
  });
  EFFECT(userfaultfd, "with the feature SIGBUS, in a call", result);
  IN_CHILD(result, {
    const int fd = ready_fd(UFFD_USER_MODE_ONLY | O_NONBLOCK, 0);
    char *at = pages(2);
    char *source = filled('z');
    enter(fd, at, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    CASE(read, "user mode only", open("/dev/zero", O_RDONLY), at, 8);
    start(fd, source, 1, 0);
    EFFECT(userfaultfd, "user mode only", at[PAGE]);
    _exit(4);
  });
  EFFECT(userfaultfd, "user mode only", result);
  // Killed while threads wait, in a fault and in a call.
  IN_CHILD(result, {
    const int fd = ready_fd(O_NONBLOCK, 0);
    char *at = pages(2);
    enter(fd, at, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    pthread_t t;
    pthread_create(&t, NULL, kill_me, NULL);
    at[0] = 1;
  });
  EFFECT(kill, "of who waits in a fault", result);
  IN_CHILD(result, {
    const int fd = ready_fd(O_NONBLOCK, 0);
    char *at = pages(2);
    enter(fd, at, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    pthread_t t;
    pthread_create(&t, NULL, kill_me, NULL);
    clock_gettime(0, (void *)at);
    syscall(SYS_clock_gettime, 0, at);
  });
  EFFECT(kill, "of who waits in a call", result);
  IN_CHILD(result, {
    const int fd = ready_fd(O_NONBLOCK, 0);
    char *at = pages(2);
    enter(fd, at, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    pthread_t t;
    pthread_create(&t, NULL, touch, at);
    struct uffd_msg m;
    while (!waits_in_fault(fd, &m)) {}
    exit(5);
  });
  EFFECT(exit_group, "while one waits in a fault", result);
  // exec: the new program has none of it.
  IN_CHILD(result, {
    const int fd = syscall(SYS_userfaultfd, 0);
    agree(fd, 0);
    char *at = pages(2);
    enter(fd, at, 2 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
    pthread_t t;
    pthread_create(&t, NULL, touch, at);
    sleep_ms(5);
    execl("/proc/self/exe", "userfault", "6", NULL);
  });
  EFFECT(execve, "while one waits in a fault", result);
  pipe(p);
  close(p[0]), close(p[1]);
}

int main(int argc, char **argv) {
  if (argc == 2) return atoi(argv[1]);
  const long fd = open_fd(0);
  if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return 77;
  close(fd);
  begin();
  opening();
  registering();
  filling();
  missing();
  waking();
  guarding();
  shared();
  changing();
  ends();
  return finish();
}
