// SPDX-License-Identifier: MIT
// Pipes and FIFOs, and moving between them.
#include "case.h"
#include <sys/uio.h>

static char buffer[70000];

static void ends(void) {
  int p[2], n = 0;
  CASE(pipe, "two descriptors", p);
  CASE(pipe, "bad pointer", BAD);
  CASE(pipe2, "unknown flag", p, O_APPEND);
  CASE(write, "into it", p[1], "hello", 5);
  CASE(ioctl, "FIGETBSZ", p[0], 2, &n);
  EFFECT(ioctl, "size of a block", n);
  CASE(ioctl, "FIONREAD", p[0], 0x541b, &n);
  EFFECT(ioctl, "bytes in it", n);
  CASE(read, "a part", p[0], buffer, 2);
  CASE(read, "more than there is", p[0], buffer, 100);
  CASE(read, "the writing end", p[1], buffer, 1);
  CASE(write, "the reading end", p[0], "x", 1);
  CASE(lseek, "pipe", p[0], 0, SEEK_CUR);
  CASE(pread64, "pipe", p[0], buffer, 1, 0);
  CASE(fcntl, "F_GETPIPE_SZ", p[0], 1032);
  CASE(fcntl, "F_SETPIPE_SZ", p[0], 1031, 4096);
  CASE(pipe2, "O_NONBLOCK|O_CLOEXEC", p, O_NONBLOCK | O_CLOEXEC);
  CASE(fcntl, "flags of the reading end", p[0], F_GETFL);
  CASE(fcntl, "and of the descriptor", p[0], F_GETFD);
  CASE(read, "empty", p[0], buffer, 1);
  CASE(write, "more than it holds", p[1], buffer, sizeof buffer);
  CASE(write, "full", p[1], buffer, 10);
  close(p[1]);
  CASE(read, "what is left", p[0], buffer, sizeof buffer);
  CASE(read, "no writer", p[0], buffer, 1);
  pipe(p);
  close(p[0]);
  CASE(write, "no reader", p[1], "x", 1);
  int r;
  IN_CHILD(r, signal(SIGPIPE, SIG_DFL); write(p[1], "x", 1));
  EFFECT(write, "no reader, signal not ignored", r);
  pipe2(p, O_DIRECT);
  write(p[1], "abc", 3), write(p[1], "defg", 4);
  CASE(read, "one packet of O_DIRECT", p[0], buffer, 100);
  CASE(read, "a part of the next", p[0], buffer, 2);
  fcntl(p[0], F_SETFL, O_NONBLOCK);
  CASE(read, "and its rest is gone", p[0], buffer, 100);
}

static void fifos(void) {
  mkfifo("f", 0600);
  CASE(open, "FIFO for writing without a reader", "f", O_WRONLY | O_NONBLOCK);
  int reader = open("f", O_RDONLY | O_NONBLOCK);
  CASE(read, "no writer yet", reader, buffer, 1);
  int writer = open("f", O_WRONLY);
  CASE(write, "with a reader", writer, "ab", 2);
  CASE(read, "what came", reader, buffer, 10);
  int both = open("f", O_RDWR);
  CASE(write, "O_RDWR", both, "x", 1);
  CASE(read, "O_RDWR", both, buffer, 1);
  mkfifo("f3", 0600);
  pid_t child = fork();
  if (child == 0) {
    int fd = open("f3", O_WRONLY);
    write(fd, "met", 3);
    _exit(0);
  }
  int fd = open("f3", O_RDONLY);
  CASE(read, "from one who waited in open", fd, buffer, 10);
  reap(child);
}

static void splicing(void) {
  int a[2], b[2], file = open("s", O_RDWR | O_CREAT, 0600);
  pipe(a), pipe(b);
  pwrite(file, "0123456789", 10, 0);
  loff_t at = 3;
  CASE(splice, "file to pipe", file, &at, a[1], NULL, 4, 0);
  EFFECT(splice, "offset after", at);
  CASE(tee, "pipe to pipe", a[0], b[1], 100, 0);
  CASE(splice, "pipe to pipe", a[0], NULL, b[1], NULL, 2, 0);
  CASE(read, "what tee left and splice took", b[0], buffer, 100);
  EFFECT_TEXT(read, "text", (buffer[6] = 0, buffer));
  at = 0;
  CASE(splice, "pipe to file", a[0], NULL, file, &at, 100, 0);
  CASE(splice, "no pipe", file, NULL, file, NULL, 1, 0);
  CASE(splice, "offset for a pipe", a[0], &at, file, NULL, 1, 0);
  CASE(splice, "empty, SPLICE_F_NONBLOCK", a[0], NULL, b[1], NULL, 1, 2);
  CASE(splice, "nothing", a[0], NULL, b[1], NULL, 0, 0);
  CASE(splice, "onto itself", a[0], NULL, a[1], NULL, 1, 0);
  CASE(splice, "unknown flag", a[0], NULL, b[1], NULL, 1, 64);
  CASE(tee, "empty, SPLICE_F_NONBLOCK", a[0], b[1], 1, 2);
  CASE(tee, "onto itself", a[0], a[1], 1, 0);
  CASE(tee, "file", file, a[1], 1, 0);
  struct iovec v[2] = {{"abc", 3}, {"de", 2}};
  CASE(vmsplice, "into a pipe", a[1], v, 2, 0);
  struct iovec into = {buffer, 10};
  CASE(vmsplice, "out of a pipe", a[0], &into, 1, 0);
  EFFECT_TEXT(vmsplice, "text", (buffer[5] = 0, buffer));
  CASE(vmsplice, "file", file, v, 1, 0);
  CASE(vmsplice, "unknown flag", a[1], v, 1, 64);
}

int main(void) {
  begin();
  ends();
  fifos();
  splicing();
  return finish();
}
