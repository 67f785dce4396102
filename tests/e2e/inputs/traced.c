// SPDX-License-Identifier: MIT
// What a tracer may be interested in, in an order that never changes: threads and children are waited for.
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int ends[2];
static void *thread(void *unused) {
  write(1, "thread\n", 7);
  getppid();
  return NULL;
}
static void handler(int signal) { write(1, "handler\n", 8); }

int main(void) {
  int status;
  char text[16];
  sigset_t children;   // that one has ended is no news while it is waited for
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  write(1, "begin\n", 6);
  pipe(ends);
  write(ends[1], "abc", 3);
  read(ends[0], text, sizeof text);
  fcntl(ends[0], F_GETFD);
  close(77);
  getppid(), getuid(), getegid();
  open("/nowhere/at/all", O_RDONLY | O_CLOEXEC);
  struct iovec parts[] = {{"a", 1}, {"b\n", 2}};
  writev(1, parts, 2);
  nanosleep(&(struct timespec){0, 1000}, NULL);
  signal(SIGUSR1, handler);
  raise(SIGUSR1);
  kill(getpid(), SIGUSR1);
  if (fork() == 0) {
    write(1, "child\n", 6);
    if (fork() == 0) _exit(5);
    wait(&status);
    _exit(WEXITSTATUS(status) + 1);
  }
  wait(&status);
  if (vfork() == 0) _exit(4);
  wait(&status);
  if (fork() == 0) kill(getpid(), SIGTERM);
  wait(&status);
  pthread_t one;
  pthread_create(&one, NULL, thread, NULL);
  pthread_join(one, NULL);
  mkdir("made", 0755);
  rmdir("made");
  signal(SIGUSR1, SIG_DFL);
  raise(SIGUSR1);
}
