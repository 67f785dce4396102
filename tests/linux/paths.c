// SPDX-License-Identifier: MIT
// Names: directories, links, renaming, the working directory.
#include "case.h"
#include <dirent.h>

static void making(void) {
  CASE(mkdir, "new", "d", 0750);
  CASE(mkdir, "there", "d", 0750);
  CASE(mkdir, "in a missing one", "x/y", 0750);
  CASE(mkdir, "slash behind", "e/", 0750);
  CASE(mkdir, "root", "/", 0750);
  CASE(mkdir, "dot", ".", 0750);
  CASE(mkdirat, "relative", open("d", O_PATH), "sub", 0700);
  CASE(mkdirat, "closed", 900, "sub", 0700);
  close(creat("f", 0600));
  CASE(mkdir, "below a file", "f/x", 0700);
  CASE(rmdir, "not empty", "d");
  CASE(rmdir, "file", "f");
  CASE(rmdir, "missing", "missing");
  CASE(rmdir, "dot", "d/.");
  CASE(rmdir, "dot dot", "d/sub/..");
  CASE(rmdir, "root", "/");
  CASE(rmdir, "empty", "d/sub");
  CASE(mknod, "fifo", "fifo", S_IFIFO | 0600, 0);
  CASE(mknod, "there", "fifo", S_IFIFO | 0600, 0);
  CASE(mknod, "regular", "regular", S_IFREG | 0600, 0);
  CASE(mknod, "no type is regular", "plain", 0600, 0);
  CASE(mknod, "directory", "notdir", S_IFDIR | 0600, 0);
  CASE(mknodat, "socket", AT_FDCWD, "sock", S_IFSOCK | 0600, 0);
  CASE(mknodat, "bad type", AT_FDCWD, "what", 0110000 | 0600, 0);
  CASE(open, "a socket's node", "sock", O_RDWR);
}

static void linking(void) {
  struct stat s;
  char text[64];
  CASE(link, "new", "f", "hard");
  stat("hard", &s);
  EFFECT(link, "link count", s.st_nlink);
  CASE(link, "there", "f", "hard");
  CASE(link, "directory", "d", "hard2");
  CASE(link, "missing", "missing", "hard2");
  symlink("f", "soft");
  CASE(linkat, "link itself", AT_FDCWD, "soft", AT_FDCWD, "soft2", 0);
  CASE(linkat, "AT_SYMLINK_FOLLOW", AT_FDCWD, "soft", AT_FDCWD, "hard3", AT_SYMLINK_FOLLOW);
  CASE(linkat, "unknown flag", AT_FDCWD, "f", AT_FDCWD, "hard4", 1);
  int nameless = open(".", O_TMPFILE | O_RDWR, 0600);
  snprintf(text, sizeof text, "/proc/self/fd/%d", nameless);
  CASE(linkat, "a nameless file by /proc", AT_FDCWD, text, AT_FDCWD, "named", AT_SYMLINK_FOLLOW);
  CASE(symlink, "there", "x", "f");
  CASE(symlink, "empty target", "", "empty");
  CASE(symlinkat, "relative", "over/there", open("d", O_PATH), "l");
  CASE(readlink, "target", "d/l", text, sizeof text);
  CASE(readlink, "cut off", "d/l", text, 3);
  CASE(readlink, "size 0", "d/l", text, 0);
  CASE(readlink, "file", "f", text, sizeof text);
  CASE(readlink, "missing", "missing", text, sizeof text);
  CASE(readlinkat, "empty path of an O_PATH link", open("d/l", O_PATH | O_NOFOLLOW), "", text, sizeof text);
  CASE(readlinkat, "empty path of a directory", open("d", O_PATH), "", text, sizeof text);
  CASE(unlink, "file", "hard");
  CASE(unlink, "missing", "hard");
  CASE(unlink, "directory", "d");
  CASE(unlink, "slash behind a file", "f/");
  CASE(unlinkat, "AT_REMOVEDIR on a file", AT_FDCWD, "f", AT_REMOVEDIR);
  CASE(unlinkat, "AT_REMOVEDIR", AT_FDCWD, "e", AT_REMOVEDIR);
  CASE(unlinkat, "unknown flag", AT_FDCWD, "f", 1);
  int open_file = open("f", O_RDWR);
  unlink("f"), unlink("hard3");
  fstat(open_file, &s);
  EFFECT(unlink, "links of an open file", s.st_nlink);
  CASE(write, "and it still takes bytes", open_file, "x", 1);
}

