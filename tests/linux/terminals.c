// SPDX-License-Identifier: MIT
// Pseudo-terminals, the editing of lines, sessions and controlling terminals, job control. Drivers here are their own far end.
#include "case.h"
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

#define IOCTL(what, ...) CASE(ioctl, what, __VA_ARGS__)
typedef struct { unsigned iflag, oflag, cflag, lflag; unsigned char line, cc[19]; } kernel_termios;

static int master, slave;
static char name[64];

static void pair(void) {   // a new one, in its first mode
  if (master > 0) close(slave), close(master);
  master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master), unlockpt(master);
  ptsname_r(master, name, sizeof name);
  slave = open(name, O_RDWR | O_NOCTTY);
}
static void type(const char *text) { write(master, text, strlen(text)); }
// What a descriptor gives within a moment, with what cannot be seen made visible.
static const char *text_of(int fd, int n) {
  static char shown[8][600];
  static int turn;
  char raw[128], *out = shown[turn++ % 8];
  struct pollfd p = {fd, POLLIN};
  if (poll(&p, 1, 2000) <= 0) return "(nothing)";
  ssize_t got = read(fd, raw, n < 128 ? n : 128);
  if (got < 0) return strerrorname_np(errno);
  char *at = out;
  *at++ = '<';
  for (ssize_t i = 0; i < got; ++i)
    if (raw[i] >= ' ' && raw[i] < 127) *at++ = raw[i];
    else at += sprintf(at, "\\%03o", (unsigned char)raw[i]);
  *at++ = '>', *at = 0;
  return out;
}
static const char *shown(void) { return text_of(master, 128); }
static const char *got(void) { return text_of(slave, 128); }
// Linux passes on what is typed in its own time: until so many bytes can be read.
static void arrived(int n) {
  int have = 0;
  for (int i = 0; i < 500 && ioctl(slave, FIONREAD, &have) == 0 && have < n; ++i) sleep_ms(4);
}
static int quiet(int fd) { struct pollfd p = {fd, POLLIN}; return poll(&p, 1, 0) == 0; }
static void set_local(unsigned clear, unsigned set) {
  kernel_termios t;
  ioctl(slave, TCGETS, &t);
  t.lflag = (t.lflag & ~clear) | set;
  ioctl(slave, TCSETS, &t);
}
static void set_input(unsigned clear, unsigned set) {
  kernel_termios t;
  ioctl(slave, TCGETS, &t);
  t.iflag = (t.iflag & ~clear) | set;
  ioctl(slave, TCSETS, &t);
}
static void set_output(unsigned flags) {
  kernel_termios t;
  ioctl(slave, TCGETS, &t);
  t.oflag = flags;
  ioctl(slave, TCSETS, &t);
}
static void set_timing(int least, int tenths) {
  kernel_termios t;
  ioctl(slave, TCGETS, &t);
  t.lflag &= ~(ICANON | ECHO), t.cc[VMIN] = least, t.cc[VTIME] = tenths;
  ioctl(slave, TCSETS, &t);
}

