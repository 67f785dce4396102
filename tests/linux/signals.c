// SPDX-License-Identifier: MIT
// Signals: actions and their flags, masks, queues, waiting for them.
#include "case.h"
#include <sys/ucontext.h>

static volatile int count, last, order, depth, deepest, value_of, code_of;
static volatile long address_of;
static void counting(int signal) { ++count, last = signal, order = order * 100 + signal; }
static void with_info(int signal, siginfo_t *info, void *context) {
  ++count, value_of = info->si_value.sival_int, code_of = info->si_code, last = signal, address_of = (long)info->si_addr;
  order = order * 100 + info->si_value.sival_int;
}
static void nesting(int signal) {
  if (++depth > deepest) deepest = depth;
  if (++count < 3) raise(signal);
  --depth;
}
static struct sigaction act(void *handler, int flags) {
  struct sigaction a = {.sa_flags = flags};
  if (flags & SA_SIGINFO) a.sa_sigaction = handler;
  else a.sa_handler = handler;
  return a;
}
static void on(int signal, void *handler, int flags) {
  struct sigaction a = act(handler, flags);
  sigaction(signal, &a, NULL);
}
static sigset_t set_of(int a, int b) {
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, a);
  if (b != 0) sigaddset(&set, b);
  return set;
}

static char alternate[65536];
static volatile int there;
static void where(int signal) { char here; there = &here > alternate && &here < alternate + sizeof alternate; }
static void over(int signal, siginfo_t *info, void *c) {
  ucontext_t *context = c;
  code_of = info->si_code, address_of = (long)info->si_addr, last = signal;
  context->uc_mcontext.gregs[REG_RIP] += 2;
}
static void changed(int signal, siginfo_t *info, void *c) { ((ucontext_t *)c)->uc_mcontext.gregs[REG_RAX] = 4711; }

static void actions(void) {
  struct { void *handler; long flags; void *restorer; long mask; } k = {SIG_IGN, 0, NULL, 0}, old;
  CASE(rt_sigaction, "ask", SIGUSR1, NULL, &old, 8);
  CASE(rt_sigaction, "ignore", SIGUSR1, &k, NULL, 8);
  CASE(rt_sigaction, "SIGKILL", SIGKILL, &k, NULL, 8);
  CASE(rt_sigaction, "ask about SIGKILL", SIGKILL, NULL, &old, 8);
  CASE(rt_sigaction, "0", 0, NULL, &old, 8);
  CASE(rt_sigaction, "65", 65, NULL, &old, 8);
  CASE(rt_sigaction, "bad size", SIGUSR1, NULL, &old, 4);
  CASE(rt_sigaction, "bad pointer", SIGUSR1, BAD, NULL, 8);
  CASE(kill, "ignored", getpid(), SIGUSR1);
  on(SIGUSR1, counting, 0);
  CASE(kill, "handled", getpid(), SIGUSR1);
  EFFECT(kill, "handler ran", count);
  CASE(kill, "0 asks", getpid(), 0);
  CASE(kill, "nobody", 999999, SIGTERM);
  CASE(kill, "unknown signal", getpid(), 65);
  CASE(kill, "group that is not there", -999999, SIGTERM);
  count = 0;
  on(SIGUSR2, nesting, 0);
  raise(SIGUSR2);
  EFFECT(rt_sigaction, "without SA_NODEFER", deepest);
  deepest = count = 0;
  on(SIGUSR2, nesting, SA_NODEFER);
  raise(SIGUSR2);
  EFFECT(rt_sigaction, "with SA_NODEFER", deepest);
  on(SIGUSR2, counting, SA_RESETHAND);
  raise(SIGUSR2);
  struct sigaction now;
  sigaction(SIGUSR2, NULL, &now);
  EFFECT(rt_sigaction, "SA_RESETHAND", now.sa_handler == SIG_DFL);
  struct sigaction a = act(counting, 0);
  sigaddset(&a.sa_mask, SIGUSR2);
  order = 0;
  sigaction(SIGUSR1, &a, NULL);
  on(SIGUSR2, counting, 0);
  raise(SIGUSR1);
  EFFECT(rt_sigaction, "order", order);
  stack_t st = {.ss_sp = alternate, .ss_size = sizeof alternate}, before;
  CASE(sigaltstack, "set", &st, &before);
  EFFECT(sigaltstack, "flags before", before.ss_flags);
  CASE(sigaltstack, "too small", &((stack_t){.ss_sp = alternate, .ss_size = 100}), NULL);
  CASE(sigaltstack, "unknown flag", &((stack_t){.ss_sp = alternate, .ss_size = 65536, .ss_flags = 77}), NULL);
  on(SIGUSR2, where, SA_ONSTACK);
  raise(SIGUSR2);
  EFFECT(sigaltstack, "SA_ONSTACK", there);
  on(SIGUSR2, where, 0);
  raise(SIGUSR2);
  EFFECT(sigaltstack, "without SA_ONSTACK", there);
  CASE(sigaltstack, "off", &((stack_t){.ss_flags = SS_DISABLE}), NULL);
}

