// SPDX-License-Identifier: MIT
// Clocks, sleeping, timers.
#include "case.h"
#include <sys/time.h>

static volatile int count, value_of, code_of;
static void handler(int signal, siginfo_t *info, void *context) { ++count, value_of = info->si_value.sival_int, code_of = info->si_code; }
static void spin(long ms) {
  struct timespec from, now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
  do clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  while ((now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000 < ms);
}

static void clocks(void) {
  struct timespec a, b;
  for (int clock = 0; clock < 8; ++clock) {
    char what[32];
    snprintf(what, sizeof what, "clock %d", clock);
    CASE(clock_gettime, what, clock, &a);
    CASE(clock_getres, what, clock, &b);
  }
  CASE(clock_gettime, "boot time", 7, &a);
  CASE(clock_gettime, "TAI", 11, &a);
  CASE(clock_gettime, "unknown", 77, &a);
  CASE(clock_gettime, "bad pointer", 0, BAD);
  CASE(clock_getres, "unknown", 77, &a);
  CASE(clock_getres, "without an answer", 0, NULL);
  CASE(clock_settime, "monotonic", 1, &a);
  CASE(clock_settime, "bad time", 0, ((struct timespec[]){{0, -1}}));
  clock_gettime(CLOCK_MONOTONIC, &a), clock_gettime(CLOCK_MONOTONIC, &b);
  EFFECT(clock_gettime, "does not go back", b.tv_sec > a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec >= a.tv_nsec));
  syscall(SYS_clock_gettime, CLOCK_REALTIME, &a), clock_gettime(CLOCK_REALTIME, &b);
  EFFECT(clock_gettime, "call and vDSO agree", labs(b.tv_sec - a.tv_sec) <= 1);
  clockid_t cpu;
  clock_getcpuclockid(0, &cpu);
  CASE(clock_gettime, "of a process", cpu, &a);
  struct timeval v;
  CASE(gettimeofday, "both", &v, NULL);
  EFFECT(time, "agrees", labs(syscall(SYS_time, NULL) - v.tv_sec) <= 1);
  time_t t;
  CASE_OK(time, "stored", &t);
  EFFECT(time, "as returned", t != 0);
}

static void sleeping(void) {
  struct timespec short_one = {0, 1000000}, now;
  CASE(nanosleep, "a moment", &short_one, NULL);
  CASE(nanosleep, "bad time", ((struct timespec[]){{0, 1000000000}}), NULL);
  CASE(nanosleep, "negative", ((struct timespec[]){{-1, 0}}), NULL);
  CASE(nanosleep, "bad pointer", BAD, NULL);
  CASE(clock_nanosleep, "relative", CLOCK_MONOTONIC, 0, &short_one, NULL);
  CASE(clock_nanosleep, "absolute and long ago", CLOCK_REALTIME, TIMER_ABSTIME, &short_one, NULL);
  CASE(clock_nanosleep, "thread's CPU time", CLOCK_THREAD_CPUTIME_ID, 0, &short_one, NULL);
  CASE(clock_nanosleep, "unknown clock", 77, 0, &short_one, NULL);
}

static void interval_timers(void) {
  struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(SIGALRM, &a, NULL), sigaction(SIGVTALRM, &a, NULL), sigaction(SIGPROF, &a, NULL), sigaction(SIGRTMIN, &a, NULL);
  struct itimerval v = {{0, 0}, {0, 2000}}, old;
  CASE(setitimer, "real", ITIMER_REAL, &v, NULL);
  while (count == 0) pause();
  EFFECT(setitimer, "SIGALRM's code", code_of);
  CASE(getitimer, "run out", ITIMER_REAL, &old);
  EFFECT(getitimer, "nothing left", old.it_value.tv_sec + old.it_value.tv_usec);
  CASE(alarm, "nothing before", 50);
  CASE(alarm, "what was left", 0);
  CASE(setitimer, "unknown", 7, &v, NULL);
  CASE(setitimer, "bad time", ITIMER_REAL, &((struct itimerval){{0, 0}, {0, 1000000}}), NULL);
  v.it_value.tv_usec = 20000;
  count = 0;
  CASE(setitimer, "virtual", ITIMER_VIRTUAL, &v, NULL);
  for (volatile long i = 0; count == 0 && i < 4000000000; ++i) {}
  EFFECT(setitimer, "SIGVTALRM came", count);
  count = 0;
  CASE(setitimer, "profiling", ITIMER_PROF, &v, NULL);
  sleep_ms(40);
  EFFECT(setitimer, "sleeping does not count", count);
  for (volatile long i = 0; count == 0 && i < 4000000000; ++i) {}
  EFFECT(setitimer, "SIGPROF came", count);
  CASE(getitimer, "profiling", ITIMER_PROF, &old);
  timer_t none = 0;
  struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 77};
  int id = -1;
  CASE(timer_create, "signal", CLOCK_MONOTONIC, &e, &id);
  CASE(timer_create, "unknown clock", 77, &e, &id);
  e.sigev_signo = 99;
  CASE(timer_create, "unknown signal", CLOCK_MONOTONIC, &e, &(int){0});
  struct itimerspec t = {{0, 0}, {0, 1000000}}, was;
  count = 0;
  CASE(timer_settime, "in a moment", id, 0, &t, NULL);
  while (count == 0) pause();
  EFFECT(timer_settime, "value and code", value_of * 100 + code_of);
  CASE(timer_gettime, "run out", id, &was);
  EFFECT(timer_gettime, "nothing left", was.it_value.tv_sec + was.it_value.tv_nsec);
  CASE(timer_getoverrun, "none", id);
  t.it_value.tv_nsec = 1000000000;
  CASE(timer_settime, "bad time", id, 0, &t, NULL);
  CASE(timer_settime, "unknown", 9999, 0, &t, NULL);
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGRTMIN), sigprocmask(SIG_BLOCK, &set, NULL);
  t = (struct itimerspec){{0, 1000000}, {0, 1000000}};
  timer_settime((timer_t)(long)id, 0, &t, NULL);
  sleep_ms(30);
  siginfo_t info;
  CASE_OK(rt_sigtimedwait, "a timer's", &set, &info, NULL, 8);
  EFFECT(timer_getoverrun, "many", syscall(SYS_timer_getoverrun, id) >= 5 && info.si_overrun >= 5);
  CASE(timer_delete, "there", id);
  CASE(timer_delete, "gone", id);
  CASE(timer_gettime, "gone", id, &was);
  e = (struct sigevent){.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  syscall(SYS_timer_create, CLOCK_THREAD_CPUTIME_ID, &e, &id);
  t = (struct itimerspec){{0, 0}, {0, 15000000}};
  syscall(SYS_timer_settime, id, 0, &t, NULL);
  sleep_ms(40);
  CASE(rt_sigtimedwait, "a CPU clock's timer while sleeping", &set, &info, ((struct timespec[]){{0, 0}}), 8);
  spin(60);
  CASE_OK(rt_sigtimedwait, "and after working", &set, &info, ((struct timespec[]){{5, 0}}), 8);
  struct timespec cpu_a, cpu_b;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_a);
  sleep_ms(50);
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu_b);
  EFFECT(clock_gettime, "sleeping takes no CPU time", (cpu_b.tv_sec - cpu_a.tv_sec) * 1000 + (cpu_b.tv_nsec - cpu_a.tv_nsec) / 1000000 < 40);
}

int main(void) {
  begin();
  clocks();
  sleeping();
  interval_timers();
  return finish();
}
