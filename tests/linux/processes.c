// SPDX-License-Identifier: MIT
// Processes: how they begin, end and are waited for, groups and sessions, limits and what they use.
#include "case.h"
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>

static int program(int argc, char **argv) {   // what exec runs: ./this as COMMAND ...
  if (strcmp(argv[1], "exit") == 0) return atoi(argv[2]);
  if (strcmp(argv[1], "fd") == 0) return fcntl(atoi(argv[2]), F_GETFD) == -1;
  if (strcmp(argv[1], "signals") == 0) {
    struct sigaction a, b;
    sigaction(SIGUSR1, NULL, &a), sigaction(SIGUSR2, NULL, &b);
    sigset_t mask;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    return (a.sa_handler == SIG_DFL) * 4 + (b.sa_handler == SIG_IGN) * 2 + sigismember(&mask, SIGHUP);
  }
  if (strcmp(argv[1], "environment") == 0) return getenv("COLOUR") != NULL ? strlen(getenv("COLOUR")) : 99;
  return 98;
}
static void nothing(int signal) {}

static void beginning(void) {
  int r, in_memory = 5, status;
  pid_t child = CASE_OK(fork, "child") ?: (in_memory = 6, _exit(3), 0);
  EFFECT(fork, "how it ended", reap(child));
  EFFECT(fork, "memory is its own", in_memory);
  child = vfork();
  if (child == 0) _exit(4);
  EFFECT(vfork, "how it ended", reap(child));
  child = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, 0);
  if (child == 0) _exit(5);
  EFFECT(clone, "as fork", reap(child));
  CASE(clone, "CLONE_THREAD without CLONE_SIGHAND", CLONE_THREAD | CLONE_VM, NULL, NULL, NULL, 0);
  CASE(clone, "CLONE_SIGHAND without CLONE_VM", CLONE_SIGHAND, NULL, NULL, NULL, 0);
  struct clone_args args = {.exit_signal = SIGCHLD};
  child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(6);
  EFFECT(clone3, "as fork", reap(child));
  CASE(clone3, "too small", &args, 8);
  CASE(clone3, "stack without size", &((struct clone_args){.stack = 4096}), sizeof args);
  int fd = -1;
  args = (struct clone_args){.flags = CLONE_PIDFD, .exit_signal = SIGCHLD, .pidfd = (long)&fd};
  child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(7);
  siginfo_t info;
  EFFECT(clone3, "CLONE_PIDFD gives a descriptor", fcntl(fd, F_GETFD));
  CASE(waitid, "P_PIDFD", 3, fd, &info, WEXITED, NULL);
  EFFECT(waitid, "status", info.si_status);
  args = (struct clone_args){.exit_signal = 0};
  child = syscall(SYS_clone3, &args, sizeof args);
  if (child == 0) _exit(0);
  CASE(wait4, "without exit signal, plain", child, &status, 0, NULL);
  CASE_OK(wait4, "without exit signal, __WALL", child, &status, 0x40000000, NULL);
  CASE_OK(getpid, "own");
  EFFECT(getppid, "of a child", ({ pid_t me = getpid(); IN_CHILD(r, _exit(getppid() == me)); r; }));
  EFFECT(gettid, "first thread", gettid() == getpid());
}

