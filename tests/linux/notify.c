// SPDX-License-Identifier: MIT
// inotify, and randomness.
#include "case.h"
#include <sys/inotify.h>

static int fd;
// What has come, one line: the names of the events' bits and the name of the entry.
static void events(const char *what) {
  static const struct { unsigned bit; const char *name; } names[] = {
      {1, "ACCESS"}, {2, "MODIFY"}, {4, "ATTRIB"}, {8, "CLOSE_WRITE"}, {0x10, "CLOSE_NOWRITE"}, {0x20, "OPEN"}, {0x40, "MOVED_FROM"},
      {0x80, "MOVED_TO"}, {0x100, "CREATE"}, {0x200, "DELETE"}, {0x400, "DELETE_SELF"}, {0x800, "MOVE_SELF"}, {0x8000, "IGNORED"},
      {0x40000000, "ISDIR"}};
  char buffer[4096], text[2048] = "";
  long n = read(fd, buffer, sizeof buffer);
  for (long at = 0; at < n;) {
    struct inotify_event *e = (void *)(buffer + at);
    for (unsigned i = 0; i < sizeof names / sizeof *names; ++i)
      if (e->mask & names[i].bit) strcat(strcat(text, names[i].name), " ");
    if (e->len > 0) strcat(strcat(text, e->name), " ");
    strcat(text, "| ");
    at += sizeof *e + e->len;
  }
  EFFECT_TEXT(inotify_add_watch, what, text);
}

int main(void) {
  begin();
  mkdir("d", 0700), mkdir("e", 0700);
  fd = CASE_OK(inotify_init1, "IN_NONBLOCK", IN_NONBLOCK);
  CASE_OK(inotify_init, "plain");
  CASE(inotify_init1, "unknown flag", 1);
  char small[8];
  CASE(read, "nothing yet", fd, small, sizeof small);
  CASE(inotify_add_watch, "directory", fd, "d", IN_ALL_EVENTS);
  CASE(inotify_add_watch, "again is the same", fd, "d", IN_ALL_EVENTS);
  CASE(inotify_add_watch, "no events", fd, "d", 0);
  CASE(inotify_add_watch, "missing", fd, "missing", IN_CREATE);
  CASE(inotify_add_watch, "not an instance", 0, "d", IN_CREATE);
  CASE(inotify_add_watch, "IN_MASK_CREATE on one that is there", fd, "d", IN_CREATE | IN_MASK_CREATE);
  int file = open("d/f", O_CREAT | O_RDWR, 0600);
  events("file made");
  write(file, "x", 1);
  CASE(read, "room for no event", fd, small, sizeof small);
  int bytes = 0;
  CASE(ioctl, "FIONREAD", fd, 0x541b, &bytes);
  EFFECT(ioctl, "bytes", bytes);
  events("written");
  close(file);
  events("closed");
  file = open("d/f", O_RDONLY);
  read(file, small, 1), close(file);
  events("read");
  chmod("d/f", 0640);
  events("mode");
  truncate("d/f", 0);
  events("cut off");
  mkdir("d/sub", 0700), rmdir("d/sub");
  events("directory made and removed");
  rename("d/f", "d/g");
  events("renamed within");
  rename("d/g", "e/g");
  events("moved out");
  rename("e/g", "d/h");
  events("moved in");
  link("d/h", "d/i");
  events("linked");
  symlink("h", "d/s");
  events("symbolic link");
  unlink("d/i"), unlink("d/s");
  events("unlinked");
  CASE(inotify_add_watch, "file", fd, "d/h", IN_MODIFY | IN_DELETE_SELF | IN_ONESHOT);
  file = open("d/h", O_WRONLY);
  events("opened");
  write(file, "y", 1);
  events("one shot");
  write(file, "y", 1);
  events("and no more from it");
  close(file);
  events("closed again");
  CASE(inotify_add_watch, "IN_ONLYDIR on a file", fd, "d/h", IN_MODIFY | IN_ONLYDIR);
  CASE(inotify_add_watch, "file again", fd, "d/h", IN_DELETE_SELF | IN_ATTRIB);
  unlink("d/h");
  events("the watched file goes");
  CASE(inotify_rm_watch, "there", fd, 1);
  events("removed");
  CASE(inotify_rm_watch, "gone", fd, 1);
  CASE(inotify_add_watch, "directory, only some", fd, "d", IN_CREATE | IN_DELETE_SELF);
  close(open("d/z", O_CREAT | O_RDWR, 0600)), unlink("d/z");
  events("only what was asked for");
  rmdir("d");
  events("the watched directory goes");
  struct pollfd f = {fd, POLLIN};
  CASE(poll, "nothing left", &f, 1, 0);
  unsigned char random[64] = {0};
  CASE(getrandom, "some", random, 64, 0);
  int sum = 0;
  for (int i = 0; i < 64; ++i) sum |= random[i];
  EFFECT(getrandom, "not all zero", sum != 0);
  CASE(getrandom, "GRND_NONBLOCK", random, 8, 1);
  CASE(getrandom, "unknown flag", random, 8, 8);
  CASE(getrandom, "bad pointer", BAD, 8, 0);
  return finish();
}
