// SPDX-License-Identifier: MIT
// Processes are killed at one point after the other of what they do: each kind of work is begun anew for every step, and killed a little
// later than the time before, wherever it is, in the program or in a call that waits. With counted instructions (run --icount) the
// points are the same each time. What the dead shared with others must work, and all that they had must be there again. Argument: steps.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct { pthread_mutex_t robust; volatile unsigned word; volatile long rounds; } *shared;
static int semaphore;
static void fail(const char *what) { printf("%s: %s\n", what, strerror(errno)), exit(1); }
#define CHECK(ok, what) ((ok) ? (void)0 : fail(what))

// --- what is killed: each for ever -------------------------------------------------------------------------------------------
static void forks(void) { if (fork() == 0) _exit(0); wait(NULL); }
static void execs(void) {
  pid_t child = vfork();
  if (child == 0) execl("/proc/self/exe", "x", "-", NULL), _exit(9);
  waitpid(child, NULL, 0);
}
static void pipes(void) {   // both ends wait in turn, the writer in the middle of a write
  static char bytes[100000];
  int ends[2];
  CHECK(pipe(ends) == 0, "pipe");
  if (fork() == 0) { close(ends[0]); for (;;) if (write(ends[1], bytes, sizeof bytes) < 0) _exit(1); }
  close(ends[1]);
  for (int i = 0; i < 20; ++i) read(ends[0], bytes, 3001);
  close(ends[0]), wait(NULL);
}
static void renames(void) {
  int fd = open("new", O_WRONLY | O_CREAT | O_TRUNC, 0600);
  write(fd, "whole", 5), close(fd);
  rename("new", "name"), link("name", "other"), unlink("other");
  mkdir("folder", 0700), rename("folder", "moved"), rmdir("moved");
}
static void maps(void) {
  char *p = mmap(NULL, 40 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(p != MAP_FAILED, "mmap");
  for (int i = 0; i < 40; i += 3) p[i * 4096] = i;
  p = mremap(p, 40 * 4096, 80 * 4096, MREMAP_MAYMOVE), mprotect(p + 4096, 4096 * 5, PROT_READ), munmap(p + 8 * 4096, 4096), munmap(p, 80 * 4096);
  int fd = memfd_create("m", 0);
  ftruncate(fd, 10 * 4096), p = mmap(NULL, 10 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  memset(p, 1, 10 * 4096), ftruncate(fd, 4096), munmap(p, 10 * 4096), close(fd);
}
static void *sleeper(void *p) { for (;;) syscall(SYS_futex, p, FUTEX_WAIT, *(unsigned *)p, NULL, NULL, 0); }
static void threads(void) {
  pthread_t t[3];
  for (int i = 0; i < 3; ++i) pthread_create(&t[i], NULL, sleeper, (void *)&shared->word);
  for (int i = 0; i < 10; ++i) ++shared->word, syscall(SYS_futex, &shared->word, FUTEX_WAKE, 100, NULL, NULL, 0), sched_yield();
  for (int i = 0; i < 3; ++i) pthread_cancel(t[i]);
  pause();
}
static void take_robust(void) {
  if (pthread_mutex_lock(&shared->robust) == EOWNERDEAD) pthread_mutex_consistent(&shared->robust);
  ++shared->rounds, sched_yield(), pthread_mutex_unlock(&shared->robust);
}
static void locks(void) {
  int fd = open("lock", O_RDWR | O_CREAT, 0600);
  struct flock range = {F_WRLCK, SEEK_SET, 10, 10};
  if (fork() == 0) { flock(open("lock", O_RDWR), LOCK_EX), _exit(0); }
  flock(fd, LOCK_EX), fcntl(fd, F_SETLKW, &range), take_robust(), sched_yield(), flock(fd, LOCK_UN), close(fd), wait(NULL);
}
static void sockets(void) {
  int pair[2], set = epoll_create1(0), event = eventfd(0, 0), timer = timerfd_create(CLOCK_MONOTONIC, 0);
  CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
  struct itimerspec soon = {{0, 20000}, {0, 20000}};
  struct epoll_event e = {EPOLLIN};
  timerfd_settime(timer, 0, &soon, NULL);
  epoll_ctl(set, EPOLL_CTL_ADD, pair[1], &e), epoll_ctl(set, EPOLL_CTL_ADD, event, &e), epoll_ctl(set, EPOLL_CTL_ADD, timer, &e);
  char control[CMSG_SPACE(2 * sizeof(int))];
  struct iovec piece = {"x", 1};
  struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), (int[]){event, set}, 2 * sizeof(int));   // nobody takes them
  sendmsg(pair[0], &m, 0), epoll_wait(set, &e, 1, -1), epoll_wait(set, &e, 1, -1), poll(&(struct pollfd){timer, POLLIN}, 1, 1);
  close(pair[0]), close(pair[1]), close(set), close(event), close(timer);
}
static void semaphores(void) {   // undone at the end
  struct sembuf down = {0, -1, SEM_UNDO}, up = {0, 1, SEM_UNDO};
  if (fork() == 0) { semop(semaphore, &down, 1), sched_yield(), semop(semaphore, &up, 1), _exit(0); }
  semop(semaphore, &down, 1), sched_yield(), semop(semaphore, &up, 1), wait(NULL);
}
static void handler(int s) {}
static void signals(void) {
  signal(SIGUSR1, handler);
  sigset_t set;
  sigemptyset(&set), sigaddset(&set, SIGUSR2), sigprocmask(SIG_BLOCK, &set, NULL);
  const pid_t me = getpid(), child = fork();
  if (child == 0) { for (; getppid() == me; usleep(10)) kill(me, SIGUSR1), sigqueue(me, SIGUSR2, (union sigval){1}); _exit(0); }
  siginfo_t info;
  for (int i = 0; i < 10; ++i) sigwaitinfo(&set, &info), kill(child, SIGSTOP), kill(child, SIGCONT);
  kill(child, SIGKILL), waitpid(child, NULL, 0);
}
static void terminals(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY);
  grantpt(master), unlockpt(master);
  pid_t child = fork();
  if (child == 0) {
    setsid();
    int slave = open(ptsname(master), O_RDWR);   // its terminal
    close(master), write(slave, "hello\n", 6);
    char c; read(slave, &c, 1);
    _exit(0);
  }
  char line[20];
  read(master, line, sizeof line), close(master), waitpid(child, NULL, 0);
}
static const struct { const char *name; void (*once)(void); } kinds[] = {
    {"forks", forks}, {"execs", execs}, {"pipes", pipes}, {"renames", renames}, {"maps", maps}, {"threads", threads},
    {"locks", locks}, {"sockets", sockets}, {"semaphores", semaphores}, {"signals", signals}, {"terminals", terminals}};