static void executing(char *self) {
  int r, fd = open("f", O_RDWR | O_CREAT, 0600), closing = open("f", O_RDWR | O_CLOEXEC);
  char number[16];
#define RUN(what, ...) \
  IN_CHILD(r, execv(self, ((char *[]){self, __VA_ARGS__, NULL})); _exit(90)); \
  EFFECT(execve, what, r)
  RUN("exit status", "exit", "42");
  snprintf(number, 16, "%d", fd);
  RUN("descriptor stays open", "fd", number);
  snprintf(number, 16, "%d", closing);
  RUN("O_CLOEXEC does not", "fd", number);
  IN_CHILD(r, {
    signal(SIGUSR1, nothing), signal(SIGUSR2, SIG_IGN);
    sigset_t set;
    sigemptyset(&set), sigaddset(&set, SIGHUP), sigprocmask(SIG_SETMASK, &set, NULL);
    execv(self, ((char *[]){self, "signals", NULL}));
  });
  EFFECT(execve, "signals: handlers go, ignoring and masks stay", r);
  IN_CHILD(r, execve(self, ((char *[]){self, "environment", NULL}), ((char *[]){"COLOUR=green", NULL})));
  EFFECT(execve, "environment", r);
  CASE(execve, "missing", "missing", NULL, NULL);
  CASE(execve, "directory", "/", NULL, NULL);
  CASE(execve, "not executable", "f", NULL, NULL);
  chmod("f", 0755);
  close(fd), close(closing);
  CASE(execve, "empty file", "f", NULL, NULL);
  fd = open("script", O_WRONLY | O_CREAT, 0755);
  dprintf(fd, "#!%s exit\n", self);
  close(fd);
  IN_CHILD(r, execve("script", ((char *[]){"script", NULL}), NULL));
  EFFECT(execve, "#! with an argument", r);
  fd = open("badscript", O_WRONLY | O_CREAT, 0755);
  dprintf(fd, "#!/missing/interpreter\n");
  close(fd);
  CASE(execve, "#! that is missing", "badscript", NULL, NULL);
  fd = open("writing", O_WRONLY | O_CREAT, 0755);
  CASE(execve, "open for writing", "writing", NULL, NULL);
  IN_CHILD(r, syscall(SYS_execveat, open(self, O_PATH), "", ((char *[]){self, "exit", "11", NULL}), NULL, AT_EMPTY_PATH));
  EFFECT(execveat, "AT_EMPTY_PATH", r);
  CASE(execveat, "unknown flag", AT_FDCWD, self, NULL, NULL, 1);
  IN_CHILD(r, syscall(SYS_exit, 9));
  EFFECT(exit, "status", r);
  IN_CHILD(r, syscall(SYS_exit_group, 0x1234));
  EFFECT(exit_group, "low eight bits", r);
}

static void waiting(void) {
  int status = -1, r;
  siginfo_t info = {0};
  CASE(wait4, "no children", -1, &status, 0, NULL);
  CASE(wait4, "unknown flag", -1, &status, 0x100, NULL);
  pid_t child = fork();
  if (child == 0) for (;;) pause();
  CASE(wait4, "WNOHANG", child, &status, WNOHANG, NULL);
  CASE(wait4, "somebody else", 999999, &status, WNOHANG, NULL);
  CASE(wait4, "own group", 0, &status, WNOHANG, NULL);
  kill(child, SIGSTOP);
  CASE_OK(wait4, "WUNTRACED", child, &status, WUNTRACED, NULL);
  EFFECT(wait4, "stopped", outcome(status));
  CASE(wait4, "and only once", child, &status, WUNTRACED | WNOHANG, NULL);
  kill(child, SIGCONT);
  CASE_OK(wait4, "WCONTINUED", child, &status, WCONTINUED, NULL);
  EFFECT(wait4, "continued", outcome(status));
  kill(child, SIGTERM);
  CASE(waitid, "WNOWAIT", P_PID, child, &info, WEXITED | WNOWAIT, NULL);
  EFFECT(waitid, "code and status", info.si_code * 100 + info.si_status);
  CASE(waitid, "again", P_ALL, 0, &info, WEXITED, NULL);
  CASE(waitid, "none left", P_ALL, 0, &info, WEXITED, NULL);
  CASE(waitid, "nothing wanted", P_ALL, 0, &info, WNOHANG, NULL);
  CASE(waitid, "unknown kind", 9, 0, &info, WEXITED, NULL);
  IN_CHILD(r, abort());
  EFFECT(wait4, "aborted", r);
  child = fork();
  if (child == 0) _exit(1);
  CASE(waitid, "P_PGID 0", P_PGID, 0, &info, WEXITED, NULL);
  signal(SIGCHLD, SIG_IGN);
  child = fork();
  if (child == 0) _exit(1);
  CASE(wait4, "SIGCHLD ignored", child, &status, 0, NULL);
  signal(SIGCHLD, SIG_DFL);
  child = fork();
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) pause();
  }
  int fd = CASE_OK(pidfd_open, "child", child, 0);
  CASE(pidfd_open, "nobody", 999999, 0);
  CASE(pidfd_open, "unknown flag", child, 1);
  CASE(pidfd_open, "negative", -1, 0);
  struct pollfd f = {fd, POLLIN};
  CASE(poll, "living child's pidfd", &f, 1, 0);
  CASE(pidfd_send_signal, "unknown flag", fd, SIGTERM, NULL, 32);
  char path[64];
  snprintf(path, sizeof path, "/proc/%d", child);
  int directory = open(path, O_RDONLY | O_DIRECTORY);
  snprintf(path, sizeof path, "/proc/%d/task/%d", child, child);
  CASE(pidfd_send_signal, "/proc/PID", directory, 0, NULL, 0);
  CASE(pidfd_send_signal, "/proc/PID/task/PID", open(path, O_RDONLY), 0, NULL, 0);
  CASE(pidfd_send_signal, "/proc", open("/proc", O_RDONLY), 0, NULL, 0);
  CASE(pidfd_send_signal, "/proc/self, opened as a path", open("/proc/self", O_PATH), 0, NULL, 0);
  CASE(pidfd_getfd, "of /proc/PID", directory, 0, 0);
  CASE(pidfd_send_signal, "SIGTERM", fd, SIGTERM, NULL, 0);
  CASE(poll, "dead child's pidfd", &f, 1, 5000);
  CASE(waitid, "by pidfd", 3, fd, &info, WEXITED, NULL);
  EFFECT(waitid, "killed by", info.si_status);
  CASE(pidfd_send_signal, "it is gone", fd, 0, NULL, 0);
  CASE(pidfd_send_signal, "/proc/PID, it is gone", directory, 0, NULL, 0);
  CASE(pidfd_getfd, "own descriptor", syscall(SYS_pidfd_open, getpid(), 0), 0, 0) > 0;
}

