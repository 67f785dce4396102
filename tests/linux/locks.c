// SPDX-License-Identifier: MIT
// Locks on files: of processes, of descriptions, of whole files.
#include "case.h"
#include <sys/file.h>

static int lock(int fd, int command, int type, long start, long length) {
  struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
  return syscall(SYS_fcntl, fd, command, &l);
}
#define LOCK(what, ...) report("fcntl", what, lock(__VA_ARGS__))

int main(void) {
  begin();
  int r, fd = open("f", O_RDWR | O_CREAT, 0600), second = open("f", O_RDWR), only_read = open("f", O_RDONLY);
  LOCK("F_SETLK write", fd, F_SETLK, F_WRLCK, 0, 10);
  LOCK("the same process, another description", second, F_SETLK, F_WRLCK, 0, 10);
  LOCK("write lock on a read-only one", only_read, F_SETLK, F_WRLCK, 20, 10);
  LOCK("unknown kind", fd, F_SETLK, 7, 0, 10);
  LOCK("negative start", fd, F_SETLK, F_RDLCK, -5, 2);
  IN_CHILD(r, {
    LOCK("F_SETLK in the way", fd, F_SETLK, F_RDLCK, 5, 10);
    LOCK("F_SETLK beside it", fd, F_SETLK, F_WRLCK, 10, 10);
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 3, .l_len = 100};
    CASE(fcntl, "F_GETLK", fd, F_GETLK, &l);
    EFFECT(fcntl, "whose", l.l_pid == getppid());
    EFFECT(fcntl, "which", l.l_type * 10000 + l.l_start * 100 + l.l_len);
  });
  LOCK("a hole in the middle", fd, F_SETLK, F_UNLCK, 4, 2);
  IN_CHILD(r, {
    LOCK("in the hole", fd, F_SETLK, F_WRLCK, 4, 2);
    LOCK("around it", fd, F_SETLK, F_WRLCK, 3, 4);
    LOCK("OFD against a process's", second, F_OFD_SETLK, F_WRLCK, 0, 3);
  });
  int pipes[2];
  pipe(pipes);
  pid_t child = fork();
  if (child == 0) {
    write(pipes[1], "x", 1);
    _exit(lock(fd, F_SETLKW, F_WRLCK, 0, 4) == 0 ? 21 : 22);
  }
  char c;
  read(pipes[0], &c, 1);
  sleep_ms(10);
  LOCK("all of it free", fd, F_SETLK, F_UNLCK, 0, 0);
  EFFECT(fcntl, "F_SETLKW was waiting", reap(child));
  lock(fd, F_SETLK, F_WRLCK, 0, 0);
  close(second);
  IN_CHILD(r, LOCK("a close of any description lets go", fd, F_SETLK, F_WRLCK, 0, 0));
  second = open("f", O_RDWR);
  lock(fd, F_SETLK, F_UNLCK, 0, 0);
  LOCK("F_OFD_SETLK", fd, F_OFD_SETLK, F_WRLCK, 0, 10);
  LOCK("F_OFD_SETLK by another description", second, F_OFD_SETLK, F_RDLCK, 0, 10);
  LOCK("F_OFD_SETLK by a dup", dup(fd), F_OFD_SETLK, F_RDLCK, 0, 10);
  LOCK("and then the other may", second, F_OFD_SETLK, F_RDLCK, 0, 10);
  CASE(flock, "exclusive", fd, LOCK_EX);
  CASE(flock, "another description", second, LOCK_EX | LOCK_NB);
  CASE(flock, "a dup", dup(fd), LOCK_SH | LOCK_NB);
  CASE(flock, "shared by both", second, LOCK_SH | LOCK_NB);
  CASE(flock, "to exclusive", second, LOCK_EX | LOCK_NB);
  CASE(flock, "unlock", fd, LOCK_UN);
  CASE(flock, "unknown", fd, 77);
  CASE(flock, "closed", 900, LOCK_EX);
  CASE(fcntl, "F_SETLEASE on a file opened for writing", fd, 1024, F_RDLCK);
  return finish();
}