static void masks(void) {
  sigset_t one = set_of(SIGUSR1, 0), got;
  on(SIGUSR1, counting, 0);
  CASE(rt_sigprocmask, "block", SIG_BLOCK, &one, NULL, 8);
  CASE(rt_sigprocmask, "unknown way", 9, &one, NULL, 8);
  CASE(rt_sigprocmask, "bad size", SIG_BLOCK, &one, NULL, 4);
  sigset_t kill_set = set_of(SIGKILL, SIGSTOP);
  CASE(rt_sigprocmask, "SIGKILL", SIG_BLOCK, &kill_set, NULL, 8);
  sigprocmask(SIG_BLOCK, NULL, &got);
  EFFECT(rt_sigprocmask, "is not blocked", sigismember(&got, SIGKILL));
  count = 0;
  raise(SIGUSR1), raise(SIGUSR1);
  EFFECT(rt_sigprocmask, "blocked", count);
  CASE(rt_sigpending, "ask", &got, 8);
  EFFECT(rt_sigpending, "pending", sigismember(&got, SIGUSR1));
  CASE(rt_sigprocmask, "unblock", SIG_UNBLOCK, &one, NULL, 8);
  EFFECT(rt_sigprocmask, "a standard signal is pending once", count);
  sigset_t rt = set_of(SIGRTMIN, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &rt, NULL);
  on(SIGRTMIN, with_info, SA_SIGINFO), on(SIGRTMIN + 1, with_info, SA_SIGINFO);
  order = 0;
  sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 3});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 1});
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 2});
  count = 0;
  sigprocmask(SIG_UNBLOCK, &rt, NULL);
  EFFECT(rt_sigqueueinfo, "each is delivered", count);
  EFFECT(rt_sigqueueinfo, "frames stack: the lowest number runs last", order);
  EFFECT(rt_sigqueueinfo, "code", code_of);
  siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};
  CASE(rt_sigqueueinfo, "own process", getpid(), SIGUSR1, &info);
  CASE(rt_sigqueueinfo, "nobody", 999999, SIGUSR1, &info);
  CASE(rt_sigqueueinfo, "bad pointer", getpid(), SIGUSR1, BAD);
  CASE(rt_tgsigqueueinfo, "own thread", getpid(), gettid(), SIGUSR1, &info);
  info.si_code = SI_USER;
  CASE(rt_sigqueueinfo, "as if by kill, to another", getppid(), 0, &info);
  CASE(tgkill, "own thread", getpid(), gettid(), SIGUSR1);
  int r;
  IN_CHILD(r, CASE(tgkill, "another process's thread", getpid(), getppid(), 0));
  CASE(tgkill, "negative", -1, gettid(), 0);
  CASE(tkill, "own thread", gettid(), 0);
  CASE(tkill, "nobody", 999999, 0);
}

// SIGALRM in a moment, and again and again: on a loaded machine the first may come before the call that it is meant for.
static void soon(void) { ualarm(100000, 100000); }

