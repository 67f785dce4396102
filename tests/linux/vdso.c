// SPDX-License-Identifier: MIT
// The shared object at AT_SYSINFO_EHDR: found by each C library's way, told the same as the calls, unwound from everywhere.
#include "case.h"
#include <elf.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unwind.h>

static const char *base;
static const ElfW(Sym) *symbols;
static const char *strings;
static const uint32_t *hash, *gnu_hash;
static const uint16_t *versions;
static const ElfW(Verdef) *definitions;
static size_t text_size;

static void read_image(void) {
  base = (const char *)getauxval(AT_SYSINFO_EHDR);
  const ElfW(Ehdr) *header = (const void *)base;
  const ElfW(Phdr) *part = (const void *)(base + header->e_phoff);
  const ElfW(Dyn) *dynamic = NULL;
  int unwind = 0;
  for (int i = 0; i < header->e_phnum; ++i) {
    if (part[i].p_type == PT_LOAD) text_size = part[i].p_memsz;
    if (part[i].p_type == PT_DYNAMIC) dynamic = (const void *)(base + part[i].p_vaddr);
    if (part[i].p_type == PT_GNU_EH_FRAME) unwind = 1;
  }
  EFFECT(execve, "the vDSO is an object", memcmp(base, ELFMAG, SELFMAG) == 0 && header->e_type == ET_DYN);
  EFFECT(execve, "with unwind information", unwind);
  for (; dynamic->d_tag != DT_NULL; ++dynamic) {
    const void *at = base + dynamic->d_un.d_ptr;
    switch (dynamic->d_tag) {
      case DT_SYMTAB: symbols = at; break;
      case DT_STRTAB: strings = at; break;
      case DT_HASH: hash = at; break;
      case DT_GNU_HASH: gnu_hash = at; break;
      case DT_VERSYM: versions = at; break;
      case DT_VERDEF: definitions = at; break;
    }
  }
}

static int has_version(unsigned symbol) {
  const ElfW(Verdef) *at = definitions;
  for (;; at = (const void *)((const char *)at + at->vd_next)) {
    if (at->vd_ndx == (versions[symbol] & 0x7fff)) {
      const ElfW(Verdaux) *name = (const void *)((const char *)at + at->vd_aux);
      return strcmp(strings + name->vda_name, "LINUX_2.6") == 0 && at->vd_hash == 61765110;
    }
    if (at->vd_next == 0) return 0;
  }
}

static const void *find_by_old_hash(const char *name) {
  if (hash == NULL) return NULL;
  uint32_t h = 0;
  for (const char *c = name; *c; ++c) h = (h << 4) + (unsigned char)*c, h ^= (h & 0xf0000000) >> 24, h &= 0x0fffffff;
  for (uint32_t i = hash[2 + h % hash[0]]; i != 0; i = hash[2 + hash[0] + i])
    if (strcmp(strings + symbols[i].st_name, name) == 0 && has_version(i)) return base + symbols[i].st_value;
  return NULL;
}

static const void *find_by_gnu_hash(const char *name) {
  if (gnu_hash == NULL) return NULL;
  uint32_t h = 5381;
  for (const char *c = name; *c; ++c) h = h * 33 + (unsigned char)*c;
  const uint32_t *buckets = gnu_hash + 4 + gnu_hash[2] * 2, *chains = buckets + gnu_hash[0];
  for (uint32_t i = buckets[h % gnu_hash[0]]; i >= gnu_hash[1]; ++i) {
    const uint32_t chain = chains[i - gnu_hash[1]];
    if ((chain | 1) == (h | 1) && strcmp(strings + symbols[i].st_name, name) == 0 && has_version(i)) return base + symbols[i].st_value;
    if (chain & 1) return NULL;
  }
  return NULL;
}

// Newer kernels have one of the tables only.
static const void *find(const char *name) {
  const void *at = find_by_old_hash(name), *same = find_by_gnu_hash(name);
  return at != NULL ? (same != NULL && same != at ? NULL : at) : same;
}

static int (*vdso_clock_gettime)(clockid_t, struct timespec *), (*vdso_clock_getres)(clockid_t, struct timespec *);
static int (*vdso_gettimeofday)(struct timeval *, struct timezone *), (*vdso_getcpu)(unsigned *, unsigned *, void *);
static time_t (*vdso_time)(time_t *);

static void look_up(void) {
  static const char *const names[] = {"clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu"};
  const void *found[5];
  for (int i = 0; i < 5; ++i) {
    char name[40];
    snprintf(name, sizeof name, "__vdso_%s", names[i]);
    found[i] = find(name);
    printf("%s: in the vDSO = %d, the plain name is the same = %d\n", names[i], found[i] != NULL, find(names[i]) == found[i]);
  }
  EFFECT(execve, "no name that is not there", find("__vdso_gettime") == NULL);
  vdso_clock_gettime = found[0], vdso_clock_getres = found[1], vdso_gettimeofday = found[2], vdso_time = found[3], vdso_getcpu = found[4];
}

static long long ns(struct timespec t) { return t.tv_sec * 1000000000ll + t.tv_nsec; }

// Between two calls of the same clock, which bound what the vDSO says.
static int lies_between(int clock) {
  struct timespec before, told, after;
  if (syscall(SYS_clock_gettime, clock, &before) != 0 || vdso_clock_gettime(clock, &told) != 0) return 0;
  syscall(SYS_clock_gettime, clock, &after);
  return ns(before) <= ns(told) && ns(told) <= ns(after);
}

