// SPDX-License-Identifier: MIT
// Bytes to and from files, and the length of files.
#include "case.h"
#include <sys/uio.h>

static int file_with(const char *name, const char *text) {
  int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  write(fd, text, strlen(text));
  lseek(fd, 0, SEEK_SET);
  return fd;
}
static char buffer[8192];

static void reading(void) {
  int fd = file_with("f", "0123456789");
  int only_write = open("f", O_WRONLY), only_read = open("f", O_RDONLY), dir = open(".", O_RDONLY), path = open("f", O_PATH);
  CASE(read, "a part", fd, buffer, 4);
  CASE(read, "the rest", fd, buffer, 100);
  CASE(read, "at the end", fd, buffer, 100);
  CASE(read, "nothing", fd, buffer, 0);
  CASE(read, "nothing, bad pointer", fd, BAD, 0);
  lseek(fd, 0, SEEK_SET);
  CASE(read, "bad pointer", fd, BAD, 4);
  CASE(lseek, "position is as before", fd, 0, SEEK_CUR);
  CASE(read, "buffer that ends early", fd, before_hole() - 3, 8);
  CASE(read, "write-only", only_write, buffer, 1);
  CASE(read, "directory", dir, buffer, 1);
  CASE(read, "O_PATH", path, buffer, 1);
  CASE(read, "closed", 900, buffer, 1);
  CASE(pread64, "in the middle", fd, buffer, 3, 4);
  EFFECT_TEXT(pread64, "and what it got", (buffer[3] = 0, buffer));
  CASE(pread64, "behind the end", fd, buffer, 3, 400);
  CASE(pread64, "negative offset", fd, buffer, 3, -1L);
  CASE(write, "read-only", only_read, "x", 1);
  CASE(write, "bad pointer", fd, BAD, 1);
  CASE(write, "nothing", fd, "x", 0);
  CASE(write, "closed", 900, "x", 1);
  CASE(pwrite64, "behind the end makes a hole", fd, "yz", 2, 20);
  CASE(pread64, "the hole reads", fd, buffer, 20, 8);
  EFFECT(pread64, "as zeros", buffer[2] == 0 && buffer[11] == 0 && buffer[12] == 'y');
  int append = open("f", O_WRONLY | O_APPEND);
  CASE(pwrite64, "with O_APPEND goes to the end", append, "A", 1, 0);
  CASE(lseek, "end", fd, 0, SEEK_END);
  CASE(lseek, "negative result", fd, -5, SEEK_SET);
  CASE(lseek, "unknown whence", fd, 0, 9);
  CASE(lseek, "behind the end", fd, 1000, SEEK_END);
  CASE(lseek, "pipe", (pipe((int[2]){0, 0}), 12), 0, SEEK_CUR);
}

static void vectors(void) {
  int fd = file_with("v", "");
  struct iovec two[3] = {{"abc", 3}, {"", 0}, {"defg", 4}};
  char a[3], b[10];
  struct iovec into[2] = {{a, 3}, {b, 10}};
  CASE(writev, "two pieces", fd, two, 3);
  CASE(writev, "none", fd, two, 0);
  CASE(writev, "too many", fd, two, 1025);
  CASE(writev, "negative", fd, two, -1);
  CASE(writev, "second piece bad", fd, ((struct iovec[]){{"xy", 2}, {BAD, 3}}), 2);
  CASE(writev, "length too large", fd, ((struct iovec[]){{"xy", 2}, {"z", -1}}), 2);
  lseek(fd, 0, SEEK_SET);
  CASE(readv, "two pieces", fd, into, 2);
  CASE(readv, "bad list", fd, BAD, 2);
  CASE(preadv, "at an offset", fd, into, 2, 2, 0);
  CASE(preadv, "negative offset", fd, into, 2, -1L, -1L);
  CASE(pwritev, "at an offset", fd, two, 3, 1, 0);
  CASE(preadv2, "at the position", fd, into, 1, -1L, -1L, 0);
  CASE(preadv2, "unknown flag", fd, into, 1, 0, 0, 0x1000);
  CASE(pwritev2, "RWF_DSYNC", fd, two, 1, 0, 0, 2);
  CASE(pwritev2, "RWF_APPEND", fd, two, 1, 0, 0, 16);
  CASE(pwritev2, "unknown flag", fd, two, 1, 0, 0, 0x1000);
}

