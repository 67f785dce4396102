// SPDX-License-Identifier: MIT
// io_uring by its three calls alone: each operation, links, timeouts, cancelling, registered files and buffers, waiting.
#include "case.h"
#include <linux/io_uring.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

struct ring {
  int fd;
  struct io_uring_params p;
  char *rings;
  struct io_uring_sqe *sqes;
  unsigned queued;
};
static unsigned *at(struct ring *r, unsigned offset) { return (unsigned *)(r->rings + offset); }

static int open_ring(struct ring *r, unsigned entries, unsigned flags, unsigned cq) {
  memset(r, 0, sizeof *r);
  r->p.flags = flags, r->p.cq_entries = cq;
  r->fd = syscall(SYS_io_uring_setup, entries, &r->p);
  if (r->fd < 0) return -1;
  const size_t size = r->p.cq_off.cqes + r->p.cq_entries * sizeof(struct io_uring_cqe), array = r->p.sq_off.array + r->p.sq_entries * 4;
  r->rings = mmap(NULL, size > array ? size : array, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQ_RING);
  r->sqes = mmap(NULL, r->p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, r->fd, IORING_OFF_SQES);
  return r->rings == MAP_FAILED || r->sqes == MAP_FAILED ? -1 : 0;
}

// The next free submission, which submit() hands over.
static struct io_uring_sqe *next(struct ring *r, int op, int fd, const void *addr, unsigned len, unsigned long long off, unsigned long long data) {
  const unsigned mask = *at(r, r->p.sq_off.ring_mask), slot = (*at(r, r->p.sq_off.tail) + r->queued) & mask;
  struct io_uring_sqe *s = &r->sqes[slot];
  memset(s, 0, sizeof *s);
  s->opcode = op, s->fd = fd, s->addr = (uintptr_t)addr, s->len = len, s->off = off, s->user_data = data;
  at(r, r->p.sq_off.array)[slot] = slot;
  ++r->queued;
  return s;
}
static long submit_and_wait(struct ring *r, unsigned least) {
  const unsigned n = r->queued;
  __atomic_store_n(at(r, r->p.sq_off.tail), *at(r, r->p.sq_off.tail) + n, __ATOMIC_RELEASE);
  r->queued = 0;
  return syscall(SYS_io_uring_enter, r->fd, n, least, least ? IORING_ENTER_GETEVENTS : 0, NULL, 8);
}
static int peek(struct ring *r, struct io_uring_cqe *out) {
  unsigned *head = at(r, r->p.cq_off.head);
  if (*head == __atomic_load_n(at(r, r->p.cq_off.tail), __ATOMIC_ACQUIRE)) return 0;
  *out = ((struct io_uring_cqe *)(r->rings + r->p.cq_off.cqes))[*head & *at(r, r->p.cq_off.ring_mask)];
  __atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
  return 1;
}
// Waits for that many completions and prints them by user_data, for their order is not always told.
static void done(struct ring *r, const char *what, unsigned count) {
  struct io_uring_cqe cqes[64];
  const long submitted = submit_and_wait(r, count);
  unsigned n = 0;
  while (n < count && peek(r, &cqes[n])) ++n;
  printf("io_uring_enter: %s = %ld submitted, %u done\n", what, submitted, n);
  for (unsigned long long data = 0; data < 64; ++data)
    for (unsigned i = 0; i < n; ++i)
      if (cqes[i].user_data == data)
        printf("io_uring_enter: %s, %llu = %s%d flags %u\n", what, data, cqes[i].res < 0 ? strerrorname_np(-cqes[i].res) : "", cqes[i].res < 0 ? -1 : cqes[i].res, cqes[i].flags & IORING_CQE_F_MORE);
}
static int idle(struct ring *r) {
  struct io_uring_cqe cqe;
  return !peek(r, &cqe);
}

static struct ring r;