static void tell(void) {
  struct timespec t, resolution;
  for (int clock = 0; clock < 12; ++clock) {
    if (clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM) continue;   // need a clock chip
    char what[32];
    snprintf(what, sizeof what, "vDSO, clock %d", clock);
    EFFECT(clock_gettime, what, clock == 10 ? vdso_clock_gettime(clock, &t) : lies_between(clock));
    const int asked = syscall(SYS_clock_getres, clock, &resolution), error = errno;
    const int answer = vdso_clock_getres(clock, &t);
    EFFECT(clock_getres, what, asked == 0 ? answer == 0 && ns(t) == ns(resolution) : answer == -error);
  }
  for (int clock = -8; clock < 0; ++clock) {
    const int asked = syscall(SYS_clock_gettime, clock, &t) == 0 ? 0 : -errno;
    EFFECT(clock_gettime, "vDSO, a clock that is computed", vdso_clock_gettime(clock, &t) == asked);
  }
  EFFECT(clock_gettime, "vDSO, unknown", vdso_clock_gettime(77, &t));
  EFFECT(clock_gettime, "vDSO, unknown, beyond all", vdso_clock_gettime(0x7fffffff, &t));
  EFFECT(clock_gettime, "vDSO, a call's bad pointer", vdso_clock_gettime(CLOCK_THREAD_CPUTIME_ID, BAD));
  EFFECT(clock_getres, "vDSO, without an answer", vdso_clock_getres(0, NULL));
  struct timeval v = {0}, w;
  struct timezone zone = {7, 7};
  EFFECT(gettimeofday, "vDSO", vdso_gettimeofday(&v, &zone));
  syscall(SYS_gettimeofday, &w, NULL);
  EFFECT(gettimeofday, "vDSO agrees", v.tv_usec < 1000000 && w.tv_sec - v.tv_sec <= 1 && w.tv_sec >= v.tv_sec);
  EFFECT(gettimeofday, "vDSO, the zone", zone.tz_minuteswest * 10 + zone.tz_dsttime);
  EFFECT(gettimeofday, "vDSO, nothing asked", vdso_gettimeofday(NULL, NULL));
  time_t seconds = 0, returned = vdso_time(&seconds);
  EFFECT(time, "vDSO", seconds == returned && vdso_time(NULL) - v.tv_sec <= 1);
  unsigned processor = 99, node = 99, again = 98;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(0, &one);
  sched_setaffinity(0, sizeof one, &one);
  EFFECT(getcpu, "vDSO", vdso_getcpu(&processor, &node, NULL));
  EFFECT(getcpu, "vDSO, where it is held", processor * 10 + node);
  EFFECT(getcpu, "vDSO, nothing asked", vdso_getcpu(NULL, NULL, NULL));
}

// --- elsewhere: after fork, in a thread, by an instruction at a time ---------------------------------------------------
static void *in_thread(void *result) {
  struct timespec own, process;
  *(int *)result = lies_between(CLOCK_MONOTONIC) && vdso_clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own) == 0 &&
                   vdso_clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &process) == 0 && ns(own) <= ns(process);
  return NULL;
}

static void elsewhere(void) {
  const pid_t child = fork();
  if (child == 0) _exit(lies_between(CLOCK_MONOTONIC) && lies_between(CLOCK_REALTIME) ? 5 : 6);
  int status = 0;
  waitpid(child, &status, 0);
  EFFECT(fork, "the vDSO in a child", WEXITSTATUS(status));
  pthread_t thread;
  int right = 0;
  pthread_create(&thread, NULL, in_thread, &right), pthread_join(thread, NULL);
  EFFECT(clone, "the vDSO in a thread", right);
}

static volatile int steps, lost;
static const void *wanted_frame;
static _Unwind_Reason_Code look_at_frame(struct _Unwind_Context *context, void *found) {
  if (_Unwind_FindEnclosingFunction((void *)(_Unwind_GetIP(context) - 1)) == wanted_frame) *(int *)found = 1;
  return _URC_NO_REASON;
}
static void on_step(int number, siginfo_t *info, void *context) {
  const uintptr_t rip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
  if (rip < (uintptr_t)base || rip >= (uintptr_t)base + text_size) return;
  int found = 0;
  _Unwind_Backtrace(look_at_frame, &found);
  ++steps, lost += !found;
}
__attribute__((noinline)) static int step_through(int clock, struct timespec *t) {
  asm volatile("sub $128, %%rsp; pushfq; orq $0x100, (%%rsp); popfq; add $128, %%rsp" : : : "cc", "memory");
  const int result = vdso_clock_gettime(clock, t);
  asm volatile("sub $128, %%rsp; pushfq; andq $~0x100, (%%rsp); popfq; add $128, %%rsp" : : : "cc", "memory");
  return result;
}

static void unwind(void) {
  struct sigaction a = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
  sigaction(SIGTRAP, &a, NULL);
  wanted_frame = (const void *)step_through;
  struct timespec t;
  static const int clocks[] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_PROCESS_CPUTIME_ID};
  for (int i = 0; i < 3; ++i) {
    steps = lost = 0;
    const int result = step_through(clocks[i], &t);
    EFFECT(clock_gettime, "vDSO, by steps", result);
    EFFECT(clock_gettime, "each of its steps is unwound", steps > 10 && lost == 0);
  }
}

int main(int argc, char **argv) {
  begin();
  read_image();
  look_up();
  tell();
  elsewhere();
  unwind();
  if (argc == 1) {   // and in the next program
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) execl("/proc/self/exe", argv[0], "again", NULL), _exit(1);
    int status = 0;
    waitpid(child, &status, 0);
    EFFECT(execve, "the vDSO in the next program", WEXITSTATUS(status));
  }
  return finish();
}
