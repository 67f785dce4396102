// SPDX-License-Identifier: MIT
// Waiting for descriptors: poll, select, epoll; and those made to be waited for: eventfd, timerfd, signalfd.
#include "case.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static int p[2], file;
static char buffer[4096];
static const struct timespec soon = {0, 1000000};

// One that is stopped again and again has its time limit all the same.
static void interrupted(void) {
  const pid_t child = fork();
  if (child == 0) _exit(poll(NULL, 0, 150) == 0 ? 5 : 6);
  int status = -1, rounds = 0;
  for (; rounds < 150 && waitpid(child, &status, WNOHANG) == 0; ++rounds) {
    sleep_ms(20);
    kill(child, SIGSTOP);
    kill(child, SIGCONT);
  }
  EFFECT(poll, "stopped and continued: ends in time", rounds < 150 ? outcome(status) : -1);
  if (rounds == 150) kill(child, SIGKILL), reap(child);
}

static void polling(void) {
  pipe(p);
  file = open("f", O_RDWR | O_CREAT, 0600);
  struct pollfd f[3] = {{p[0], POLLIN}, {p[1], POLLOUT}, {-1, POLLIN}};
  CASE(poll, "writable", f, 3, 0);
  EFFECT(poll, "events", f[0].revents * 1000 + f[1].revents);
  CASE(poll, "nothing in time", f, 1, 1);
  write(p[1], "x", 1);
  CASE(poll, "readable", f, 1, -1);
  f[0].fd = 900;
  CASE(poll, "closed", f, 1, 0);
  EFFECT(poll, "events", f[0].revents);
  f[0].fd = file;
  CASE(poll, "file", f, 1, 0);
  CASE(poll, "none, a moment", NULL, 0, 1);
  CASE(poll, "bad pointer", BAD, 1, 0);
  f[0].fd = p[0];
  CASE(ppoll, "ready", f, 1, &soon, NULL, 8);
  CASE(ppoll, "bad time", f, 1, ((struct timespec[]){{0, 1000000000}}), NULL, 8);
  CASE(ppoll, "bad mask size", f, 1, &soon, &(sigset_t){0}, 4);
  read(p[0], buffer, 1);
  int q[2];
  pipe(q);
  close(q[1]);
  f[0].fd = q[0];
  CASE(poll, "no writer", f, 1, 0);
  EFFECT(poll, "events", f[0].revents);
  pipe(q);
  close(q[0]);
  f[0].fd = q[1], f[0].events = POLLOUT;
  CASE(poll, "no reader", f, 1, 0);
  EFFECT(poll, "events", f[0].revents);
}

static void selecting(void) {
  fd_set r, w;
  FD_ZERO(&r); FD_ZERO(&w);
  FD_SET(p[0], &r); FD_SET(p[1], &w);
  CASE(select, "writable", 20, &r, &w, NULL, NULL);
  EFFECT(select, "sets after", FD_ISSET(p[0], &r) * 10 + FD_ISSET(p[1], &w));
  FD_SET(p[0], &r);
  CASE(select, "nothing in time", 20, &r, NULL, NULL, &(struct timeval){0, 1000});
  CASE(select, "negative", -1, NULL, NULL, NULL, NULL);
  FD_ZERO(&r); FD_SET(50, &r);
  CASE(select, "closed", 100, &r, NULL, NULL, NULL);
  FD_ZERO(&w); FD_SET(p[1], &w);
  CASE(pselect6, "writable", 20, NULL, &w, NULL, &soon, NULL);
  CASE(pselect6, "bad time", 20, NULL, &w, NULL, ((struct timespec[]){{0, -1}}), NULL);
}

static int ready(int set) {
  struct epoll_event e[8];
  int n = epoll_wait(set, e, 8, 0), sum = n * 10000;
  for (int i = 0; i < n; ++i) sum += e[i].events & 0xfff;
  return sum;
}