static void setting_up(void) {
  struct io_uring_params p = {0};
  CASE(io_uring_setup, "no entries", 0, &p);
  CASE(io_uring_setup, "too many", 1u << 20, &p);
  CASE(io_uring_setup, "bad pointer", 8, BAD);
  p.flags = 1u << 31;
  CASE(io_uring_setup, "unknown flag", 8, &p);
  p = (struct io_uring_params){.flags = IORING_SETUP_CQSIZE, .cq_entries = 4};
  CASE(io_uring_setup, "fewer completions than submissions", 8, &p);
  p = (struct io_uring_params){.flags = IORING_SETUP_DEFER_TASKRUN};
  CASE(io_uring_setup, "deferred without a single issuer", 8, &p);
  p = (struct io_uring_params){.resv = {1}};
  CASE(io_uring_setup, "reserved", 8, &p);
  p = (struct io_uring_params){.flags = IORING_SETUP_CLAMP};
  const int large = CASE_OK(io_uring_setup, "clamped", 1u << 20, &p);
  EFFECT(io_uring_setup, "clamped to", p.sq_entries);
  close(large);
  EFFECT(io_uring_setup, "13 entries", open_ring(&r, 13, 0, 0));
  EFFECT(io_uring_setup, "rounded up", r.p.sq_entries * 1000 + r.p.cq_entries);
  EFFECT(io_uring_setup, "features", (r.p.features & (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG)) ==
                                         (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG));
  EFFECT(io_uring_setup, "close on exec", fcntl(r.fd, F_GETFD));
  CASE(io_uring_enter, "nothing", r.fd, 0, 0, 0, NULL, 0);
  CASE(io_uring_enter, "no ring", 1, 0, 0, 0, NULL, 0);
  CASE(io_uring_enter, "no descriptor", 99, 0, 0, 0, NULL, 0);
  CASE(io_uring_enter, "unknown flag", r.fd, 0, 0, 1 << 20, NULL, 0);
  CASE(io_uring_register, "unknown operation", r.fd, 77, NULL, 0);
  CASE(io_uring_register, "no ring", 1, IORING_REGISTER_EVENTFD, NULL, 0);
  struct ring off;
  open_ring(&off, 4, IORING_SETUP_R_DISABLED, 0);
  CASE(io_uring_enter, "disabled", off.fd, 0, 0, 0, NULL, 0);
  CASE(io_uring_register, "enable", off.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
  CASE(io_uring_register, "enable again", off.fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
  CASE(io_uring_enter, "enabled", off.fd, 0, 0, 0, NULL, 0);
  close(off.fd);
  struct { struct io_uring_probe probe; struct io_uring_probe_op ops[64]; } probed;
  memset(&probed, 0, sizeof probed);
  CASE(io_uring_register, "probe", r.fd, IORING_REGISTER_PROBE, &probed, 64);
  EFFECT(io_uring_register, "reading is there", probed.ops[IORING_OP_READ].flags);
}

static void files(void) {
  char bytes[32] = "0123456789", back[32] = "";
  struct iovec pieces[2] = {{bytes, 4}, {bytes + 4, 6}}, into[2] = {{back, 3}, {back + 3, 20}};
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 1);
  next(&r, IORING_OP_NOP, 77, NULL, 0, 0, 2);
  done(&r, "nothing to do", 2);
  next(&r, IORING_OP_OPENAT, AT_FDCWD, "file", 0640, 0, 1)->open_flags = O_RDWR | O_CREAT;
  submit_and_wait(&r, 1);
  struct io_uring_cqe cqe;
  peek(&r, &cqe);
  const int file = cqe.res;
  EFFECT(io_uring_enter, "opened", file == fcntl(file, F_DUPFD, file) - 1);
  close(file + 1);
  next(&r, IORING_OP_WRITE, file, bytes, 10, 0, 1);
  done(&r, "write", 1);
  next(&r, IORING_OP_READ, file, back, 32, 4, 1);
  done(&r, "read at", 1);
  EFFECT_TEXT(io_uring_enter, "what was read", back);
  next(&r, IORING_OP_READ, file, back, 3, -1ull, 1);
  done(&r, "read at the position", 1);
  EFFECT(lseek, "which moves", lseek(file, 0, SEEK_CUR));
  next(&r, IORING_OP_WRITEV, file, pieces, 2, 10, 1);
  next(&r, IORING_OP_READV, file, into, 2, 8, 2)->flags = IOSQE_IO_DRAIN;
  done(&r, "vectors", 2);
  EFFECT_TEXT(io_uring_enter, "what was read", back);
  next(&r, IORING_OP_FSYNC, file, NULL, 0, 0, 1);
  next(&r, IORING_OP_FSYNC, file, NULL, 0, 0, 2)->fsync_flags = IORING_FSYNC_DATASYNC;
  next(&r, IORING_OP_FALLOCATE, file, (void *)100, 0, 0, 3);
  next(&r, IORING_OP_FADVISE, file, NULL, 0, 0, 4);
  done(&r, "sync and allocate", 4);
  struct statx state;
  next(&r, IORING_OP_STATX, AT_FDCWD, "file", STATX_SIZE, (uintptr_t)&state, 1);
  done(&r, "statx", 1);
  EFFECT(io_uring_enter, "size", state.stx_size);
  next(&r, IORING_OP_READ, file, BAD, 10, 0, 1);
  next(&r, IORING_OP_READ, 99, back, 10, 0, 2);
  next(&r, IORING_OP_OPENAT, AT_FDCWD, "none", 0, 0, 3);
  next(&r, IORING_OP_CLOSE, 99, NULL, 0, 0, 4);
  next(&r, IORING_OP_STATX, AT_FDCWD, "none", STATX_SIZE, (uintptr_t)&state, 5);
  next(&r, IORING_OP_OPENAT, AT_FDCWD, BAD, 0, 0, 6);
  done(&r, "errors", 6);
  next(&r, IORING_OP_MKDIRAT, AT_FDCWD, "folder", 0755, 0, 1);
  next(&r, IORING_OP_SYMLINKAT, AT_FDCWD, "file", 0, (uintptr_t)"link", 2);
  next(&r, IORING_OP_LINKAT, AT_FDCWD, "file", AT_FDCWD, (uintptr_t)"second", 3);
  next(&r, IORING_OP_RENAMEAT, AT_FDCWD, "second", AT_FDCWD, (uintptr_t)"third", 4)->flags = IOSQE_IO_DRAIN;
  next(&r, IORING_OP_UNLINKAT, AT_FDCWD, "third", 0, 0, 5)->flags = IOSQE_IO_DRAIN;
  next(&r, IORING_OP_UNLINKAT, AT_FDCWD, "folder", 0, 0, 6)->unlink_flags = AT_REMOVEDIR;
  done(&r, "names", 6);
  next(&r, IORING_OP_CLOSE, file, NULL, 0, 0, 1);
  done(&r, "close", 1);
  EFFECT(fcntl, "closed", fcntl(file, F_GETFD) == -1);
  next(&r, 200, 0, NULL, 0, 0, 1);
  next(&r, IORING_OP_NOP, 0, NULL, 0, 0, 2);
  EFFECT(io_uring_enter, "an unknown one ends the submission", submit_and_wait(&r, 0));
  EFFECT(io_uring_enter, "the rest", syscall(SYS_io_uring_enter, r.fd, 8, 2, IORING_ENTER_GETEVENTS, NULL, 8));
  done(&r, "both", 2);
  next(&r, IORING_OP_READ, 0, NULL, 0, 0, 1)->flags = 0x80;
  done(&r, "unknown flag", 1);
  next(&r, IORING_OP_FSYNC, 0, NULL, 0, 0, 1)->fsync_flags = 8;
  done(&r, "unknown flag of an operation", 1);
  next(&r, IORING_OP_TIMEOUT, -1, NULL, 2, 0, 1);
  done(&r, "two times", 1);
}

static void waiting(void) {
  int p[2], q[2];
  char a[16] = "", b[16] = "";
  pipe(p), pipe(q);
  next(&r, IORING_OP_READ, p[0], a, 16, 0, 1);
  next(&r, IORING_OP_READ, q[0], b, 16, -1ull, 2)->flags = IOSQE_ASYNC;
  EFFECT(io_uring_enter, "reads of empty pipes do not wait", submit_and_wait(&r, 0));
  EFFECT(io_uring_enter, "nothing is done", idle(&r));
  write(q[1], "second", 6);
  done(&r, "one", 1);
  write(p[1], "first", 5);
  done(&r, "the other", 1);
  EFFECT_TEXT(io_uring_enter, "read", a);
  EFFECT_TEXT(io_uring_enter, "read", b);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  next(&r, IORING_OP_READ, p[0], a, 16, 0, 1);
  submit_and_wait(&r, 0);
  EFFECT(io_uring_enter, "O_NONBLOCK is not meant for rings", idle(&r));
  write(p[1], "x", 1);
  done(&r, "so it waits", 1);
  fcntl(p[0], F_SETFL, 0);
  next(&r, IORING_OP_READ, p[0], a, 16, 0, 1);
  close(p[1]);
  done(&r, "the end", 1);
  next(&r, IORING_OP_WRITE, q[0], a, 16, 0, 1);
  done(&r, "wrong end", 1);
  // A pipe that is full.
  static char much[1 << 17];
  next(&r, IORING_OP_WRITE, q[1], much, sizeof much, 0, 1);
  submit_and_wait(&r, 0);
  struct io_uring_cqe cqe;
  while (read(q[0], much, 4096) == 4096 && idle(&r)) {}
  EFFECT(io_uring_enter, "a write that waited", 1);
  close(q[1]);
  while (read(q[0], much, sizeof much) > 0) {}
  // Polling.
  pipe(p);
  next(&r, IORING_OP_POLL_ADD, p[0], NULL, 0, 0, 1)->poll32_events = POLLIN;
  next(&r, IORING_OP_POLL_ADD, p[1], NULL, 0, 0, 2)->poll32_events = POLLOUT;
  next(&r, IORING_OP_POLL_ADD, p[0], NULL, 0, 0, 3)->poll32_events = POLLIN;
  done(&r, "poll", 1);
  next(&r, IORING_OP_POLL_REMOVE, -1, (void *)3, 0, 0, 4);
  done(&r, "not any more", 2);
  next(&r, IORING_OP_POLL_REMOVE, -1, (void *)3, 0, 0, 4);
  done(&r, "which is gone", 1);
  write(p[1], "x", 1);
  done(&r, "poll", 1);
  // As what a ring is itself.
  struct pollfd own = {r.fd, POLLIN | POLLOUT};
  EFFECT(poll, "an idle ring", poll(&own, 1, 0) * 100 + own.revents);
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 1);
  submit_and_wait(&r, 0);
  const int set = epoll_create1(0);
  struct epoll_event event = {EPOLLIN};
  epoll_ctl(set, EPOLL_CTL_ADD, r.fd, &event);
  EFFECT(epoll_wait, "a ring with a completion", epoll_wait(set, &event, 1, 1000));
  idle(&r);
  next(&r, IORING_OP_POLL_ADD, p[0], NULL, 0, 0, 5)->poll32_events = POLLPRI;
  next(&r, IORING_OP_ASYNC_CANCEL, -1, (void *)5, 0, 0, 6);
  done(&r, "cancel", 2);
  next(&r, IORING_OP_ASYNC_CANCEL, -1, (void *)5, 0, 0, 6);
  done(&r, "cancel what is gone", 1);
  pipe(q);
  for (int i = 0; i < 3; ++i) next(&r, IORING_OP_READ, q[0], a, 1, 0, 5);
  next(&r, IORING_OP_ASYNC_CANCEL, -1, (void *)5, 0, 0, 6)->cancel_flags = IORING_ASYNC_CANCEL_ALL;
  done(&r, "cancel all", 4);
  next(&r, IORING_OP_READ, q[0], a, 1, 0, 5);
  next(&r, IORING_OP_ASYNC_CANCEL, q[0], NULL, 0, 0, 6)->cancel_flags = IORING_ASYNC_CANCEL_FD;
  done(&r, "cancel by descriptor", 2);
  // The file stays open for a request that waits for it.
  next(&r, IORING_OP_READ, q[0], a, 16, 0, 1);
  submit_and_wait(&r, 0);
  close(q[0]);
  write(q[1], "still", 5);
  done(&r, "closed meanwhile", 1);
  close(set), close(p[0]), close(p[1]), close(q[1]);
  mkfifo("fifo", 0600);
  next(&r, IORING_OP_OPENAT, AT_FDCWD, "fifo", 0, 0, 1)->open_flags = O_WRONLY;
  done(&r, "a FIFO without a reader", 1);
  const int reader = open("fifo", O_RDONLY | O_NONBLOCK);
  next(&r, IORING_OP_OPENAT, AT_FDCWD, "fifo", 0, 0, 1)->open_flags = O_WRONLY;
  submit_and_wait(&r, 1);
  EFFECT(io_uring_enter, "with one", peek(&r, &cqe) && cqe.res >= 0);
  EFFECT(fcntl, "its flags", fcntl(cqe.res, F_GETFL) & (O_ACCMODE | O_NONBLOCK));
  close(reader), close(cqe.res);
}

