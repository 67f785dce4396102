// SPDX-License-Identifier: MIT
// Descriptors: how they come, what they are, how they go.
#include "case.h"

// Paths of every kind of length, also where the memory ends behind them; names that come out of a link.
static void path_lengths(void) {
  close(creat("end", 0600));
  char path[300];
  const char *hole = before_hole();
  int opened = 0, opened_at_end = 0, unended = 0;
  for (int size = 3; size <= 270; ++size) {
    memset(path, '/', sizeof path), memcpy(path, "./", 2), strcpy(path + (size > 5 ? size - 3 : 0), "end");
    const int length = (int)strlen(path);
    const int here = open(path, O_RDONLY), there = open(memcpy((char *)hole - length - 1, path, length + 1), O_RDONLY);
    opened += here >= 0, opened_at_end += there >= 0;
    unended += open(memcpy((char *)hole - length, path, length), O_RDONLY) == -1 && errno == EFAULT;
    close(here), close(there);
  }
  EFFECT(open, "paths of 3 to 270 bytes", opened);
  EFFECT(open, "the same at the end of memory", opened_at_end);
  EFFECT(open, "the same without their NUL", unended);
  mkdir("below", 0700), symlink("below/made_by_link", "to_new"), symlink("to_new", "to_link");
  CASE_OK(open, "O_CREAT by two links", "to_link", O_CREAT | O_RDWR, 0600);
  CASE(access, "the name of the last", "below/made_by_link", F_OK);
  char own[40], target[300] = "";
  snprintf(own, sizeof own, "/proc/self/fd/%d", open("to_link", O_RDONLY));
  if (readlink(own, target, sizeof target - 1) < 0) return;
  EFFECT_TEXT(readlink, "its path ends in", strstr(target, "below/"));
}

static void opening(void) {
  close(creat("there", 0640));
  mkdir("dir", 0755);
  symlink("there", "link");
  symlink("nowhere", "dangling");
  symlink("loop", "loop");
  CASE(open, "read what is there", "there", O_RDONLY);
  CASE(open, "missing", "missing", O_RDONLY);
  CASE(open, "bad pointer", BAD, O_RDONLY);
  CASE(open, "O_CREAT|O_EXCL on one that is there", "there", O_CREAT | O_EXCL | O_RDWR, 0600);
  CASE(open, "directory for writing", "dir", O_WRONLY);
  CASE(open, "O_DIRECTORY on a file", "there", O_RDONLY | O_DIRECTORY);
  CASE(open, "O_NOFOLLOW on a link", "link", O_RDONLY | O_NOFOLLOW);
  CASE(open, "O_PATH|O_NOFOLLOW on a link", "link", O_PATH | O_NOFOLLOW);
  CASE(open, "links in a circle", "loop", O_RDONLY);
  CASE(open, "file as a directory", "there/x", O_RDONLY);
  CASE(open, "slash behind a file", "there/", O_RDONLY);
  CASE(open, "O_CREAT through a dangling link", "dangling", O_CREAT | O_WRONLY, 0600);
  CASE(access, "and it made the target", "nowhere", F_OK);
  CASE(open, "empty path", "", O_RDONLY);
  CASE(open, "O_CREAT with a slash behind", "fresh/", O_CREAT | O_RDWR, 0600);
  CASE(open, "O_CREAT|O_DIRECTORY", "fresh", O_CREAT | O_DIRECTORY | O_RDWR, 0600);
  char name[300];
  memset(name, 'n', 256), name[256] = 0;
  CASE(open, "name of 256 bytes", name, O_CREAT | O_RDWR, 0600);
  name[255] = 0;
  CASE(open, "name of 255 bytes", name, O_CREAT | O_RDWR, 0600);
  char *path = malloc(5000);
  memset(path, 'x', 4999), path[4999] = 0;
  for (int i = 1; i < 4999; i += 2) path[i] = '/';
  CASE(open, "path of 5000 bytes", path, O_RDONLY);
  CASE(open, "O_TMPFILE", ".", O_TMPFILE | O_RDWR, 0600);
  CASE(open, "O_TMPFILE read-only", ".", O_TMPFILE | O_RDONLY, 0600);
  CASE(open, "O_TRUNC", "there", O_RDWR | O_TRUNC);
  int dir = open("dir", O_RDONLY | O_DIRECTORY);
  CASE(openat, "relative to a directory", dir, "in", O_CREAT | O_RDWR, 0600);
  CASE(openat, "relative to a closed one", 900, "in", O_RDONLY);
  CASE(openat, "absolute path, bad directory", 900, "/dev/null", O_RDONLY);
  CASE(openat, "relative to a file", open("there", O_RDONLY), "in", O_RDONLY);
  CASE(creat, "new", "made", 0604);
  struct stat s;
  umask(027);
  close(creat("masked", 0777));
  stat("masked", &s);
  EFFECT(umask, "mode of a new file", s.st_mode & 07777);
  CASE(umask, "the old one", 022);
  CASE(umask, "only nine bits", 07777);
  umask(022);
  CASE(openat2, "plain", AT_FDCWD, "there", (uint64_t[]){O_RDONLY, 0, 0}, 24);
  CASE(openat2, "mode without O_CREAT", AT_FDCWD, "there", (uint64_t[]){O_RDONLY, 0600, 0}, 24);
  CASE(openat2, "unknown flag", AT_FDCWD, "there", (uint64_t[]){1ull << 40, 0, 0}, 24);
  CASE(openat2, "RESOLVE_NO_SYMLINKS", AT_FDCWD, "link", (uint64_t[]){O_RDONLY, 0, 4}, 24);
  CASE(openat2, "RESOLVE_BENEATH and ..", AT_FDCWD, "dir/../..", (uint64_t[]){O_RDONLY, 0, 8}, 24);
  CASE(openat2, "RESOLVE_BENEATH and absolute", AT_FDCWD, "/tmp", (uint64_t[]){O_RDONLY, 0, 8}, 24);
  CASE(openat2, "RESOLVE_IN_ROOT and absolute", AT_FDCWD, "/there", (uint64_t[]){O_RDONLY, 0, 16}, 24);
  CASE(openat2, "small structure", AT_FDCWD, "there", (uint64_t[]){O_RDONLY, 0, 0}, 8);
  CASE(openat2, "larger, zeros behind", AT_FDCWD, "there", (uint64_t[]){O_RDONLY, 0, 0, 0}, 32);
  CASE(openat2, "larger, something behind", AT_FDCWD, "there", (uint64_t[]){O_RDONLY, 0, 0, 1}, 32);
}

