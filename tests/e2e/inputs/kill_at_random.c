// SPDX-License-Identifier: MIT
// A busy family of processes of which one is killed every 50 ms and replaced. Two that nobody kills must come to the right sum, and
// afterwards there must be as much free memory, as many descriptors and as few processes as before. Argument: how many are killed.
// The times are absolute: a killer who got the processor late makes up for it, so that on a loaded machine N kills last N * 50 ms too.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { kinds = 8, workers = 8 };
static struct { pthread_mutex_t mutex; unsigned long rounds[kinds], sum; volatile int ended; } *shared;
static void check(int ok, const char *what) {
  if (!ok) printf("%s: %s\n", what, strerror(errno)), exit(1);
}

static void memory(int turn) {
  char *p = mmap(NULL, 64 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  check(p != MAP_FAILED, "mmap");
  for (int i = 0; i < 64; ++i) p[i * 4096] = turn;
  p = mremap(p, 64 * 4096, 96 * 4096, MREMAP_MAYMOVE);
  check(p != MAP_FAILED && p[63 * 4096] == (char)turn, "mremap");
  mprotect(p + 8 * 4096, 4096, PROT_READ), madvise(p, 8 * 4096, MADV_DONTNEED);
  check(p[0] == 0 && munmap(p, 96 * 4096) == 0, "munmap");
}
static void pipes(int turn) {
  char bytes[5000];
  int ends[2];
  check(pipe(ends) == 0, "pipe");
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]), memset(bytes, turn, sizeof bytes);
    for (int i = 0; i < 20; ++i) if (write(ends[1], bytes, sizeof bytes) < 0) _exit(1);
    _exit(0);
  }
  close(ends[1]);
  while (read(ends[0], bytes, sizeof bytes) > 0) {}
  close(ends[0]), waitpid(child, NULL, 0);
}
static void files(int turn) {
  char name[40];
  sprintf(name, "/tmp/kill-%d", turn % 4);
  int fd = open(name, O_RDWR | O_CREAT, 0600);
  check(fd >= 0, "open");
  flock(fd, LOCK_EX), pwrite(fd, name, sizeof name, turn % 100 * 4096), ftruncate(fd, 0), close(fd);
}
static void locks(int turn) {   // robust: who is killed with it leaves it to the next
  int got = pthread_mutex_lock(&shared->mutex);
  if (got == EOWNERDEAD) pthread_mutex_consistent(&shared->mutex);
  shared->sum += turn;
  pthread_mutex_unlock(&shared->mutex);
}
static void programs(int turn) {
  pid_t child = vfork();
  if (child == 0) execl("/proc/self/exe", "x", "-", NULL), _exit(9);
  int status;
  waitpid(child, &status, 0), check(WEXITSTATUS(status) == 7, "exec");
}
static void *thread(void *p) { return p; }
static void threads(int turn) {
  pthread_t t[3];
  for (int i = 0; i < 3; ++i) check(pthread_create(&t[i], NULL, thread, NULL) == 0, "pthread_create");
  for (int i = 0; i < 3; ++i) pthread_join(t[i], NULL);
}
static void sockets(int turn) {
  int pair[2], set = epoll_create1(0), event = eventfd(0, 0);
  check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
  struct epoll_event e = {EPOLLIN};
  epoll_ctl(set, EPOLL_CTL_ADD, pair[1], &e), epoll_ctl(set, EPOLL_CTL_ADD, event, &e);
  char control[CMSG_SPACE(sizeof(int))];
  struct iovec piece = {"x", 1};
  struct msghdr m = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  *CMSG_FIRSTHDR(&m) = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
  memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), &event, sizeof event);
  sendmsg(pair[0], &m, 0), epoll_wait(set, &e, 1, -1);
  close(pair[0]), close(pair[1]), close(set), close(event);
}
static void shares(int turn) {
  int fd = memfd_create("m", 0);
  ftruncate(fd, 16 * 4096);
  char *p = mmap(NULL, 16 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  check(p != MAP_FAILED, "mmap of a memfd");
  pid_t child = fork();
  if (child == 0) memset(p, turn, 16 * 4096), _exit(0);
  waitpid(child, NULL, 0), munmap(p, 16 * 4096), close(fd);
}
static void (*const work[kinds])(int) = {memory, pipes, files, locks, programs, threads, sockets, shares};

static pid_t start(int kind) {
  pid_t worker = fork();
  check(worker >= 0, "fork");
  if (worker != 0) return worker;
  setpgid(0, 0);   // its children die with it
  for (int turn = 0;; ++turn) work[kind](turn), ++shared->rounds[kind];
}

// The two that live: one feeds the other, who sums up.
static void survivors(int result) {
  if (fork() != 0) return;
  int ends[2];
  pipe(ends);
  if (fork() == 0) {
    close(ends[0]);
    for (unsigned i = 0; !shared->ended || i <= 20; ++i) write(ends[1], &i, sizeof i), usleep(1000);
    _exit(0);
  }
  close(ends[1]);
  unsigned long wanted = 0, i, all = 0;
  unsigned got;
  for (i = 0; read(ends[0], &got, sizeof got) == sizeof got; ++i) wanted += i, all += got;
  int right = i > 20 && wanted == all;
  wait(NULL), write(result, &right, sizeof right), _exit(0);
}

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

static void phase(int rounds) {
  pid_t alive[workers];
  int result[2], right = 0;
  pipe(result);
  shared->ended = 0;
  survivors(result[1]);
  for (int i = 0; i < workers; ++i) alive[i] = start(i % kinds);
  struct timespec due;
  clock_gettime(CLOCK_MONOTONIC, &due);
  for (int i = 0; i < rounds; ++i) {
    if ((due.tv_nsec += 50000000) >= 1000000000) due.tv_nsec -= 1000000000, ++due.tv_sec;
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
    int victim = rand() % workers;
    kill(-alive[victim], SIGKILL), kill(alive[victim], SIGKILL);
    alive[victim] = start(rand() % kinds);
    while (waitpid(-1, NULL, WNOHANG) > 0) {}   // also orphans: this is the first process
  }
  for (int i = 0; i < workers; ++i) kill(-alive[i], SIGKILL), kill(alive[i], SIGKILL), waitpid(alive[i], NULL, 0);
  shared->ended = 1;
  check(read(result[0], &right, sizeof right) == sizeof right && right, "the survivors' sum");
  while (waitpid(-1, NULL, 0) > 0) {}
  for (int i = 0; i < 4; ++i) {
    char name[40];
    sprintf(name, "/tmp/kill-%d", i);
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    check(flock(fd, LOCK_EX | LOCK_NB) == 0, "a lock of the killed"), close(fd), unlink(name);
  }
  int got = pthread_mutex_lock(&shared->mutex);
  check(got == 0 || got == EOWNERDEAD, "the mutex");
  if (got == EOWNERDEAD) pthread_mutex_consistent(&shared->mutex);
  pthread_mutex_unlock(&shared->mutex), close(result[0]), close(result[1]);
}

int main(int argc, char **argv) {
  if (argv[1][0] == '-') return 7;
  setvbuf(stdout, NULL, _IONBF, 0);
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t a;
  pthread_mutexattr_init(&a), pthread_mutexattr_setpshared(&a, 1), pthread_mutexattr_setrobust(&a, 1);
  pthread_mutex_init(&shared->mutex, &a);
  srand(42);
  phase(20);   // caches are as full as they get
  long before = free_kib();
  int files_before = entries("/proc/self/fd", 0), processes_before = entries("/proc", 1);
  phase(atoi(argv[1]));
  printf("descriptors %d, processes %d\n", entries("/proc/self/fd", 0) - files_before, entries("/proc", 1) - processes_before);
  // In a short run on a loaded machine each may be killed before its first round.
  for (int i = 0; i < kinds && atoi(argv[1]) >= 1000; ++i) if (shared->rounds[i] == 0) printf("worker %d never came round\n", i);
  long lost = before - free_kib();
  printf("memory %s\n", lost < 2048 ? "is there" : "was lost");
  fprintf(stderr, "%ld KiB less, rounds", lost);
  for (int i = 0; i < kinds; ++i) fprintf(stderr, " %lu", shared->rounds[i]);
  fprintf(stderr, "\n");
  return 0;
}