enum { count = sizeof kinds / sizeof *kinds };

// --- what must be as before ------------------------------------------------------------------------------------------------
static long free_kib(void) {
  char line[100];
  long kib = -1;
  FILE *f = fopen("/proc/meminfo", "r");
  while (fgets(line, sizeof line, f)) sscanf(line, "MemFree: %ld", &kib);
  fclose(f);
  return kib;
}
static int entries(const char *folder, int numbers) {
  DIR *d = opendir(folder);
  int n = 0;
  for (struct dirent *e; (e = readdir(d)) != NULL;) n += !numbers || (e->d_name[0] >= '0' && e->d_name[0] <= '9');
  closedir(d);
  return n;
}
static void look_at_what_was_shared(void) {
  char bytes[8] = "";
  struct stat s;
  int fd = open("lock", O_RDWR | O_CREAT, 0600);
  struct flock range = {F_WRLCK, SEEK_SET, 0, 0};
  CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0, "a lock of the dead"), CHECK(fcntl(fd, F_SETLK, &range) == 0, "a range of the dead"), close(fd);
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now), now.tv_sec += 20;
  int got = pthread_mutex_timedlock(&shared->robust, &now);
  if (got == EOWNERDEAD) pthread_mutex_consistent(&shared->robust);
  CHECK(got == 0 || got == EOWNERDEAD, "the mutex of the dead"), pthread_mutex_unlock(&shared->robust);
  CHECK(semctl(semaphore, 0, GETVAL) == 1, "the semaphore");
  if (stat("name", &s) == 0) {
    fd = open("name", O_RDONLY);
    CHECK(read(fd, bytes, 8) == 5 && strcmp(bytes, "whole") == 0, "what was renamed"), close(fd);
  }
  const char *const names[] = {"new", "other", "name"};
  for (int i = 0; i < 3; ++i) unlink(names[i]);
  rmdir("folder"), rmdir("moved");
}

static void kill_at(int kind, long after_ns) {
  pid_t victim = fork();
  CHECK(victim >= 0, "fork");
  if (victim == 0) { setpgid(0, 0); for (;;) kinds[kind].once(); }
  nanosleep(&(struct timespec){0, after_ns}, NULL);
  kill(victim, SIGKILL);   // alone: what becomes of those that it worked with is part of it
  waitpid(victim, NULL, 0);
  kill(-victim, SIGKILL);
  while (waitpid(-1, NULL, 0) > 0) {}   // orphans too: this is the first process
}
static void sweep(int steps) {
  for (int kind = 0; kind < count; ++kind) {
    for (int i = 0; i < steps; ++i) kill_at(kind, 60000 + i * 7013L), look_at_what_was_shared();
    fprintf(stderr, "%s: %ld KiB free\n", kinds[kind].name, free_kib());
  }
}

int main(int argc, char **argv) {
  if (argv[1][0] == '-') return 7;
  setvbuf(stdout, NULL, _IONBF, 0);
  mkdir("/tmp/sweep", 0700), CHECK(chdir("/tmp/sweep") == 0, "chdir");
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, 1), pthread_mutexattr_setrobust(&a, 1);
  pthread_mutex_init(&shared->robust, &a);
  semaphore = semget(IPC_PRIVATE, 1, 0600), semctl(semaphore, 0, SETVAL, 1);
  sweep(5);   // caches are as full as they get
  const long before = free_kib();
  const int files = entries("/proc/self/fd", 0), processes = entries("/proc", 1);
  sweep(atoi(argv[1]));
  const long lost = before - free_kib();
  printf("descriptors %d, processes %d, files %d, memory %s\n", entries("/proc/self/fd", 0) - files, entries("/proc", 1) - processes,
         entries(".", 0) - 3, lost <= 64 ? "is there" : "was lost");
  fprintf(stderr, "%ld KiB less\n", lost);
  return 0;
}