static void making(void) {
  int n = -1, lock = 1;
  struct stat a, b;
  int fd = open("/dev/ptmx", O_RDWR | O_NOCTTY);
  IOCTL("TIOCGPTN", fd, TIOCGPTN, &n) == 0 || (n = 0);
  IOCTL("TIOCGPTN, bad pointer", fd, TIOCGPTN, BAD);
  IOCTL("TIOCGPTLCK", fd, TIOCGPTLCK, &lock);
  EFFECT(ioctl, "locked at first", lock);
  sprintf(name, "/dev/pts/%d", n);
  CASE(open, "locked slave", name, O_RDWR | O_NOCTTY);
  lock = 0;
  IOCTL("TIOCSPTLCK", fd, TIOCSPTLCK, &lock);
  int peer = CASE_OK(ioctl, "TIOCGPTPEER", fd, TIOCGPTPEER, O_RDWR | O_NOCTTY);
  int other = CASE_OK(open, "unlocked slave", name, O_RDWR | O_NOCTTY);
  fstat(peer, &a), stat(name, &b);
  EFFECT(stat, "peer and name are one", a.st_ino == b.st_ino && a.st_dev == b.st_dev && a.st_rdev == b.st_rdev);
  EFFECT(stat, "type", b.st_mode >> 12), EFFECT(stat, "major", b.st_rdev >> 8), EFFECT(stat, "minor", (int)(b.st_rdev & 255) == n);
  EFFECT(ioctl, "isatty of both", isatty(fd) + isatty(peer) * 2);
  char of[64] = "";
  ttyname_r(peer, of, sizeof of);
  EFFECT(readlink, "ttyname", strcmp(of, name));
  IOCTL("TIOCGPTN of a slave", peer, TIOCGPTN, &n);
  IOCTL("unknown request", peer, 0x54ff, 0);
  IOCTL("TCGETS of a file that is none", open("/dev/null", O_RDWR), TCGETS, of);
  CASE(lseek, "of a terminal", peer, 0, SEEK_CUR);
  CASE(pread64, "of a terminal", peer, of, 1, 0);
  CASE(fsync, "of a terminal", peer);
  struct winsize w = {1, 1, 1, 1};
  IOCTL("TIOCGWINSZ", fd, TIOCGWINSZ, &w);
  EFFECT(ioctl, "size at first", w.ws_row + w.ws_col);
  w = (struct winsize){24, 80, 7, 9};
  IOCTL("TIOCSWINSZ", peer, TIOCSWINSZ, &w), memset(&w, 0, sizeof w), ioctl(fd, TIOCGWINSZ, &w);
  EFFECT(ioctl, "size seen by the master", w.ws_row * 1000 + w.ws_col);
  IOCTL("TIOCSWINSZ, bad pointer", peer, TIOCSWINSZ, BAD);
  kernel_termios t;
  IOCTL("TCGETS", peer, TCGETS, &t);
  printf("ioctl: first mode = %x %x %x %x\n", t.iflag, t.oflag, t.cflag, t.lflag);
  for (int i = 0; i < 17; ++i) printf("ioctl: first c_cc[%d] = %d\n", i, t.cc[i]);
  IOCTL("TCGETS, bad pointer", peer, TCGETS, BAD), IOCTL("TCSETS, bad pointer", peer, TCSETS, BAD);
  int zero = -1;
  IOCTL("TIOCGETD", peer, TIOCGETD, &zero), EFFECT(ioctl, "discipline", zero);
  IOCTL("TIOCOUTQ", peer, TIOCOUTQ, &zero), IOCTL("TCSBRK drains", peer, TCSBRK, 1);
  IOCTL("TCXONC with nonsense", peer, TCXONC, 9), IOCTL("TCFLSH with nonsense", peer, TCFLSH, 9);
  close(peer), close(other);
  IOCTL("FIONREAD of a master without slave", fd, FIONREAD, &zero);
  EFFECT_TEXT(read, "master without slave", text_of(fd, 10));
  struct pollfd p = {fd, POLLIN | POLLOUT};
  poll(&p, 1, 0), EFFECT(poll, "master without slave", p.revents & POLLHUP);
  close(fd);
  EFFECT(close, "the name is gone", access(name, F_OK) == -1);
}