static void groups(void) {
  int r;
  IN_CHILD(r, {
    CASE_OK(getpgrp, "group");
    EFFECT(getpgid, "of oneself", getpgid(0) == getpgrp());
    CASE(setpgid, "own group", 0, 0);
    EFFECT(setpgid, "leader", getpgrp() == getpid());
    CASE(setpgid, "again", 0, 0);
    CASE(setpgid, "negative", 0, -1);
    CASE(setpgid, "nobody", 999999, 0);
    CASE(setpgid, "group that is not there", 0, 999998);
    CASE(setsid, "leader of a group", 0);
    CASE(getpgid, "nobody", 999999);
    CASE(getsid, "nobody", 999999);
    pid_t child = fork();
    if (child == 0) {
      CASE_OK(setsid, "new session");
      EFFECT(getsid, "of oneself", getsid(0) == getpid());
      CASE(setpgid, "session leader", 0, 0);
      _exit(0);
    }
    reap(child);
    int ready[2];
    pipe(ready);
    child = fork();
    if (child == 0) {
      execl("/proc/self/exe", "x", "exit", "0", NULL);
      _exit(1);
    }
    reap(child);
  });
}

static void limits_and_use(void) {
  struct rlimit limit, old;
  int r;
  CASE(getrlimit, "open files", RLIMIT_NOFILE, &limit);
  CASE(getrlimit, "unknown", 99, &limit);
  limit.rlim_cur = 64;
  CASE(setrlimit, "fewer open files", RLIMIT_NOFILE, &limit);
  CASE(fcntl, "F_DUPFD behind it", 0, F_DUPFD, 64);
  CASE(prlimit64, "old and new", 0, RLIMIT_NOFILE, &limit, &old);
  EFFECT(prlimit64, "old", old.rlim_cur);
  CASE(prlimit64, "nobody", 999999, RLIMIT_NOFILE, NULL, &old);
  limit.rlim_cur = limit.rlim_max + 1;
  CASE(setrlimit, "soft above hard", RLIMIT_NOFILE, &limit);
  IN_CHILD(r, {
    signal(SIGXFSZ, SIG_IGN);
    limit.rlim_cur = limit.rlim_max = 5000;
    setrlimit(RLIMIT_FSIZE, &limit);
    int fd = open("limited", O_RDWR | O_CREAT, 0600);
    char *much = calloc(1, 8000);
    CASE(write, "across RLIMIT_FSIZE", fd, much, 8000);
    CASE(write, "behind RLIMIT_FSIZE", fd, "x", 1);
    CASE(ftruncate, "behind RLIMIT_FSIZE", fd, 6000);
  });
  struct rusage use;
  CASE(getrusage, "self", RUSAGE_SELF, &use);
  CASE(getrusage, "children", RUSAGE_CHILDREN, &use);
  CASE(getrusage, "thread", 1, &use);
  CASE(getrusage, "unknown", 77, &use);
  getrusage(RUSAGE_SELF, &use);
  EFFECT(getrusage, "a resident size", use.ru_maxrss > 0);
  struct tms t;
  CASE_OK(times, "ticks", &t);
  struct utsname name;
  CASE(uname, "names", &name);
  EFFECT_TEXT(uname, "system", name.sysname);
  EFFECT_TEXT(uname, "machine", name.machine);
  CASE(uname, "bad pointer", BAD);
  struct sysinfo info;
  CASE(sysinfo, "figures", &info);
  EFFECT(sysinfo, "memory and processes", info.totalram > 0 && info.procs > 0);
  CASE(getpriority, "self", PRIO_PROCESS, 0);
  CASE(getpriority, "unknown", 9, 0);
  CASE(setpriority, "nicer", PRIO_PROCESS, 0, 5);
  CASE(getpriority, "nicer", PRIO_PROCESS, 0);
  CASE(setpriority, "nobody", PRIO_PROCESS, 999999, 5);
  CASE(ioprio_get, "self", 1, 0);
  CASE(ioprio_set, "best effort", 1, 0, 2 << 13 | 4);
  CASE(ioprio_set, "unknown class", 1, 0, 7 << 13);
  IN_CHILD(r, {
    CASE(sethostname, "longer than it may be", "x", 65);
    CASE(setdomainname, "longer than it may be", "x", 65);
  });
}