static void descriptors(void) {
  syscall(SYS_close_range, 3, ~0u, 0);
  int fd = open("there", O_RDWR);
  CASE(dup, "lowest free", fd);
  CASE(dup, "closed", 900);
  CASE(dup, "negative", -1);
  CASE(dup2, "to a number", fd, 20);
  CASE(dup2, "to itself", fd, fd);
  CASE(dup2, "closed to itself", 900, 900);
  CASE(dup2, "to a negative one", fd, -1);
  CASE(dup3, "with O_CLOEXEC", fd, 21, O_CLOEXEC);
  CASE(dup3, "to itself", fd, fd, 0);
  CASE(dup3, "unknown flag", fd, 22, O_APPEND);
  CASE(fcntl, "F_GETFD of the O_CLOEXEC one", 21, F_GETFD);
  CASE(fcntl, "F_SETFD", 21, F_SETFD, 0);
  CASE(fcntl, "F_GETFD after", 21, F_GETFD);
  CASE(fcntl, "F_DUPFD from 30", fd, F_DUPFD, 30);
  CASE(fcntl, "F_DUPFD_CLOEXEC from 30", fd, F_DUPFD_CLOEXEC, 30);
  CASE(fcntl, "F_DUPFD from too many", fd, F_DUPFD, 1 << 30);
  CASE(fcntl, "F_GETFL", fd, F_GETFL);
  CASE(fcntl, "F_SETFL keeps the access mode", fd, F_SETFL, O_APPEND | O_NONBLOCK | O_WRONLY);
  CASE(fcntl, "F_GETFL after", fd, F_GETFL);
  CASE(fcntl, "F_GETFL of the dup shares", 20, F_GETFL);
  CASE(fcntl, "unknown", fd, 999);
  CASE(fcntl, "closed", 900, F_GETFD);
  CASE(fcntl, "F_SETOWN to itself", fd, F_SETOWN, getpid());
  EFFECT(fcntl, "F_GETOWN", fcntl(fd, F_GETOWN) == getpid());
  CASE(fcntl, "F_SETSIG", fd, F_SETSIG, SIGRTMIN);
  CASE(fcntl, "F_GETSIG", fd, F_GETSIG);
  CASE(fcntl, "F_SETSIG out of range", fd, F_SETSIG, 99);
  CASE(fcntl, "F_GETPIPE_SZ of a file", fd, 1032);
  CASE(close, "open", 20);
  CASE(close, "closed", 20);
  CASE(close, "negative", -1);
  CASE(close_range, "a range", 30, 40, 0);
  CASE(fcntl, "and they are closed", 31, F_GETFD);
  CASE(close_range, "CLOSE_RANGE_CLOEXEC", 21, 21, 4);
  CASE(fcntl, "and it will be closed by exec", 21, F_GETFD);
  CASE(close_range, "the wrong way round", 5, 4, 0);
  CASE(close_range, "unknown flag", 5, 6, 8);
  CASE(close_range, "CLOSE_RANGE_UNSHARE", 40, ~0u, 2);
  CASE(kcmp, "same description", getpid(), getpid(), 0, fd, dup(fd));
}

int main(void) {
  begin();
  path_lengths();
  opening();
  descriptors();
  return finish();
}