static void links(void) {
  int p[2];
  char a[16] = "";
  pipe(p);
  next(&r, IORING_OP_WRITE, p[1], "linked", 6, 0, 1)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_READ, p[0], a, 6, 0, 2)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 3);
  done(&r, "a chain", 3);
  EFFECT_TEXT(io_uring_enter, "read", a);
  next(&r, IORING_OP_READ, p[0], a, 6, 0, 1)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_WRITE, p[1], "second", 6, 0, 2);
  submit_and_wait(&r, 0);
  EFFECT(io_uring_enter, "the next does not start early", idle(&r));
  write(p[1], "first.", 6);
  done(&r, "a chain that waited", 2);
  next(&r, IORING_OP_READ, 99, a, 6, 0, 1)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 2)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 3);
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 4);
  done(&r, "a broken chain", 4);
  next(&r, IORING_OP_READ, p[0], a, 16, 0, 1)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 2);
  done(&r, "less than asked breaks it", 2);
  next(&r, IORING_OP_READ, 99, a, 6, 0, 1)->flags = IOSQE_IO_HARDLINK;
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 2);
  done(&r, "a hard link holds", 2);
  struct ring silent;   // which is no ring for drains any more
  open_ring(&silent, 4, 0, 0);
  next(&silent, IORING_OP_NOP, -1, NULL, 0, 0, 1)->flags = IOSQE_CQE_SKIP_SUCCESS;
  next(&silent, IORING_OP_READ, 99, a, 6, 0, 2)->flags = IOSQE_CQE_SKIP_SUCCESS;
  done(&silent, "success is not told", 1);
  close(silent.fd);
  next(&r, IORING_OP_READ, p[0], a, 6, 0, 1);
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 2)->flags = IOSQE_IO_DRAIN;
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 3);
  submit_and_wait(&r, 0);
  EFFECT(io_uring_enter, "a drain holds what is behind it", idle(&r));
  write(p[1], "drains", 6);
  done(&r, "drained", 3);
  struct __kernel_timespec soon = {0, 2000000}, late = {50, 0};
  next(&r, IORING_OP_READ, p[0], a, 6, 0, 1)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_LINK_TIMEOUT, -1, &soon, 1, 0, 2);
  done(&r, "a limit that ends it", 2);
  next(&r, IORING_OP_READ, p[0], a, 6, 0, 1)->flags = IOSQE_IO_LINK;
  next(&r, IORING_OP_LINK_TIMEOUT, -1, &late, 1, 0, 2);
  write(p[1], "sooner", 6);
  done(&r, "a limit that does not", 2);
  next(&r, IORING_OP_LINK_TIMEOUT, -1, &late, 1, 0, 2);
  done(&r, "a limit of nothing", 1);
  close(p[0]), close(p[1]);
}