static void lengths(void) {
  int fd = file_with("t", "hello"), only_read = open("t", O_RDONLY);
  struct stat s;
  CASE(ftruncate, "longer", fd, 5000);
  CASE(ftruncate, "shorter", fd, 3);
  CASE(ftruncate, "longer again", fd, 6);
  pread(fd, buffer, 6, 0);
  EFFECT(ftruncate, "what was cut reads as zero", buffer[2] == 'l' && buffer[3] == 0);
  CASE(ftruncate, "read-only", only_read, 1);
  CASE(ftruncate, "negative", fd, -1L);
  CASE(ftruncate, "pipe", (pipe((int[2]){0, 0}), 6), 1);
  CASE(truncate, "by name", "t", 8);
  CASE(truncate, "directory", ".", 8);
  CASE(truncate, "missing", "missing", 8);
  CASE(truncate, "negative", "t", -1L);
  CASE(fallocate, "plain makes it longer", fd, 0, 0, 10000);
  fstat(fd, &s);
  EFFECT(fallocate, "size", s.st_size);
  CASE(fallocate, "KEEP_SIZE", fd, 1, 10000, 10000);
  fstat(fd, &s);
  EFFECT(fallocate, "size as before", s.st_size);
  pwrite(fd, "0123456789", 10, 4096);
  CASE(fallocate, "PUNCH_HOLE", fd, 3, 4098, 3);
  pread(fd, buffer, 10, 4096);
  EFFECT(fallocate, "hole within a page", buffer[1] == '1' && buffer[2] == 0 && buffer[4] == 0 && buffer[5] == '5');
  CASE(fallocate, "PUNCH_HOLE without KEEP_SIZE", fd, 2, 0, 4096);
  CASE(fallocate, "ZERO_RANGE", fd, 16, 4096, 8);
  CASE(fallocate, "length 0", fd, 0, 0, 0);
  CASE(fallocate, "negative offset", fd, 0, -1L, 10);
  CASE(fallocate, "unknown mode", fd, 0x800, 0, 10);
  CASE(fallocate, "read-only", only_read, 0, 0, 10);
  CASE(fallocate, "pipe", 7, 0, 0, 10);
  int sparse = file_with("s", "");
  pwrite(sparse, "x", 1, 1 << 20);
  CASE(lseek, "SEEK_DATA finds the page", sparse, 0, SEEK_DATA);
  CASE(lseek, "SEEK_HOLE at the start", sparse, 0, SEEK_HOLE);
  CASE(lseek, "SEEK_HOLE in data is the end", sparse, 1 << 20, SEEK_HOLE);
  CASE(lseek, "SEEK_DATA behind the end", sparse, 2 << 20, SEEK_DATA);
  CASE(lseek, "SEEK_DATA at a negative offset", sparse, -1L, SEEK_DATA);
}

static void copying(void) {
  int in = file_with("in", "0123456789"), out = file_with("out", "");
  off_t from = 2, to = 5;
  int ends[2];
  pipe(ends);
  CASE(sendfile, "with an offset", out, in, &from, 4);
  EFFECT(sendfile, "offset after", from);
  CASE(lseek, "position of the source", in, 0, SEEK_CUR);
  CASE(sendfile, "without", out, in, NULL, 100);
  CASE(sendfile, "to a pipe", ends[1], open("in", O_RDONLY), NULL, 3);
  CASE(sendfile, "from a pipe", out, ends[0], NULL, 3);
  CASE(sendfile, "source closed", out, 900, NULL, 3);
  CASE(sendfile, "negative offset", out, in, (off_t[]){-1}, 3);
  from = 0;
  CASE(copy_file_range, "both offsets", in, &from, out, &to, 6, 0);
  EFFECT(copy_file_range, "offsets after", from * 100 + to);
  CASE(copy_file_range, "flags", in, &from, out, &to, 6, 1);
  CASE(copy_file_range, "onto itself", in, (off_t[]){0}, in, (off_t[]){2}, 6, 0);
  CASE(copy_file_range, "pipe", in, NULL, ends[1], NULL, 6, 0);
  CASE(copy_file_range, "to a read-only one", in, NULL, open("out", O_RDONLY), NULL, 6, 0);
}

static void durability(void) {
  int fd = file_with("d", "x"), ends[2];
  pipe(ends);
  CASE(fsync, "file", fd);
  CASE(fsync, "pipe", ends[0]);
  CASE(fsync, "closed", 900);
  CASE(fdatasync, "file", fd);
  CASE(sync, "all");
  CASE(syncfs, "file", fd);
  CASE(syncfs, "closed", 900);
  CASE(sync_file_range, "all of it", fd, 0, 0, 7);
  CASE(sync_file_range, "unknown flag", fd, 0, 0, 8);
  CASE(sync_file_range, "pipe", ends[0], 0, 0, 2);
  CASE(fadvise64, "WILLNEED", fd, 0, 0, 3);
  CASE(fadvise64, "unknown", fd, 0, 0, 77);
  CASE(fadvise64, "pipe", ends[0], 0, 0, 0);
  CASE(readahead, "file", fd, 0, 10);
  CASE(readahead, "write-only", open("d", O_WRONLY), 0, 10);
  CASE(readahead, "pipe", ends[0], 0, 10);
  int n = 0;
  CASE(ioctl, "FIONREAD of a file", fd, 0x541b, &n);
  EFFECT(ioctl, "bytes left", n);
  CASE(ioctl, "FIOCLEX", fd, 0x5451);
  CASE(fcntl, "and it is close-on-exec", fd, F_GETFD);
  CASE(ioctl, "FIONCLEX", fd, 0x5450);
  CASE(ioctl, "FIONBIO", ends[0], 0x5421, &(int){1});
  CASE(read, "then an empty pipe would block", ends[0], buffer, 1);
  CASE(ioctl, "TCGETS of a file", fd, 0x5401, buffer);
  CASE(ioctl, "closed", 900, 0x5401, buffer);
}

int main(void) {
  begin();
  reading();
  vectors();
  lengths();
  copying();
  durability();
  return finish();
}