static void sets(void) {
  struct epoll_event e = {EPOLLIN, {.u32 = 1}};
  CASE_OK(epoll_create, "size 1", 1);
  CASE(epoll_create, "size 0", 0);
  int set = CASE_OK(epoll_create1, "EPOLL_CLOEXEC", O_CLOEXEC);
  CASE(epoll_create1, "unknown flag", 1);
  CASE(epoll_ctl, "ADD", set, 1, p[0], &e);
  CASE(epoll_ctl, "ADD again", set, 1, p[0], &e);
  CASE(epoll_ctl, "ADD a file", set, 1, file, &e);
  CASE(epoll_ctl, "ADD itself", set, 1, set, &e);
  CASE(epoll_ctl, "ADD a closed one", set, 1, 900, &e);
  CASE(epoll_ctl, "MOD one that is not in it", set, 3, p[1], &e);
  CASE(epoll_ctl, "DEL one that is not in it", set, 2, p[1], &e);
  CASE(epoll_ctl, "unknown", set, 9, p[0], &e);
  CASE(epoll_ctl, "not a set", p[0], 1, p[1], &e);
  EFFECT(epoll_wait, "nothing", ready(set));
  write(p[1], "ab", 2);
  EFFECT(epoll_wait, "level", ready(set));
  EFFECT(epoll_wait, "level again", ready(set));
  e.events = EPOLLIN | EPOLLET;
  CASE(epoll_ctl, "MOD to edges", set, 3, p[0], &e);
  EFFECT(epoll_wait, "edge after MOD", ready(set));
  EFFECT(epoll_wait, "no edge since", ready(set));
  read(p[0], buffer, 1);
  EFFECT(epoll_wait, "reading is no edge", ready(set));
  write(p[1], "c", 1);
  EFFECT(epoll_wait, "writing is", ready(set));
  e.events = EPOLLIN | EPOLLONESHOT;
  epoll_ctl(set, EPOLL_CTL_MOD, p[0], &e);
  EFFECT(epoll_wait, "one shot", ready(set));
  EFFECT(epoll_wait, "and no other", ready(set));
  epoll_ctl(set, EPOLL_CTL_MOD, p[0], &e);
  EFFECT(epoll_wait, "until MOD", ready(set));
  e.events = EPOLLIN | EPOLLEXCLUSIVE;
  CASE(epoll_ctl, "MOD to EPOLLEXCLUSIVE", set, 3, p[0], &e);
  CASE(epoll_ctl, "DEL", set, 2, p[0], NULL);
  CASE(epoll_ctl, "ADD with EPOLLEXCLUSIVE", set, 1, p[0], &e);
  CASE(epoll_ctl, "MOD of an exclusive one", set, 3, p[0], &(struct epoll_event){EPOLLIN});
  CASE(epoll_ctl, "EPOLLEXCLUSIVE with EPOLLONESHOT", set, 1, p[1], &(struct epoll_event){EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT});
  CASE(epoll_wait, "no room", set, &e, 0, 0);
  CASE(epoll_wait, "negative room", set, &e, -1, 0);
  CASE(epoll_wait, "bad pointer", set, BAD, 1, 0);
  CASE(epoll_wait, "not a set", file, &e, 1, 0);
  CASE(epoll_pwait, "with a mask", set, &e, 1, 0, &(sigset_t){0}, 8);
  CASE(epoll_pwait2, "a moment", set, &e, 1, &soon, NULL, 8);
  CASE(epoll_pwait2, "bad time", set, &e, 1, ((struct timespec[]){{0, -1}}), NULL, 8);
  int outer = epoll_create1(0);
  e.events = EPOLLIN;
  CASE(epoll_ctl, "ADD a set to a set", outer, 1, set, &e);
  EFFECT(epoll_wait, "which is ready", ready(outer));
  CASE(epoll_ctl, "ADD in a circle", set, 1, outer, &e);
  int copy = dup(p[0]);
  CASE(epoll_ctl, "ADD a second number of one file", set, 1, copy, &e);
  close(copy);
  EFFECT(epoll_wait, "a closed number stays while the file is open", ready(set));
}

static void events(void) {
  uint64_t n = 5;
  int fd = CASE_OK(eventfd2, "count 3", 3, EFD_NONBLOCK);
  CASE_OK(eventfd, "count 0", 0);
  CASE(eventfd2, "unknown flag", 0, 4);
  CASE(read, "eventfd, buffer too small", fd, &n, 4);
  CASE(read, "eventfd", fd, &n, 8);
  EFFECT(eventfd2, "what it counted", n);
  CASE(read, "eventfd of 0", fd, &n, 8);
  n = -1;
  CASE(write, "eventfd, the forbidden number", fd, &n, 8);
  n = -2;
  CASE(write, "eventfd, the largest", fd, &n, 8);
  n = 1;
  CASE(write, "eventfd, full", fd, &n, 8);
  struct pollfd f = {fd, POLLIN | POLLOUT};
  poll(&f, 1, 0);
  EFFECT(poll, "events of a full one", f.revents);
  fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  read(fd, &n, 8), EFFECT(eventfd2, "semaphore", n);
  read(fd, &n, 8), EFFECT(eventfd2, "semaphore again", n);
  CASE(read, "semaphore at 0", fd, &n, 8);
  int set = epoll_create1(0);
  struct epoll_event e = {EPOLLIN | EPOLLET};
  epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
  n = 1, write(fd, &n, 8);
  EFFECT(epoll_wait, "edge of an eventfd", ready(set));
  write(fd, &n, 8);
  EFFECT(epoll_wait, "each write is one", ready(set));
}