static void lines(void) {
  pair();
  type("hello\n");
  EFFECT_TEXT(read, "a line", got()), EFFECT_TEXT(read, "its echo", shown());
  type("ab");
  EFFECT(poll, "half a line is nothing yet", quiet(slave));
  int n = -1;
  IOCTL("FIONREAD of half a line", slave, FIONREAD, &n), EFFECT(ioctl, "bytes", n);
  type("c\r"), EFFECT_TEXT(read, "ICRNL", got()), shown();
  type("one\ntwo\n"), arrived(8);
  IOCTL("FIONREAD of two lines", slave, FIONREAD, &n), EFFECT(ioctl, "bytes", n);
  EFFECT_TEXT(read, "one line at a time", got()), EFFECT_TEXT(read, "the second", got()), shown();
  type("longer\n");
  EFFECT_TEXT(read, "a line in pieces", text_of(slave, 4)), EFFECT_TEXT(read, "its rest", text_of(slave, 4)), shown();
  type("abc\177d\n"), EFFECT_TEXT(read, "erase", got()), EFFECT_TEXT(read, "erase, shown", shown());
  type("\177x\n"), EFFECT_TEXT(read, "erase of nothing", got()), EFFECT_TEXT(read, "shown", shown());
  type("one two  \027x\n"), EFFECT_TEXT(read, "word erase", got()), EFFECT_TEXT(read, "shown", shown());
  type("everything\025y\n"), EFFECT_TEXT(read, "kill", got()), EFFECT_TEXT(read, "shown", shown());
  type("a\001b\177\177\n"), EFFECT_TEXT(read, "erase of a control character", got()), EFFECT_TEXT(read, "shown", shown());
  type("a\tb\177\177\n"), EFFECT_TEXT(read, "erase of a tab", got()), EFFECT_TEXT(read, "shown", shown());
  type("\026\003\026\177\n"), EFFECT_TEXT(read, "literal next", got()), EFFECT_TEXT(read, "shown", shown());
  type("ab\022c\n"), EFFECT_TEXT(read, "reprint", got()), EFFECT_TEXT(read, "shown", shown());
  type("\004"), EFFECT_TEXT(read, "end of file", got());
  type("part\004"), EFFECT_TEXT(read, "end of file behind text", got()), shown();
  type("1234\004"), EFFECT_TEXT(read, "exactly what was asked for", text_of(slave, 4)), EFFECT(poll, "and no end of file", quiet(slave)), shown();
  type("x\ny\004z\n"), arrived(5), EFFECT_TEXT(read, "line", got()), EFFECT_TEXT(read, "part", got()), EFFECT_TEXT(read, "line", got()), shown();
  set_local(ECHO, 0), type("secret\n"), EFFECT_TEXT(read, "without echo", got()), EFFECT(poll, "nothing shown", quiet(master));
  set_local(ECHO, ECHONL), type("secret\n"), EFFECT_TEXT(read, "ECHONL", got()), EFFECT_TEXT(read, "shown", shown());
  set_local(ECHOCTL, ECHO), type("\001\n"), EFFECT_TEXT(read, "without ECHOCTL", got()), EFFECT_TEXT(read, "shown", shown());
  set_local(ECHOE, ECHOCTL), type("ab\177\n"), EFFECT_TEXT(read, "without ECHOE", got()), EFFECT_TEXT(read, "shown", shown());
  set_local(ECHOKE, ECHOE), type("ab\025c\n"), EFFECT_TEXT(read, "without ECHOKE", got()), EFFECT_TEXT(read, "shown", shown());
  set_local(IEXTEN, ECHOKE), type("a\026\027b\n"), EFFECT_TEXT(read, "without IEXTEN", got()), EFFECT_TEXT(read, "shown", shown());
  pair();
  set_input(ICRNL, 0), type("a\r\n"), EFFECT_TEXT(read, "without ICRNL", got()), EFFECT_TEXT(read, "shown", shown());
  set_input(0, IGNCR), type("a\r\n"), EFFECT_TEXT(read, "IGNCR", got()), shown();
  set_input(IGNCR, INLCR | ICRNL), type("a\nb\r"), EFFECT_TEXT(read, "INLCR and ICRNL", got()), shown();
  set_input(INLCR, ISTRIP), type("\341\n"), EFFECT_TEXT(read, "ISTRIP", got()), shown();
  set_input(ISTRIP, IUTF8), type("a\303\244b\177\177c\n"), EFFECT_TEXT(read, "IUTF8: erase of a character", got()), EFFECT_TEXT(read, "shown", shown());
  kernel_termios t;
  ioctl(slave, TCGETS, &t), t.cc[VEOL] = ';', ioctl(slave, TCSETS, &t);
  type("a;b\n"), EFFECT_TEXT(read, "VEOL", got()), EFFECT_TEXT(read, "the rest", got()), shown();
  static char much[5000];
  memset(much, 'm', 4999), much[4200] = '\n', much[4201] = 0;
  set_local(ECHO, 0), type(much);
  ssize_t all = 0, some;
  while ((some = read(slave, much, 5000)) > 0) { all += some; if (much[some - 1] == '\n') break; }
  EFFECT(read, "a line is cut at", all);
}

