// SPDX-License-Identifier: MIT
// What is known of a file: stat, access, mode, owner, times, extended attributes.
#include "case.h"
#include <linux/stat.h>
#include <sys/statfs.h>

static void status(void) {
  struct stat s;
  struct statx x;
  int fd = open("f", O_RDWR | O_CREAT, 0640);
  write(fd, "12345", 5);
  symlink("f", "l");
  CASE(stat, "through a link", "l", &s);
  EFFECT(stat, "size", s.st_size);
  EFFECT(stat, "mode", s.st_mode);
  EFFECT(stat, "links", s.st_nlink);
  CASE(stat, "missing", "missing", &s);
  CASE(stat, "bad pointer", "f", BAD);
  CASE(lstat, "link", "l", &s);
  EFFECT(lstat, "size is that of its text", s.st_size);
  EFFECT(lstat, "type", s.st_mode & S_IFMT);
  CASE(fstat, "open", fd, &s);
  CASE(fstat, "closed", 900, &s);
  CASE(fstat, "O_PATH", open("f", O_PATH), &s);
  CASE(newfstatat, "AT_EMPTY_PATH", fd, "", &s, AT_EMPTY_PATH);
  CASE(newfstatat, "empty without it", fd, "", &s, 0);
  CASE(newfstatat, "unknown flag", AT_FDCWD, "f", &s, 1);
  CASE(statx, "basic", AT_FDCWD, "f", 0, STATX_BASIC_STATS, &x);
  EFFECT(statx, "has the basics", (x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS);
  EFFECT(statx, "size", x.stx_size);
  CASE(statx, "reserved mask bit", AT_FDCWD, "f", 0, 0x80000000u, &x);
  CASE(statx, "both kinds of sync", AT_FDCWD, "f", 0x6000, STATX_SIZE, &x);
  CASE(statx, "AT_STATX_DONT_SYNC", AT_FDCWD, "f", 0x4000, STATX_SIZE, &x);
  CASE(statx, "empty path", fd, "", AT_EMPTY_PATH, STATX_SIZE, &x);
  struct statfs fs;
  CASE(statfs, "directory", ".", &fs);
  EFFECT(statfs, "longest name", fs.f_namelen);
  CASE(statfs, "missing", "missing", &fs);
  CASE(fstatfs, "file", fd, &fs);
  CASE(fstatfs, "closed", 900, &fs);
  CASE(statfs, "of /proc", "/proc", &fs);
  EFFECT(statfs, "its type", fs.f_type);
}

static void permissions(void) {
  CASE(access, "there", "f", F_OK);
  CASE(access, "missing", "missing", F_OK);
  CASE(access, "bad mode", "f", 8);
  CASE(faccessat, "relative", AT_FDCWD, "f", R_OK);
  CASE(faccessat2, "AT_EACCESS", AT_FDCWD, "f", R_OK, AT_EACCESS);
  CASE(faccessat2, "unknown flag", AT_FDCWD, "f", R_OK, 1);
  CASE(faccessat2, "AT_SYMLINK_NOFOLLOW", AT_FDCWD, "l", F_OK, AT_SYMLINK_NOFOLLOW);
  CASE(chmod, "file", "f", 0600);
  CASE(chmod, "missing", "missing", 0600);
  CASE(fchmod, "set-user-ID", open("f", O_RDONLY), 04711);
  CASE(fchmod, "O_PATH", open("f", O_PATH), 0600);
  CASE(fchmodat, "relative", AT_FDCWD, "f", 0604);
  CASE(fchmodat2, "link itself", AT_FDCWD, "l", 0600, AT_SYMLINK_NOFOLLOW);
  CASE(fchmodat2, "unknown flag", AT_FDCWD, "f", 0600, 1);
  struct stat s;
  int r;
  chmod("f", 06711);
  CASE(chown, "changes nothing", "f", -1, -1);
  stat("f", &s);
  EFFECT(chown, "mode after", s.st_mode & 07777);
  CASE(chown, "to another", "f", 1000, 1001);
  stat("f", &s);
  EFFECT(chown, "owner", s.st_uid * 10000 + s.st_gid);
  CASE(lchown, "link", "l", 7, 8);
  lstat("l", &s);
  EFFECT(lchown, "owner of the link", s.st_uid);
  CASE(fchown, "open", open("f", O_RDONLY), 0, 0);
  CASE(fchownat, "AT_SYMLINK_NOFOLLOW", AT_FDCWD, "l", 9, 9, AT_SYMLINK_NOFOLLOW);
  CASE(fchownat, "AT_EMPTY_PATH", open("f", O_RDONLY), "", 0, 0, AT_EMPTY_PATH);
  CASE(fchownat, "unknown flag", AT_FDCWD, "f", 0, 0, 1);
  chmod("f", 0600), mkdir("closed", 0700), chmod(".", 0755);
  IN_CHILD(r, {
    setuid(1000);
    CASE(open, "another's file", "f", O_RDONLY);
    CASE(access, "another's file", "f", R_OK);
    CASE(chmod, "another's file", "f", 0777);
    CASE(chown, "another's file", "f", 1000, -1);
    CASE(open, "in another's closed directory", "closed/x", O_RDONLY);
    CASE(unlink, "in another's directory", "f");
    CASE(utimensat, "another's, to a time", AT_FDCWD, "f", ((struct timespec[2]){{1, 0}, {1, 0}}), 0);
  });
}

static void times_of_files(void) {
  struct stat s;
  struct timespec t[2] = {{1000, 5}, {2000, 7}};
  CASE(utimensat, "both", AT_FDCWD, "f", t, 0);
  stat("f", &s);
  EFFECT(utimensat, "accessed", s.st_atim.tv_sec * 100 + s.st_atim.tv_nsec);
  EFFECT(utimensat, "modified", s.st_mtim.tv_sec * 100 + s.st_mtim.tv_nsec);
  t[0].tv_nsec = UTIME_OMIT, t[1].tv_sec = 3000;
  CASE(utimensat, "UTIME_OMIT", AT_FDCWD, "f", t, 0);
  stat("f", &s);
  EFFECT(utimensat, "one kept, one changed", s.st_atim.tv_sec + s.st_mtim.tv_sec);
  t[1].tv_nsec = 1000000000;
  CASE(utimensat, "too many nanoseconds", AT_FDCWD, "f", t, 0);
  CASE(utimensat, "now", AT_FDCWD, "f", NULL, 0);
  CASE(utimensat, "by descriptor", open("f", O_RDONLY), NULL, NULL, 0);
  CASE(utimensat, "unknown flag", AT_FDCWD, "f", NULL, 1);
  CASE(utimes, "both", "f", ((struct timeval[2]){{5, 6}, {7, 8}}));
  CASE(utimes, "too many microseconds", "f", ((struct timeval[2]){{5, 1000000}, {7, 8}}));
  CASE(utime, "both", "f", ((long[2]){11, 12}));
  stat("f", &s);
  EFFECT(utime, "modified", s.st_mtim.tv_sec);
  CASE(futimesat, "relative", AT_FDCWD, "f", ((struct timeval[2]){{5, 6}, {7, 8}}));
  time_t before = time(NULL);
  int fd = open("g", O_RDWR | O_CREAT, 0600);
  write(fd, "x", 1);
  fstat(fd, &s);
  EFFECT(fstat, "a write sets the time", s.st_mtim.tv_sec >= before && s.st_mtim.tv_sec <= before + 5);
}

static void extended(void) {
  char text[64];
  int fd = open("x", O_RDWR | O_CREAT, 0600);
  CASE(setxattr, "user.a", "x", "user.a", "value", 5, 0);
  CASE(getxattr, "user.a", "x", "user.a", text, sizeof text);
  CASE(getxattr, "only its size", "x", "user.a", NULL, 0);
  CASE(getxattr, "too small", "x", "user.a", text, 2);
  CASE(getxattr, "missing", "x", "user.b", text, sizeof text);
  CASE(setxattr, "XATTR_CREATE on one that is there", "x", "user.a", "v", 1, 1);
  CASE(setxattr, "XATTR_REPLACE on a missing one", "x", "user.b", "v", 1, 2);
  CASE(setxattr, "unknown flag", "x", "user.b", "v", 1, 4);
  CASE(setxattr, "no such kind", "x", "nothing.b", "v", 1, 0);
  CASE(setxattr, "no name", "x", "user.", "v", 1, 0);
  CASE(setxattr, "missing file", "missing", "user.b", "v", 1, 0);
  CASE(fsetxattr, "user.c", fd, "user.c", "", 0, 0);
  CASE(listxattr, "bytes", "x", text, sizeof text);
  CASE(listxattr, "only the size", "x", NULL, 0);
  CASE(listxattr, "too small", "x", text, 3);
  CASE(flistxattr, "bytes", fd, text, sizeof text);
  CASE(fgetxattr, "empty one", fd, "user.c", text, sizeof text);
  symlink("x", "xl");
  CASE(lsetxattr, "user.* of a link", "xl", "user.a", "v", 1, 0);
  CASE(lgetxattr, "of a link", "xl", "user.a", text, sizeof text);
  CASE(llistxattr, "of a link", "xl", text, sizeof text);
  CASE(removexattr, "user.a", "x", "user.a");
  CASE(removexattr, "missing", "x", "user.a");
  CASE(fremovexattr, "user.c", fd, "user.c");
  CASE(lremovexattr, "of a link", "xl", "user.a");
  CASE(listxattr, "none", "x", text, sizeof text);
  CASE(setxattr, "of a directory", ".", "user.d", "v", 1, 0);
  CASE(removexattr, "of a directory", ".", "user.d");
}

int main(void) {
  begin();
  status();
  permissions();
  times_of_files();
  extended();
  return finish();
}