static void timeouts(void) {
  struct __kernel_timespec soon = {0, 2000000}, late = {50, 0}, none = {0, 0}, bad = {0, -1};
  next(&r, IORING_OP_TIMEOUT, -1, &soon, 1, 0, 1);
  done(&r, "timeout", 1);
  next(&r, IORING_OP_TIMEOUT, -1, &soon, 1, 0, 1)->timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS;
  done(&r, "timeout as a success", 1);
  next(&r, IORING_OP_TIMEOUT, -1, &none, 1, 0, 1);
  done(&r, "no time", 1);
  next(&r, IORING_OP_TIMEOUT, -1, &late, 1, 2, 1);
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 2);
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 3);
  done(&r, "a number of others", 3);
  next(&r, IORING_OP_TIMEOUT, -1, &late, 1, 0, 1);
  next(&r, IORING_OP_TIMEOUT_REMOVE, -1, (void *)1, 0, 0, 2);
  done(&r, "removed", 2);
  next(&r, IORING_OP_TIMEOUT_REMOVE, -1, (void *)1, 0, 0, 2);
  done(&r, "which is gone", 1);
  next(&r, IORING_OP_TIMEOUT, -1, &late, 1, 0, 1);
  next(&r, IORING_OP_TIMEOUT_REMOVE, -1, (void *)1, 0, (uintptr_t)&soon, 2)->timeout_flags = IORING_TIMEOUT_UPDATE;
  done(&r, "made shorter", 2);
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  struct __kernel_timespec when = {now.tv_sec, now.tv_nsec};
  next(&r, IORING_OP_TIMEOUT, -1, &when, 1, 0, 1)->timeout_flags = IORING_TIMEOUT_ABS;
  done(&r, "absolute", 1);
  clock_gettime(CLOCK_REALTIME, &now);
  when = (struct __kernel_timespec){now.tv_sec, now.tv_nsec};
  next(&r, IORING_OP_TIMEOUT, -1, &when, 1, 0, 1)->timeout_flags = IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME;
  done(&r, "absolute, time of day", 1);
  next(&r, IORING_OP_TIMEOUT, -1, &bad, 1, 0, 1);
  done(&r, "bad time", 1);
  next(&r, IORING_OP_TIMEOUT, -1, BAD, 1, 0, 1);
  done(&r, "bad pointer", 1);
  struct __kernel_timespec limit = {0, 3000000};
  struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&limit};
  CASE(io_uring_enter, "waits no longer than that", r.fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, sizeof arg);
  CASE(io_uring_enter, "a short argument", r.fd, 0, 1, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, 8);
}

