// SPDX-License-Identifier: MIT
// Time on processors, split between the program and the system: by each way in which it is told.
#include "case.h"
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>

static long long of(struct timeval t) { return t.tv_sec * 1000000ll + t.tv_usec; }
static long long cpu_us(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * 1000000ll + t.tv_nsec / 1000;
}
static struct rusage used(int who) {
  struct rusage r;
  getrusage(who, &r);
  return r;
}

// Spend that much processor time; the second in the system.
static void compute(long ms) {
  const long long end = cpu_us(CLOCK_THREAD_CPUTIME_ID) + ms * 1000;
  do for (volatile int i = 0; i < 100000; ++i) {}
  while (cpu_us(CLOCK_THREAD_CPUTIME_ID) < end);
}
static void call(long ms) {
  static char bytes[1 << 17];
  const int zero = open("/dev/zero", O_RDONLY);
  const long long end = cpu_us(CLOCK_THREAD_CPUTIME_ID) + ms * 1000;
  do for (int i = 0; i < 20; ++i) if (read(zero, bytes, sizeof bytes) < 0) return;
  while (cpu_us(CLOCK_THREAD_CPUTIME_ID) < end);
  close(zero);
}

static int mostly(long long part, long long rest) { return part > 3 * rest && part > 100000; }

// The parts are sampled by ticks, of which a loaded host loses some: what one stretch does not show a later one does.
static int shows(int who, void (*spend)(long), int in_system) {
  const struct rusage before = used(who);
  spend(250);
  const struct rusage after = used(who);
  const long long user = of(after.ru_utime) - of(before.ru_utime), system = of(after.ru_stime) - of(before.ru_stime);
  return in_system ? mostly(system, user) : mostly(user, system);
}
static void split(int who, const char *name, void (*spend)(long), int in_system) {
  char what[64];
  int shown = 0;
  for (int i = 0; !shown && i < 20; ++i) shown = shows(who, spend, in_system);
  snprintf(what, sizeof what, "%s, %s", name, in_system ? "calling" : "computing");
  EFFECT(getrusage, what, shown);
}

static void *in_thread(void *unused) {
  split(RUSAGE_THREAD, "a thread", compute, 0);
  split(RUSAGE_THREAD, "a thread", call, 1);
  const struct rusage own = used(RUSAGE_THREAD);
  EFFECT(getrusage, "a thread's sum is its clock", llabs(of(own.ru_utime) + of(own.ru_stime) - cpu_us(CLOCK_THREAD_CPUTIME_ID)) < 50000);
  return NULL;
}

static void whole(void) {
  split(RUSAGE_SELF, "the process", compute, 0);
  split(RUSAGE_SELF, "the process", call, 1);
  pthread_t thread;
  pthread_create(&thread, NULL, in_thread, NULL), pthread_join(thread, NULL);
  const struct rusage self = used(RUSAGE_SELF);
  EFFECT(getrusage, "the sum is the clock", llabs(of(self.ru_utime) + of(self.ru_stime) - cpu_us(CLOCK_PROCESS_CPUTIME_ID)) < 50000);
  struct tms t;
  times(&t);
  const long tick = 1000000 / sysconf(_SC_CLK_TCK);
  EFFECT(times, "as getrusage", llabs(t.tms_utime * tick - of(self.ru_utime)) < 50000 && llabs(t.tms_stime * tick - of(self.ru_stime)) < 50000);
  int back = 0;
  struct rusage last = self;
  for (int i = 0; i < 200; ++i) {
    (i % 2 ? compute : call)(1);
    const struct rusage now = used(RUSAGE_SELF);
    back += of(now.ru_utime) < of(last.ru_utime) || of(now.ru_stime) < of(last.ru_stime);
    last = now;
  }
  EFFECT(getrusage, "neither part goes back", !back);
}

static void in_proc(void) {
  const struct rusage self = used(RUSAGE_SELF);
  long user = 0, system = 0;
  FILE *stat = fopen("/proc/self/stat", "r");
  EFFECT(read, "stat is read", fscanf(stat, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld", &user, &system));
  fclose(stat);
  const long tick = 1000000 / sysconf(_SC_CLK_TCK);
  EFFECT(read, "stat has the same times", llabs(user * tick - of(self.ru_utime)) < 50000 && llabs(system * tick - of(self.ru_stime)) < 50000);
}

static void of_children(void) {
  const struct rusage before = used(RUSAGE_CHILDREN);
  const pid_t child = fork();
  if (child == 0) {
    const pid_t grandchild = fork();
    if (grandchild == 0) compute(300), _exit(0);
    waitpid(grandchild, NULL, 0);
    call(300);
    _exit(0);
  }
  struct rusage own;
  int status;
  EFFECT(wait4, "the child", wait4(child, &status, 0, &own) == child && status == 0);
  const struct rusage after = used(RUSAGE_CHILDREN);
  const long long user = of(after.ru_utime) - of(before.ru_utime), system = of(after.ru_stime) - of(before.ru_stime);
  EFFECT(wait4, "its usage is what is added", of(own.ru_utime) == user && of(own.ru_stime) == system);
  EFFECT(getrusage, "children, both parts", user > 60000 && system > 60000);
  struct tms t;
  times(&t);
  EFFECT(times, "children", t.tms_cutime > 0 && t.tms_cstime > 0);
}

static volatile int alarms;
static void on_alarm(int number) { ++alarms; }
static void timers(void) {
  signal(SIGVTALRM, on_alarm), signal(SIGPROF, on_alarm);
  struct itimerval v = {{0, 0}, {0, 300000}}, left;
  setitimer(ITIMER_VIRTUAL, &v, NULL);
  call(500);
  getitimer(ITIMER_VIRTUAL, &left);
  EFFECT(setitimer, "virtual: the system's time does not count", alarms == 0 && of(left.it_value) > 0);
  while (alarms == 0) compute(1);
  EFFECT(setitimer, "virtual: the program's does", alarms);
  alarms = 0;
  setitimer(ITIMER_PROF, &v, NULL);
  while (alarms == 0) call(1);
  EFFECT(setitimer, "profiling: the system's time counts", alarms);
}

static void switches(void) {
  const struct rusage before = used(RUSAGE_THREAD);
  for (int i = 0; i < 5; ++i) usleep(1000);
  const struct rusage after = used(RUSAGE_THREAD);
  EFFECT(getrusage, "waits are counted", after.ru_nvcsw - before.ru_nvcsw >= 5);
}

int main(void) {
  begin();
  whole();
  in_proc();
  of_children();
  timers();
  switches();
  return finish();
}