static void raw(void) {
  pair();
  int n;
  char c;
  type("kept"), shown(), set_local(ICANON | ECHO, 0);
  EFFECT_TEXT(read, "half a line when ICANON goes", got());
  type("ab"), arrived(2), set_local(0, ICANON);
  type("c\n"), arrived(4), EFFECT_TEXT(read, "bytes when ICANON comes", got()), EFFECT_TEXT(read, "and the line behind", got());
  set_timing(1, 0), type("x"), EFFECT_TEXT(read, "VMIN 1", got());
  type("\003\004\177"), arrived(2), EFFECT_TEXT(read, "ISIG stays", got());
  set_local(ISIG, 0), type("\003\004\177\032"), arrived(4), EFFECT_TEXT(read, "without ISIG", got());
  set_timing(3, 0), type("ab"), arrived(2), EFFECT(poll, "VMIN 3: two are nothing", quiet(slave));
  IOCTL("FIONREAD", slave, FIONREAD, &n), EFFECT(ioctl, "bytes", n);
  type("cd"), arrived(4), EFFECT_TEXT(read, "VMIN 3: four", text_of(slave, 10));
  set_timing(0, 0), CASE(read, "VMIN 0, VTIME 0", slave, &c, 1);
  set_timing(0, 1), CASE(read, "VMIN 0, VTIME 1: time", slave, &c, 1);
  type("q"), arrived(1), CASE(read, "VMIN 0, VTIME 1: a byte", slave, &c, 1);
  set_timing(5, 1), type("12"), arrived(2), EFFECT_TEXT(read, "VMIN 5, VTIME 1: two", text_of(slave, 10));
  set_timing(1, 0), fcntl(slave, F_SETFL, O_NONBLOCK), CASE(read, "O_NONBLOCK", slave, &c, 1), fcntl(slave, F_SETFL, 0);
  fcntl(master, F_SETFL, O_NONBLOCK), CASE(read, "master, O_NONBLOCK", master, &c, 1), fcntl(master, F_SETFL, 0);
  type("gone"), arrived(4), CASE(ioctl, "TCFLSH input", slave, TCFLSH, TCIFLUSH), EFFECT(poll, "nothing left", quiet(slave));
  kernel_termios t;
  type("gone"), arrived(4), ioctl(slave, TCGETS, &t), CASE(ioctl, "TCSETSF", slave, TCSETSF, &t), EFFECT(poll, "nothing left", quiet(slave));
  CASE(write, "bad pointer", slave, BAD, 3), CASE(read, "zero bytes", slave, &c, 0);
  type("v"), arrived(1), CASE(read, "bad pointer", slave, BAD, 1);
  struct pollfd p = {slave, POLLOUT};
  EFFECT(poll, "room", poll(&p, 1, 0));
}

static void output(void) {
  pair();
  CASE(write, "line", slave, "ab\n", 3), EFFECT_TEXT(read, "ONLCR", shown());
  set_output(0), write(slave, "a\nb\tc\r", 6), EFFECT_TEXT(read, "no OPOST", shown());
  set_output(OPOST), write(slave, "a\nb", 3), EFFECT_TEXT(read, "OPOST alone", shown());
  set_output(OPOST | XTABS | ONLCR), write(slave, "\na\tb", 4), EFFECT_TEXT(read, "XTABS", shown());
  set_output(OPOST | OCRNL), write(slave, "a\rb", 3), EFFECT_TEXT(read, "OCRNL", shown());
  set_output(OPOST | ONLCR | ONOCR), write(slave, "\n\ra\r", 4), EFFECT_TEXT(read, "ONOCR", shown());
  set_output(OPOST | OLCUC), write(slave, "aZ1", 3), EFFECT_TEXT(read, "OLCUC", shown());
  set_output(OPOST | ONLCR);
  set_local(ECHO, 0), type("\023k\n"), arrived(2), fcntl(slave, F_SETFL, O_NONBLOCK), CASE(write, "stopped by ^S", slave, "x", 1);
  type("\021k\n"), arrived(4), CASE(write, "started by ^Q", slave, "x", 1), EFFECT_TEXT(read, "shown", shown());
  ioctl(slave, TCXONC, TCOOFF), CASE(write, "TCOOFF", slave, "x", 1);
  ioctl(slave, TCXONC, TCOON), CASE(write, "TCOON", slave, "y", 1), EFFECT_TEXT(read, "shown", shown());
  ioctl(slave, TCXONC, TCIOFF), EFFECT_TEXT(ioctl, "TCIOFF", shown()), ioctl(slave, TCXONC, TCION), EFFECT_TEXT(ioctl, "TCION", shown());
  static char much[100000];
  memset(much, 'w', sizeof much);
  ssize_t n;
  while ((n = write(slave, much, sizeof much)) > 0) {}
  EFFECT(write, "full is EAGAIN", errno == EAGAIN);
  struct pollfd p = {slave, POLLOUT};
  EFFECT(poll, "no room", poll(&p, 1, 0));
  int packets = 1;
  pair(), CASE(ioctl, "TIOCPKT", master, TIOCPKT, &packets), write(slave, "p", 1), EFFECT_TEXT(read, "a packet", shown());
}