static void waiting(void) {
  sigset_t set = set_of(SIGUSR1, SIGRTMIN), none;
  sigemptyset(&none);
  siginfo_t info = {0};
  struct timespec moment = {0, 2000000}, zero = {0, 0};
  sigprocmask(SIG_BLOCK, &set, NULL);
  CASE(rt_sigtimedwait, "none in time", &set, &info, &moment, 8);
  CASE(rt_sigtimedwait, "none now", &set, &info, &zero, 8);
  CASE(rt_sigtimedwait, "bad time", &set, &info, ((struct timespec[]){{0, -1}}), 8);
  CASE(rt_sigtimedwait, "bad size", &set, &info, &zero, 4);
  raise(SIGUSR1);
  CASE(rt_sigtimedwait, "one that is pending", &set, &info, NULL, 8);
  EFFECT(rt_sigtimedwait, "code", info.si_code);
  sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 55});
  CASE(rt_sigtimedwait, "queued", &set, &info, NULL, 8);
  EFFECT(rt_sigtimedwait, "value", info.si_value.sival_int);
  pid_t me = getpid(), child = fork();
  if (child == 0) {
    sleep_ms(5);
    kill(me, SIGUSR1);
    _exit(0);
  }
  CASE(rt_sigtimedwait, "one that comes", &set, &info, NULL, 8);
  EFFECT(rt_sigtimedwait, "from whom", info.si_pid == child);
  reap(child);
  count = 0;
  on(SIGUSR1, counting, 0);
  raise(SIGUSR1);
  CASE(rt_sigsuspend, "with one pending", &none, 8);
  EFFECT(rt_sigsuspend, "handler ran", count);
  sigset_t after;
  sigprocmask(SIG_BLOCK, NULL, &after);
  EFFECT(rt_sigsuspend, "mask is back", sigismember(&after, SIGUSR1));
  CASE(rt_sigsuspend, "bad size", &none, 4);
  sigprocmask(SIG_UNBLOCK, &set, NULL);
  on(SIGALRM, counting, 0);
  soon();
  CASE(pause, "until a signal");
  struct timespec left = {0, 0};
  soon();
  CASE(nanosleep, "interrupted", ((struct timespec[]){{50, 0}}), &left);
  EFFECT(nanosleep, "what is left", left.tv_sec >= 40 && left.tv_sec < 50);
  int p[2];
  char c;
  pipe(p);
  soon();
  CASE(read, "interrupted", p[0], &c, 1);
  on(SIGALRM, counting, SA_RESTART);
  child = fork();
  if (child == 0) {
    sleep_ms(300);
    write(p[1], "x", 1);
    _exit(0);
  }
  count = 0;
  soon();
  CASE(read, "restarted", p[0], &c, 1);
  EFFECT(read, "and the handler ran", count > 0);
  reap(child);
  soon();
  CASE(poll, "not restarted in spite of SA_RESTART", &((struct pollfd){p[0], POLLIN}), 1, 10000);
  CASE(restart_syscall, "nothing to restart");
  ualarm(0, 0);
  alarm(100);
}

static void faults(void) {
  int r;
  on(SIGFPE, with_info, SA_SIGINFO);
  on(SIGILL, over, SA_SIGINFO);
  __asm__ volatile("ud2");
  EFFECT(rt_sigreturn, "past an illegal instruction", last * 100 + code_of);
  long rax;
  on(SIGTRAP, changed, SA_SIGINFO);
  __asm__ volatile("int3" : "=a"(rax));
  EFFECT(rt_sigreturn, "a register that the handler changed", rax);
  struct { int signal; const char *what; } const defaults[] = {
      {SIGHUP, "SIGHUP"}, {SIGINT, "SIGINT"}, {SIGPIPE, "SIGPIPE"}, {SIGALRM, "SIGALRM"}, {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"},
      {SIGCHLD, "SIGCHLD"}, {SIGURG, "SIGURG"}, {SIGWINCH, "SIGWINCH"}, {SIGCONT, "SIGCONT"}, {SIGIO, "SIGIO"}, {SIGPROF, "SIGPROF"},
      {SIGXCPU, "SIGXCPU"}, {SIGSYS, "SIGSYS"}, {SIGRTMIN + 3, "SIGRTMIN+3"}};
  for (unsigned i = 0; i < sizeof defaults / sizeof *defaults; ++i) {
    IN_CHILD(r, signal(defaults[i].signal, SIG_DFL); raise(defaults[i].signal));
    effect("kill by default", defaults[i].what, r);
  }
  IN_CHILD(r, {
    sigset_t set = set_of(SIGSEGV, 0);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *(volatile char *)16 = 1;
  });
  EFFECT(rt_sigprocmask, "a blocked fault", r);
  IN_CHILD(r, signal(SIGFPE, SIG_IGN); volatile int zero = 0; zero = 1 / zero);
  EFFECT(rt_sigaction, "an ignored fault", r);
}

int main(void) {
  begin();
  actions();
  masks();
  waiting();
  faults();
  return finish();
}