static void controls(void) {
  char name[16] = {0};
  int number = -1, r;
  CASE(prctl, "PR_SET_NAME", PR_SET_NAME, "a name that is too long");
  CASE(prctl, "PR_GET_NAME", PR_GET_NAME, name);
  EFFECT_TEXT(prctl, "name", name);
  CASE(prctl, "PR_SET_PDEATHSIG", PR_SET_PDEATHSIG, SIGUSR1);
  CASE(prctl, "PR_GET_PDEATHSIG", PR_GET_PDEATHSIG, &number);
  EFFECT(prctl, "signal", number);
  CASE(prctl, "PR_SET_PDEATHSIG out of range", PR_SET_PDEATHSIG, 99);
  prctl(PR_SET_PDEATHSIG, 0);
  CASE(prctl, "PR_GET_DUMPABLE", PR_GET_DUMPABLE);
  CASE(prctl, "PR_SET_DUMPABLE", PR_SET_DUMPABLE, 0);
  CASE(prctl, "PR_SET_DUMPABLE 7", PR_SET_DUMPABLE, 7);
  prctl(PR_SET_DUMPABLE, 1);
  CASE(prctl, "PR_GET_KEEPCAPS", PR_GET_KEEPCAPS);
  CASE(prctl, "PR_SET_CHILD_SUBREAPER", PR_SET_CHILD_SUBREAPER, 1);
  IN_CHILD(r, if (fork() == 0) { sleep_ms(20); _exit(33); });
  int status, adopted = -1;
  if (wait(&status) > 0) adopted = outcome(status);
  EFFECT(prctl, "a grandchild comes to the subreaper", adopted);
  CASE(prctl, "PR_SET_NO_NEW_PRIVS", PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  CASE(prctl, "PR_GET_NO_NEW_PRIVS", PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
  CASE(prctl, "PR_SET_NO_NEW_PRIVS 0", PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0);
  CASE(prctl, "PR_SET_TIMERSLACK", PR_SET_TIMERSLACK, 1000);
  CASE(prctl, "PR_GET_TIMERSLACK", PR_GET_TIMERSLACK);
  CASE(prctl, "unknown", 98765);
  CASE(prctl, "PR_GET_TIMING", PR_GET_TIMING);
  CASE(prctl, "PR_SET_TIMING", PR_SET_TIMING, PR_TIMING_STATISTICAL);
  CASE(prctl, "PR_SET_TIMING, by time stamps", PR_SET_TIMING, PR_TIMING_TIMESTAMP);
  CASE(prctl, "PR_GET_SECUREBITS", PR_GET_SECUREBITS);
  CASE(personality, "ask", 0xffffffff);
  CASE(arch_prctl, "unknown", 0x9999, 0);
  CASE(arch_prctl, "ARCH_GET_CPUID", 0x1011, 0);
  unsigned long fs = 0;
  CASE(arch_prctl, "ARCH_GET_FS", 0x1003, &fs);
  EFFECT(arch_prctl, "it is there", fs != 0);
  CASE(ptrace, "nobody", 16 /* ATTACH */, 999999, 0, 0);
  CASE(syslog, "unknown", 99, NULL, 0);
}

int main(int argc, char **argv) {
  if (argc > 1) return argc == 3 || argc == 2 || argc == 4 ? program(argc, argv) : 97;
  char self[256] = {0};
  readlink("/proc/self/exe", self, sizeof self - 1);
  begin();
  beginning();
  executing(self);
  waiting();
  groups();
  limits_and_use();
  controls();
  return finish();
}