static int caught;
static void catch(int signal) { caught = caught * 100 + signal; }
static int next_caught(void) {
  for (int i = 0; i < 500 && caught == 0; ++i) sleep_ms(4);
  int signal = caught;
  return caught = 0, signal;
}

// A child that leads a session on the slave; what it runs ends with _exit.
static pid_t leader(void (*body)(void)) {
  pid_t child = fork();
  if (child == 0) {
    setsid();
    close(slave);
    slave = open(name, O_RDWR);
    body();
    _exit(0);
  }
  return child;
}
static void in_leader(const char *what, void (*body)(void)) {
  pair();
  EFFECT(exit, what, reap(leader(body)));
}

static void control(void) {
  int n = -1;
  IOCTL("TIOCGPGRP of one's own", slave, TIOCGPGRP, &n), EFFECT(ioctl, "is the leader's group", n == getpid());
  IOCTL("TIOCGSID", slave, TIOCGSID, &n), EFFECT(ioctl, "is the leader", n == getpid());
  IOCTL("TIOCGPGRP of the master", master, TIOCGPGRP, &n), EFFECT(ioctl, "is the leader's group", n == getpid());
  int tty = CASE_OK(open, "/dev/tty", "/dev/tty", O_RDWR);
  struct stat s;
  fstat(tty, &s), EFFECT(stat, "/dev/tty is 5:0", s.st_rdev);
  write(tty, "hi", 2), EFFECT_TEXT(write, "to /dev/tty", shown());
  IOCTL("TIOCSCTTY again", slave, TIOCSCTTY, 0);
  int child = fork();
  if (child == 0) {
    IOCTL("TIOCSCTTY, not a leader", slave, TIOCSCTTY, 0);
    CASE_OK(setsid, "in a child");
    CASE(open, "/dev/tty after setsid", "/dev/tty", O_RDWR);
    IOCTL("TIOCGPGRP after setsid", slave, TIOCGPGRP, &n);
    IOCTL("TIOCSCTTY of another's", slave, TIOCSCTTY, 0);
    _exit(0);
  }
  reap(child);
  CASE(setsid, "of a leader");
  CASE(setpgid, "of a leader", 0, 0);
  n = -5, IOCTL("TIOCSPGRP negative", slave, TIOCSPGRP, &n);
  n = 999999, IOCTL("TIOCSPGRP of nobody", slave, TIOCSPGRP, &n);
  IOCTL("TIOCSPGRP, bad pointer", slave, TIOCSPGRP, BAD);
  n = getppid(), n = getpgid(n), IOCTL("TIOCSPGRP of another session", slave, TIOCSPGRP, &n);
  child = fork();
  if (child == 0) pause(), _exit(0);
  CASE(setpgid, "child to its own group", child, child), CASE(getpgid, "of nobody", 999999);
  EFFECT(getpgid, "of the child", getpgid(child) == child), EFFECT(getsid, "of the child", getsid(child) == getpid());
  n = child, IOCTL("TIOCSPGRP", slave, TIOCSPGRP, &n), ioctl(slave, TIOCGPGRP, &n), EFFECT(ioctl, "foreground", n == child);
  signal(SIGTTOU, SIG_IGN), n = getpid(), IOCTL("TIOCSPGRP from the background, SIGTTOU ignored", slave, TIOCSPGRP, &n);
  n = child, ioctl(slave, TIOCSPGRP, &n);
  type("\003"), EFFECT(kill, "^C ends the foreground", reap(child));
  signal(SIGHUP, SIG_IGN), IOCTL("TIOCNOTTY", slave, TIOCNOTTY, 0);
  CASE(open, "/dev/tty afterwards", "/dev/tty", O_RDWR);
  IOCTL("TIOCNOTTY again", slave, TIOCNOTTY, 0);
  close(tty);
}
static void without(void) {
  signal(SIGHUP, SIG_IGN), ioctl(slave, TIOCNOTTY, 0), close(slave);
  slave = CASE_OK(open, "O_NOCTTY", name, O_RDWR | O_NOCTTY), CASE(open, "/dev/tty", "/dev/tty", O_RDWR);
  int other = open(name, O_WRONLY);
  CASE(open, "/dev/tty after O_WRONLY", "/dev/tty", O_RDWR);
  IOCTL("TIOCSCTTY", slave, TIOCSCTTY, 0), CASE_OK(open, "/dev/tty then", "/dev/tty", O_RDWR);
}
// Only root may, and without a terminal it does nothing; a test must not hang up its user's.
static void hang_up(void) {
  int r;
  IN_CHILD(r, { setsid(), CASE(vhangup, "without a terminal"); setresuid(65534, 65534, 65534), CASE(vhangup, "not root"); });
}
static void signals(void) {
  signal(SIGINT, catch), signal(SIGQUIT, catch), signal(SIGTSTP, catch), signal(SIGWINCH, catch), signal(SIGCONT, catch);
  type("dropped"), shown(), type("\003"), EFFECT(kill, "^C", next_caught()), EFFECT(poll, "input is dropped", quiet(slave));
  EFFECT_TEXT(read, "shown", shown());
  type("\034"), EFFECT(kill, "^\\", next_caught());
  type("\032"), EFFECT(kill, "^Z", next_caught());
  set_local(0, NOFLSH), type("kept\003\n"), EFFECT(kill, "^C with NOFLSH", next_caught()), EFFECT_TEXT(read, "input is kept", got());
  struct winsize w = {10, 20};
  ioctl(master, TIOCSWINSZ, &w), EFFECT(kill, "SIGWINCH", next_caught());
  ioctl(master, TIOCSWINSZ, &w), EFFECT(kill, "the same size again", caught);
  CASE(ioctl, "TIOCSIG", master, TIOCSIG, SIGINT), EFFECT(kill, "sent by the master", next_caught());
  CASE(ioctl, "TIOCSIG with nonsense", master, TIOCSIG, SIGTERM);
}