static void renaming(void) {
  mkdir("a", 0700), mkdir("a/b", 0700), mkdir("empty_dir", 0700);
  close(creat("one", 0600)), close(creat("two", 0600));
  CASE(rename, "over a file", "one", "two");
  CASE(rename, "missing", "one", "two");
  CASE(rename, "file over a directory", "two", "a");
  CASE(rename, "directory over a file", "a", "two");
  CASE(rename, "directory into itself", "a", "a/b/c");
  CASE(rename, "directory over its parent", "a/b", "a");
  CASE(rename, "onto itself", "two", "two");
  CASE(rename, "directory over an empty one", "a/b", "empty_dir");
  CASE(rename, "dot", "a/.", "z");
  CASE(renameat, "between directories", AT_FDCWD, "two", open("a", O_PATH), "three");
  close(creat("four", 0600));
  CASE(renameat2, "NOREPLACE on one that is there", AT_FDCWD, "four", AT_FDCWD, "a/three", 1);
  CASE(renameat2, "NOREPLACE on a free name", AT_FDCWD, "four", AT_FDCWD, "five", 1);
  CASE(renameat2, "EXCHANGE", AT_FDCWD, "five", AT_FDCWD, "a", 2);
  struct stat s;
  stat("five", &s);
  EFFECT(renameat2, "and they have changed places", S_ISDIR(s.st_mode));
  CASE(renameat2, "EXCHANGE with a missing one", AT_FDCWD, "five", AT_FDCWD, "missing", 2);
  CASE(renameat2, "NOREPLACE|EXCHANGE", AT_FDCWD, "five", AT_FDCWD, "a", 3);
  CASE(renameat2, "unknown flag", AT_FDCWD, "five", AT_FDCWD, "a", 16);
}

static void listing(void) {
  mkdir("list", 0700);
  char path[32], buffer[512];
  for (int i = 0; i < 40; ++i) {
    snprintf(path, sizeof path, "list/n%d", i);
    close(creat(path, 0600));
  }
  int fd = open("list", O_RDONLY), seen = 0, links = 0;
  for (long n; (n = syscall(SYS_getdents64, fd, buffer, sizeof buffer)) > 0;)
    for (long at = 0; at < n; ++seen) {
      struct dirent64 *entry = (void *)(buffer + at);
      links += entry->d_type == DT_REG;
      at += entry->d_reclen;
    }
  EFFECT(getdents64, "entries in pieces", seen);
  EFFECT(getdents64, "regular files among them", links);
  CASE(getdents64, "at the end", fd, buffer, sizeof buffer);
  seen = links = 0;
  lseek(fd, 0, SEEK_SET);
  for (long n; (n = syscall(SYS_getdents, fd, buffer, sizeof buffer)) > 0;)
    for (long i = 0; i < n; i += *(unsigned short *)(buffer + i + 16)) {
      ++seen;
      links += buffer[i + *(unsigned short *)(buffer + i + 16) - 1] == DT_REG;
    }
  EFFECT(getdents, "entries in pieces", seen);
  EFFECT(getdents, "regular files among them", links);
  CASE(getdents, "at the end", fd, buffer, sizeof buffer);
  lseek(fd, 0, SEEK_SET);
  CASE(getdents64, "buffer too small", fd, buffer, 10);
  CASE(getdents64, "file", open("a", O_RDONLY), buffer, sizeof buffer);
  CASE(getdents64, "bad pointer", fd, BAD, sizeof buffer);
  mkdir("gone", 0700);
  fd = open("gone", O_RDONLY);
  rmdir("gone");
  CASE(getdents64, "removed directory", fd, buffer, sizeof buffer);
  CASE(openat, "in a removed directory", fd, "x", O_CREAT | O_RDWR, 0600);
}

static void working_directory(void) {
  char text[4200], here[4200];
  getcwd(here, sizeof here);
  mkdir("w", 0700);
  CASE(chdir, "directory", "w");
  CASE(chdir, "file", "../a");
  CASE(chdir, "missing", "missing");
  CASE(getcwd, "length with its NUL", text, sizeof text);
  EFFECT(getcwd, "ends in", strcmp(strrchr(text, '/'), "/w") == 0);
  CASE(getcwd, "too small", text, 5);
  CASE(getcwd, "bad pointer", BAD, 100);
  rmdir("../w");
  CASE(getcwd, "removed", text, sizeof text);
  CASE(open, "in the removed one", "x", O_CREAT | O_RDWR, 0600);
  CASE(fchdir, "back", open(here, O_RDONLY));
  CASE(fchdir, "file", open("a", O_RDONLY));
  CASE(fchdir, "closed", 900);
  int r;
  mkdir("jail", 0755), close(creat("jail/inside", 0644));
  IN_CHILD(r, {
    CASE(chroot, "directory", "jail");
    CASE(chdir, "to the new root", "/");
    CASE(access, "what is inside", "/inside", F_OK);
    CASE(access, "dot dot stays", "/../inside", F_OK);
    CASE(access, "what is outside", "/tmp", F_OK);
  });
  CASE(chroot, "missing", "missing");
  CASE(chroot, "file", "a");
}

int main(void) {
  begin();
  making();
  linking();
  renaming();
  listing();
  working_directory();
  return finish();
}