static void sockets(void) {
  struct sockaddr_un name = {AF_UNIX, "socket"};
  int pair[2];
  char a[16] = "", control[64];
  next(&r, IORING_OP_SOCKET, AF_UNIX, NULL, 0, SOCK_STREAM, 1);
  submit_and_wait(&r, 1);
  struct io_uring_cqe cqe = {0};
  peek(&r, &cqe);
  const int listener = cqe.res, caller = socket(AF_UNIX, SOCK_STREAM, 0);
  EFFECT(io_uring_enter, "a socket", listener > 0);
  bind(listener, (void *)&name, sizeof name), listen(listener, 4);
  next(&r, IORING_OP_ACCEPT, listener, NULL, 0, 0, 1)->accept_flags = SOCK_CLOEXEC;
  EFFECT(io_uring_enter, "accepting does not wait", submit_and_wait(&r, 0) == 1 && idle(&r));
  next(&r, IORING_OP_CONNECT, caller, &name, 0, sizeof name, 2);
  submit_and_wait(&r, 2);
  int accepted = -1, connected = -1;
  while (peek(&r, &cqe)) *(cqe.user_data == 1 ? &accepted : &connected) = cqe.res;
  EFFECT(io_uring_enter, "connected", connected);
  EFFECT(io_uring_enter, "accepted", accepted > 0 && fcntl(accepted, F_GETFD) == FD_CLOEXEC);
  next(&r, IORING_OP_RECV, accepted, a, 16, 0, 1);
  next(&r, IORING_OP_SEND, caller, "hello", 5, 0, 2);
  done(&r, "received and sent", 2);
  EFFECT_TEXT(io_uring_enter, "received", a);
  next(&r, IORING_OP_RECV, accepted, a, 8, 0, 1)->msg_flags = MSG_WAITALL;
  submit_and_wait(&r, 0);
  send(caller, "half", 4, 0);
  EFFECT(io_uring_enter, "half is not all", submit_and_wait(&r, 0) == 0 && idle(&r));
  send(caller, "rest", 4, 0);
  done(&r, "all", 1);
  next(&r, IORING_OP_RECV, accepted, a, 8, 0, 1)->msg_flags = MSG_DONTWAIT;
  done(&r, "without waiting", 1);
  struct iovec piece = {"message", 7}, into = {a, sizeof a};
  struct msghdr out = {.msg_iov = &piece, .msg_iovlen = 1}, in = {.msg_iov = &into, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  next(&r, IORING_OP_RECVMSG, accepted, &in, 1, 0, 1);
  next(&r, IORING_OP_SENDMSG, caller, &out, 1, 0, 2);
  done(&r, "messages", 2);
  EFFECT(io_uring_enter, "control", in.msg_controllen);
  next(&r, IORING_OP_SHUTDOWN, caller, NULL, SHUT_WR, 0, 1);
  next(&r, IORING_OP_RECV, accepted, a, 8, 0, 2)->flags = IOSQE_IO_DRAIN;
  done(&r, "the end", 2);
  next(&r, IORING_OP_SEND, caller, "x", 1, 0, 1);
  next(&r, IORING_OP_RECV, 1, a, 1, 0, 2);
  next(&r, IORING_OP_CONNECT, caller, &name, 0, sizeof name, 3);
  done(&r, "errors", 3);
  close(caller), close(accepted), close(listener);
}

static void registered(void) {
  int p[2], fds[3];
  char a[16] = "", buffer[64] = "registered";
  pipe(p);
  struct iovec buffers[1] = {{buffer, sizeof buffer}};
  CASE(io_uring_register, "buffers", r.fd, IORING_REGISTER_BUFFERS, buffers, 1);
  CASE(io_uring_register, "buffers again", r.fd, IORING_REGISTER_BUFFERS, buffers, 1);
  const int file = open("fixed", O_RDWR | O_CREAT, 0600);
  next(&r, IORING_OP_WRITE_FIXED, file, buffer, 10, 0, 1)->buf_index = 0;
  next(&r, IORING_OP_READ_FIXED, file, buffer + 20, 10, 0, 2)->flags = IOSQE_IO_DRAIN;
  done(&r, "registered buffers", 2);
  EFFECT_TEXT(io_uring_enter, "read", buffer + 20);
  next(&r, IORING_OP_READ_FIXED, file, buffer + 60, 10, 0, 1);
  next(&r, IORING_OP_READ_FIXED, file, buffer, 10, 0, 2)->buf_index = 3;
  next(&r, IORING_OP_READ_FIXED, file, a, 10, 0, 3);
  done(&r, "outside them", 3);
  CASE(io_uring_register, "no buffers", r.fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
  CASE(io_uring_register, "no buffers again", r.fd, IORING_UNREGISTER_BUFFERS, NULL, 0);
  buffers[0] = (struct iovec){BAD, 64};
  CASE(io_uring_register, "bad buffers", r.fd, IORING_REGISTER_BUFFERS, buffers, 1);
  fds[0] = p[0], fds[1] = -1, fds[2] = file;
  CASE(io_uring_register, "files", r.fd, IORING_REGISTER_FILES, fds, 3);
  CASE(io_uring_register, "files again", r.fd, IORING_REGISTER_FILES, fds, 3);
  next(&r, IORING_OP_READ, 0, a, 16, 0, 1)->flags = IOSQE_FIXED_FILE;
  submit_and_wait(&r, 0);
  write(p[1], "fixed", 5);
  done(&r, "a registered file", 1);
  EFFECT_TEXT(io_uring_enter, "read", a);
  next(&r, IORING_OP_READ, 1, a, 16, 0, 1)->flags = IOSQE_FIXED_FILE;
  next(&r, IORING_OP_READ, 9, a, 16, 0, 2)->flags = IOSQE_FIXED_FILE;
  next(&r, IORING_OP_FSYNC, 2, NULL, 0, 0, 3)->flags = IOSQE_FIXED_FILE;
  done(&r, "places", 3);
  fds[0] = p[1];
  struct io_uring_files_update update = {.offset = 1, .fds = (uintptr_t)fds};
  CASE(io_uring_register, "update", r.fd, IORING_REGISTER_FILES_UPDATE, &update, 1);
  next(&r, IORING_OP_WRITE, 1, "y", 1, 0, 1)->flags = IOSQE_FIXED_FILE;
  done(&r, "an updated place", 1);
  fds[0] = -1;
  next(&r, IORING_OP_FILES_UPDATE, -1, fds, 1, 1, 1);
  next(&r, IORING_OP_WRITE, 1, "y", 1, 0, 2)->flags = IOSQE_FIXED_FILE | IOSQE_IO_DRAIN;
  done(&r, "emptied", 2);
  update.offset = 7;
  CASE(io_uring_register, "update outside", r.fd, IORING_REGISTER_FILES_UPDATE, &update, 1);
  CASE(io_uring_register, "no files", r.fd, IORING_UNREGISTER_FILES, NULL, 0);
  CASE(io_uring_register, "no files again", r.fd, IORING_UNREGISTER_FILES, NULL, 0);
  fds[0] = 99;
  CASE(io_uring_register, "bad files", r.fd, IORING_REGISTER_FILES, fds, 1);
  int event = eventfd(0, EFD_NONBLOCK);
  uint64_t told = 0;
  CASE(io_uring_register, "eventfd", r.fd, IORING_REGISTER_EVENTFD, &event, 1);
  CASE(io_uring_register, "eventfd again", r.fd, IORING_REGISTER_EVENTFD, &event, 1);
  next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 1);
  done(&r, "with an eventfd", 1);
  EFFECT(io_uring_register, "it was told", read(event, &told, 8) == 8 && told == 1);
  CASE(io_uring_register, "no eventfd", r.fd, IORING_UNREGISTER_EVENTFD, NULL, 0);
  CASE(io_uring_register, "no eventfd again", r.fd, IORING_UNREGISTER_EVENTFD, NULL, 0);
  CASE(io_uring_register, "no eventfd is one", r.fd, IORING_REGISTER_EVENTFD, &file, 1);
  close(event), close(file), close(p[0]), close(p[1]);
}

static void *writer(void *fd) {
  sleep_ms(5);
  write(*(int *)fd, "thread", 6);
  return NULL;
}
static volatile int signals;
static void on_signal(int number) { ++signals; }

static void programs(void) {
  int p[2];
  char a[16] = "";
  pipe(p);
  pthread_t thread;
  pthread_create(&thread, NULL, writer, &p[1]);
  next(&r, IORING_OP_READ, p[0], a, 16, 0, 1);
  done(&r, "a thread writes", 1);
  pthread_join(thread, NULL);
  // Completions come without a call.
  next(&r, IORING_OP_READ, p[0], a, 16, 0, 1);
  submit_and_wait(&r, 0);
  pthread_create(&thread, NULL, writer, &p[1]);
  struct io_uring_cqe cqe = {0};
  while (!peek(&r, &cqe)) {}
  pthread_join(thread, NULL);
  EFFECT(io_uring_enter, "seen in memory", cqe.res);
  signal(SIGUSR1, on_signal);
  const pid_t self = getpid(), child = fork();
  if (child == 0) sleep_ms(10), kill(self, SIGUSR1), _exit(0);
  CASE(io_uring_enter, "interrupted", r.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 8);
  waitpid(child, NULL, 0);
  // A child uses the ring that it has inherited.
  const pid_t heir = fork();
  if (heir == 0) {
    int q[2];
    pipe(q);
    next(&r, IORING_OP_READ, q[0], a, 5, 0, 1)->flags = IOSQE_IO_LINK;
    next(&r, IORING_OP_NOP, -1, NULL, 0, 0, 2);
    submit_and_wait(&r, 0);
    write(q[1], "child", 5);
    syscall(SYS_io_uring_enter, r.fd, 0, 2, IORING_ENTER_GETEVENTS, NULL, 8);
    _exit(memcmp(a, "child", 5));
  }
  int ended = -1;
  waitpid(heir, &ended, 0);
  EFFECT(io_uring_enter, "a child's request is about its memory", ended);
  done(&r, "a child's requests", 2);
  // More than there is room for: nothing is lost.
  struct ring small;
  open_ring(&small, 4, 0, 0);
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 4; ++i) next(&small, IORING_OP_NOP, -1, NULL, 0, 0, round * 4 + i);
    submit_and_wait(&small, 0);
  }
  EFFECT(io_uring_enter, "overflow is told", (*at(&small, small.p.sq_off.flags) & IORING_SQ_CQ_OVERFLOW) != 0);
  int seen = 0, ordered = 1;
  for (int tries = 0; tries < 10; ++tries) {
    while (peek(&small, &cqe)) ordered = ordered && cqe.user_data == (unsigned)seen, ++seen;
    syscall(SYS_io_uring_enter, small.fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 8);
  }
  EFFECT(io_uring_enter, "all came in order", seen * 10 + ordered);
  close(small.fd);
  // A program that ends, or becomes another, with requests that wait.
  for (int how = 0; how < 3; ++how) {
    fflush(stdout);
    const pid_t other = fork();
    if (other == 0) {
      struct ring own;
      int q[2];
      pipe(q);
      open_ring(&own, 8, 0, 0);
      next(&own, IORING_OP_READ, q[0], a, 1, 0, 1);
      next(&own, IORING_OP_POLL_ADD, q[0], NULL, 0, 0, 2)->poll32_events = POLLIN;
      submit_and_wait(&own, 0);
      if (how == 0) syscall(SYS_exit, 7);
      if (how == 1) execl("/proc/self/exe", "uring", "7", NULL);
      kill(getpid(), SIGKILL);
    }
    int status = 0;
    waitpid(other, &status, 0);
    EFFECT(io_uring_enter, "a process ends while requests wait", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  }
  // A ring that goes with requests that wait.
  struct ring gone;
  open_ring(&gone, 8, 0, 0);
  next(&gone, IORING_OP_READ, p[0], a, 1, 0, 1);
  submit_and_wait(&gone, 0);
  close(gone.fd);
  munmap(gone.sqes, gone.p.sq_entries * sizeof *gone.sqes), munmap(gone.rings, 4096);
  sleep_ms(5);
  write(p[1], "mine", 4);
  EFFECT(read, "its reads are gone", read(p[0], a, 16));
}

int main(int argc, char **argv) {
  if (argc == 2) return atoi(argv[1]);
  if (syscall(SYS_io_uring_setup, 0, NULL) == -1 && (errno == ENOSYS || errno == EPERM)) return 77;
  begin();
  setting_up();
  files();
  waiting();
  links();
  timeouts();
  sockets();
  registered();
  programs();
  return finish();
}