static int background(void (*body)(void), int *status) {
  int child = fork();
  if (child == 0) setpgid(0, 0), body(), _exit(7);
  setpgid(child, child);
  waitpid(child, status, WUNTRACED);
  return child;
}
static void reads(void) { char c; read(slave, &c, 1); }
static void writes(void) { write(slave, "w", 1); }
static void sets(void) { struct termios t; tcgetattr(slave, &t), tcsetattr(slave, TCSANOW, &t); }
static void reads_deaf(void) { char c; signal(SIGTTIN, SIG_IGN); _exit(read(slave, &c, 1) == -1 ? errno : 0); }
static void reads_blocked(void) {
  char c;
  sigset_t s;
  sigemptyset(&s), sigaddset(&s, SIGTTIN), sigprocmask(SIG_BLOCK, &s, NULL);
  _exit(read(slave, &c, 1) == -1 ? errno : 0);
}
static void jobs(void) {
  int status, child = background(reads, &status);
  EFFECT(wait4, "background read", outcome(status));
  int group = child;
  siginfo_t info = {0};
  signal(SIGTTOU, SIG_IGN), ioctl(slave, TIOCSPGRP, &group);
  CASE(kill, "SIGCONT", child, SIGCONT);
  CASE(waitid, "WCONTINUED", P_PID, child, &info, WCONTINUED, NULL), EFFECT(waitid, "code", info.si_code);
  type("x\n");
  EFFECT(wait4, "it read in the foreground", reap(child));
  group = getpid(), ioctl(slave, TIOCSPGRP, &group), signal(SIGTTOU, SIG_DFL);
  child = background(writes, &status), EFFECT(wait4, "background write", outcome(status));
  set_local(0, TOSTOP);
  child = background(writes, &status), EFFECT(wait4, "background write with TOSTOP", outcome(status));
  kill(child, SIGCONT), waitpid(child, &status, WUNTRACED), EFFECT(wait4, "and again", outcome(status));
  kill(child, SIGKILL), EFFECT(wait4, "killed while stopped", reap(child));
  child = background(sets, &status), EFFECT(wait4, "background tcsetattr", outcome(status));
  kill(child, SIGKILL), reap(child);
  child = background(reads_deaf, &status), EFFECT(wait4, "background read, SIGTTIN ignored", outcome(status));
  child = background(reads_blocked, &status), EFFECT(wait4, "background read, SIGTTIN blocked", outcome(status));
}
// A group whose parent goes: what is stopped in it gets SIGHUP and SIGCONT.
static int report_to[2];
static void orphan(void) {
  int middle = fork();
  if (middle == 0) {
    int child = fork(), status;
    if (child == 0) {
      setpgid(0, 0);
      signal(SIGHUP, catch), signal(SIGCONT, catch);
      raise(SIGSTOP);
      for (int i = 0; i < 100 && caught < 100; ++i) sleep_ms(10);
      int result[3] = {caught == 118 || caught == 1801, 0, 0};
      caught = 0, raise(SIGTSTP), result[1] = 1;      // nobody would continue it: no stop
      char c;
      result[2] = read(slave, &c, 1) == -1 ? errno : 0;
      write(report_to[1], result, sizeof result);
      _exit(0);
    }
    waitpid(child, &status, WUNTRACED);
    _exit(0);
  }
  reap(middle);
  int result[3] = {-1, -1, -1};
  read(report_to[0], result, sizeof result);
  EFFECT(kill, "orphaned and stopped: SIGHUP and SIGCONT", result[0]);
  EFFECT(kill, "orphaned: SIGTSTP does not stop", result[1]);
  EFFECT(read, "orphaned, in the background", result[2]);
}
static void waits_for_hangup(void) {
  signal(SIGHUP, catch);
  int child = fork();
  if (child == 0) {
    char told = 'h';
    for (int i = 0; i < 200 && caught == 0; ++i) sleep_ms(10);
    EFFECT(kill, "leader gone: the foreground gets", caught);
    int n;
    IOCTL("terminal is nobody's", slave, TIOCGPGRP, &n);
    CASE(open, "/dev/tty is not there", "/dev/tty", O_RDWR);
    write(report_to[1], &told, 1);
    _exit(0);
  }
}
static void master_goes(void) {
  signal(SIGHUP, catch), signal(SIGCONT, catch);
  char told = 'r', c;
  write(report_to[1], &told, 1);
  close(master);
  for (int i = 0; i < 200 && caught < 100; ++i) sleep_ms(10);
  EFFECT(kill, "master gone: the leader gets", caught == 118 || caught == 1801);
  CASE(read, "after the hang-up", slave, &c, 1), CASE(write, "after the hang-up", slave, "x", 1);
  IOCTL("after the hang-up", slave, TCGETS, &c);
  struct pollfd p = {slave, POLLIN | POLLOUT};
  poll(&p, 1, 0), EFFECT(poll, "after the hang-up", p.revents & (POLLIN | POLLOUT | POLLHUP | POLLERR));
  CASE(open, "/dev/tty after the hang-up", "/dev/tty", O_RDWR);
}

int main(void) {
  begin();
  making(), lines(), raw(), output(), hang_up();
  in_leader("controlling terminal", control), in_leader("O_NOCTTY", without), in_leader("signals", signals), in_leader("jobs", jobs);
  pipe(report_to);
  in_leader("orphaned group", orphan);
  char told;
  pair(), reap(leader(waits_for_hangup)), CASE(read, "word of the one that stayed", report_to[0], &told, 1);
  pair();
  pid_t child = leader(master_goes);
  read(report_to[0], &told, 1), close(master), master = 0;
  EFFECT(exit, "after the hang-up", reap(child));
  return finish();
}
