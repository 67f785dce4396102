// SPDX-License-Identifier: MIT
// What Linux starts first: runs the rows that the variable `rows` names (from the kernel's command line), each as a child
// in a folder of its own on tmpfs, tells where each begins and how it ends, and turns the machine off. Process 1 itself
// measures nothing: the kernel treats it otherwise.
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { debug_exit_port = 0xf4 };

static void mount_at(const char *type, const char *where) {
  mkdir(where, 0755);
  if (mount(type, where, type, 0, NULL) != 0) printf("init: mount %s: %s\n", where, strerror(errno));
}

static void tell_fact(const char *path) {
  char text[1024];
  FILE *file = fopen(path, "r");
  if (file == NULL) return;
  if (fgets(text, sizeof text, file) != NULL) printf("fact %s %s", path, text);
  fclose(file);
}

static pid_t running;
static void end_it(int signal) {
  (void)signal;
  kill(running, SIGKILL);
}

static void run_row(const char *name, unsigned limit_s) {
  char program[128], folder[128];
  snprintf(program, sizeof program, "/rows/%s", name);
  snprintf(folder, sizeof folder, "/tmp/%s", name);
  mkdir(folder, 0700);
  printf("begin %s\n", name);
  fflush(stdout);
  // The plugin begins a new section of its file here.
  __asm__ volatile(".byte 0x0f, 0x1f, 0x80, 0x03, 0x0b, 0xe6, 0x4a" : : : "memory");
  const pid_t child = running = fork();
  if (child == 0) {
    if (chdir(folder) == 0) execl(program, program, NULL);
    printf("wrong: %s: %s\n", program, strerror(errno));
    exit(126);
  }
  alarm(limit_s);
  int status = 0;
  while (waitpid(child, &status, 0) != child) {}
  if (alarm(0) == 0 && limit_s != 0) printf("it took too long\n");
  kill(-1, SIGKILL);  // what it left behind
  while (wait(NULL) > 0) {}
  const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  printf("end %s %d\n", name, signal != 0 ? 128 + signal : WEXITSTATUS(status));
  fflush(stdout);
}

int main(void) {
  mount_at("proc", "/proc");
  mount_at("sysfs", "/sys");
  mount_at("devtmpfs", "/dev");
  mount_at("tmpfs", "/tmp");
  tell_fact("/proc/version");
  tell_fact("/proc/cmdline");
  tell_fact("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  const char *rows = getenv("rows"), *limit = getenv("limit");
  signal(SIGALRM, end_it);
  char *names = strdup(rows == NULL ? "" : rows);
  for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) run_row(name, limit == NULL ? 0 : (unsigned)atoi(limit));
  if (ioperm(debug_exit_port, 4, 1) == 0) outl(0, debug_exit_port);
  printf("init: could not turn the machine off\n");
  for (;;) pause();
}