static void timers(void) {
  uint64_t n = 0;
  struct itimerspec t = {{0, 1000000}, {0, 1000000}}, old;
  int fd = CASE_OK(timerfd_create, "monotonic", CLOCK_MONOTONIC, 0);
  CASE(timerfd_create, "unknown clock", 77, 0);
  CASE(timerfd_create, "unknown flag", CLOCK_MONOTONIC, 1);
  CASE(timerfd_settime, "each millisecond", fd, 0, &t, NULL);
  CASE(read, "timerfd", fd, &n, 8);
  EFFECT(timerfd_settime, "it has expired", n >= 1);
  CASE(timerfd_gettime, "armed", fd, &old);
  EFFECT(timerfd_gettime, "interval", old.it_interval.tv_nsec);
  t = (struct itimerspec){{0, 0}, {0, 0}};
  CASE(timerfd_settime, "disarmed", fd, 0, &t, &old);
  EFFECT(timerfd_settime, "old interval", old.it_interval.tv_nsec);
  t.it_value.tv_nsec = 1000000000;
  CASE(timerfd_settime, "bad time", fd, 0, &t, NULL);
  CASE(timerfd_settime, "not a timer", p[0], 0, &t, NULL);
  CASE(timerfd_settime, "unknown flag", fd, 8, &t, NULL);
  t = (struct itimerspec){{0, 0}, {1, 0}};
  CASE(timerfd_settime, "absolute and long ago", fd, TFD_TIMER_ABSTIME, &t, NULL);
  CASE(read, "at once", fd, &n, 8);
  EFFECT(timerfd_settime, "once", n);
  int quiet = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
  CASE(read, "unarmed, O_NONBLOCK", quiet, &n, 8);
  CASE(write, "timerfd", quiet, &n, 8);
}

static void signals(void) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR1), sigaddset(&set, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &set, NULL);
  struct signalfd_siginfo info[4];
  int fd = CASE_OK(signalfd4, "two signals", -1, &set, 8, SFD_NONBLOCK);
  CASE_OK(signalfd, "without flags", -1, &set, 8);
  CASE(signalfd4, "unknown flag", -1, &set, 8, 1);
  CASE(signalfd4, "bad mask size", -1, &set, 4, 0);
  CASE(signalfd4, "not a signalfd", p[0], &set, 8, 0);
  CASE(read, "signalfd, none", fd, info, sizeof info);
  raise(SIGUSR1);
  union sigval v = {.sival_int = 77};
  sigqueue(getpid(), SIGRTMIN, v);
  v.sival_int = 78;
  sigqueue(getpid(), SIGRTMIN, v);
  struct pollfd f = {fd, POLLIN};
  CASE(poll, "signalfd", &f, 1, 0);
  CASE(read, "signalfd, three", fd, info, sizeof info);
  EFFECT(signalfd4, "first is SIGUSR1", info[0].ssi_signo == SIGUSR1);
  EFFECT(signalfd4, "values in order", info[1].ssi_int * 100 + info[2].ssi_int);
  EFFECT(signalfd4, "code of a queued one", info[1].ssi_code);
  EFFECT(signalfd4, "and who sent it", info[1].ssi_pid == getpid());
  CASE(read, "signalfd, buffer too small", fd, info, 10);
  pid_t parent = getpid(), child = fork();
  if (child == 0) {
    kill(parent, SIGUSR1);
    _exit(0);
  }
  f.revents = 0;
  CASE(poll, "signalfd, from a child", &f, 1, 5000);
  reap(child);
  read(fd, info, sizeof info);
  sigemptyset(&set), sigaddset(&set, SIGUSR2);
  CASE_OK(signalfd4, "changed", fd, &set, 8, 0);
  raise(SIGUSR1);
  CASE(read, "one that is no longer in it", fd, info, sizeof info);
}

int main(void) {
  begin();
  interrupted();
  polling();
  selecting();
  sets();
  events();
  timers();
  signals();
  return finish();
}
