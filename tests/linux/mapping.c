// SPDX-License-Identifier: MIT
// Memory: mapping, protection, moving, advice, memory files.
#include "case.h"
#include <linux/memfd.h>
#include <setjmp.h>
#include <sys/resource.h>
#include <sys/uio.h>

static sigjmp_buf back;
static volatile int code;
static void caught(int signal, siginfo_t *info, void *context) {
  code = signal * 100 + info->si_code;
  siglongjmp(back, 1);
}
// 0, or the signal and its code.
static int touch(volatile char *at, int write) {
  code = 0;
  if (sigsetjmp(back, 1) == 0) {
    if (write) *at = 1;
    else (void)*at;
  }
  return code;
}
static char *map(size_t size, int prot) { return mmap(NULL, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static void mapping(void) {
  int file = open("f", O_RDWR | O_CREAT, 0600), only_read;
  ftruncate(file, 6000);
  pwrite(file, "hello", 5, 0);
  only_read = open("f", O_RDONLY);
  CASE_OK(mmap, "anonymous", NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  CASE(mmap, "MAP_SHARED_VALIDATE of no file", NULL, 4096, PROT_READ, 3 | MAP_ANONYMOUS, -1, 0L);
  CASE(mmap, "MAP_SHARED_VALIDATE, unknown flag", NULL, 4096, PROT_READ, 3 | 0x200000, file, 0L);
  CASE_OK(mmap, "MAP_SHARED_VALIDATE", NULL, 4096, PROT_READ, 3 | MAP_NORESERVE, file, 0L);
  CASE(mmap, "length 0", NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  CASE(mmap, "neither shared nor private", NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0L);
  CASE(mmap, "offset within a page", NULL, 4096, PROT_READ, MAP_PRIVATE, file, 1L);
  CASE(mmap, "closed", NULL, 4096, PROT_READ, MAP_PRIVATE, 900, 0L);
  CASE(mmap, "far too much", NULL, 1L << 50, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0L);
  CASE(mmap, "shared and writable of a read-only file", NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, only_read, 0L);
  CASE_OK(mmap, "private and writable of a read-only file", NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, only_read, 0L);
  CASE(mmap, "directory", NULL, 4096, PROT_READ, MAP_PRIVATE, open(".", O_RDONLY), 0L);
  CASE(mmap, "write-only file", NULL, 4096, PROT_READ, MAP_PRIVATE, open("f", O_WRONLY), 0L);
  char *one = map(8192, PROT_READ | PROT_WRITE);
  CASE(mmap, "MAP_FIXED_NOREPLACE on one that is there", one, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | 0x100000, -1, 0L);
  CASE(mmap, "MAP_FIXED not on a page", one + 1, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0L);
  EFFECT(mmap, "MAP_FIXED", mmap(one, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == one);
  // As a sanitizer guards what lies between two ranges of its own.
  char *guard = (char *)(32L << 40);
  const size_t guarded = 50L << 40;
  EFFECT(mmap, "a guard over most of the address space",
         mmap(guard, guarded, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == guard);
  EFFECT(mmap, "the guard's start", touch(guard, 0));
  EFFECT(mmap, "the guard's end", touch(guard + guarded - 1, 1));
  CASE(munmap, "the guard", guard, guarded);
  EFFECT(munmap, "the guard's end", touch(guard + guarded - 1, 1));
  EFFECT(mmap, "write to a read-only page", touch(one, 1));
  char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  char *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
  shared[0] = 'J';
  char text[8] = {0};
  pread(file, text, 5, 0);
  EFFECT_TEXT(mmap, "the file sees a shared write", text);
  private[0] = 'x';
  pread(file, text, 5, 0);
  EFFECT_TEXT(mmap, "and no private one", text);
  pwrite(file, "W", 1, 1);
  EFFECT(mmap, "the mapping sees a write", shared[1] == 'W');
  EFFECT(mmap, "zeros behind the end of the file", touch(shared + 6001, 0));
  ftruncate(file, 100);
  EFFECT(mmap, "a page behind the end", touch(shared + 4096, 0));
  CASE(munmap, "half", one, 4096);
  EFFECT(munmap, "it is gone", touch(one, 0));
  EFFECT(munmap, "the other half is not", touch(one + 4096, 1));
  CASE(munmap, "nothing there", one, 4096);
  CASE(munmap, "not on a page", one + 1, 4096);
  CASE(munmap, "length 0", one, 0);
  CASE(msync, "MS_SYNC", shared, 4096, MS_SYNC);
  CASE(msync, "both kinds", shared, 4096, MS_SYNC | MS_ASYNC);
  CASE(msync, "hole", one, 4096, MS_SYNC);
  CASE(msync, "not on a page", shared + 1, 4096, MS_SYNC);
}

static void protecting(void) {
  char *m = map(3 * 4096, PROT_READ | PROT_WRITE);
  m[0] = 1;
  CASE(mprotect, "none", m, 4096, PROT_NONE);
  EFFECT(mprotect, "reading it", touch(m, 0));
  CASE(mprotect, "read again", m, 4096, PROT_READ);
  EFFECT(mprotect, "and what it held", m[0]);
  EFFECT(mprotect, "writing it", touch(m, 1));
  CASE(mprotect, "not on a page", m + 1, 4096, PROT_READ);
  CASE(mprotect, "unknown bit", m, 4096, 0x100);
  CASE(mprotect, "length 0", m, 0, PROT_READ);
  munmap(m + 4096, 4096);
  CASE(mprotect, "over a hole", m, 3 * 4096, PROT_READ);
  unsigned char code_bytes[] = {0xb8, 42, 0, 0, 0, 0xc3};
  char *run = map(4096, PROT_READ | PROT_WRITE);
  memcpy(run, code_bytes, sizeof code_bytes);
  mprotect(run, 4096, PROT_READ | PROT_EXEC);
  EFFECT(mprotect, "code that was written", ((int (*)(void))run)());
  CASE_OK(brk, "where it ends", 0);
  long end = syscall(SYS_brk, 0);
  EFFECT(brk, "grows", syscall(SYS_brk, end + 8192) == end + 8192);
  EFFECT(brk, "new memory", touch((char *)end + 8000, 1));
  EFFECT(brk, "shrinks", syscall(SYS_brk, end) == end);
  EFFECT(brk, "nonsense changes nothing", syscall(SYS_brk, 5) == end);
  CASE_OK(pkey_alloc, "flags", 1, 0);
  CASE(pkey_mprotect, "no key", map(4096, PROT_READ), 4096, PROT_READ, -1);
  CASE(pkey_free, "never given", 9);
}

static void moving(void) {
  char *m = map(4 * 4096, PROT_READ | PROT_WRITE);
  for (int i = 0; i < 4; ++i) m[i * 4096] = i + 1;
  EFFECT(mremap, "smaller in place", mremap(m, 4 * 4096, 2 * 4096, 0) == m);
  EFFECT(mremap, "what was cut", touch(m + 3 * 4096, 0));
  char *bigger = mremap(m, 2 * 4096, 64 * 4096, MREMAP_MAYMOVE);
  EFFECT(mremap, "larger keeps the contents", bigger[0] * 10 + bigger[4096]);
  EFFECT(mremap, "and adds zeros", bigger[63 * 4096]);
  char *target = map(2 * 4096, PROT_READ);
  EFFECT(mremap, "MREMAP_FIXED", mremap(bigger, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, target) == target);
  EFFECT(mremap, "moved", target[0]);
  CASE(mremap, "MREMAP_FIXED without MAYMOVE", target, 4096, 4096, MREMAP_FIXED, bigger);
  CASE(mremap, "not on a page", target + 1, 4096, 8192, MREMAP_MAYMOVE);
  CASE(mremap, "new size 0", target, 4096, 0, MREMAP_MAYMOVE);
  CASE(mremap, "hole", before_hole(), 4096, 8192, MREMAP_MAYMOVE);
  CASE(mremap, "unknown flag", target, 4096, 8192, 64);
  char *from = map(4096, PROT_READ | PROT_WRITE);
  from[5] = 9;
  char *moved = (char *)CASE_OK(mremap, "MREMAP_DONTUNMAP", from, 4096L, 4096L, MREMAP_MAYMOVE | 4, NULL);
  EFFECT(mremap, "contents moved", moved[5]);
  EFFECT(mremap, "and leaves zeros", from[5]);
}

static void advising(void) {
  char *m = map(4 * 4096, PROT_READ | PROT_WRITE);
  unsigned char in[4] = {0};
  m[0] = 7, m[4096] = 8;
  CASE(madvise, "DONTNEED", m, 4096, MADV_DONTNEED);
  EFFECT(madvise, "it is zero, its neighbour is not", m[0] * 10 + m[4096]);
  CASE(madvise, "FREE", m, 4096, MADV_FREE);
  CASE(madvise, "WILLNEED", m, 4096, MADV_WILLNEED);
  CASE(madvise, "SEQUENTIAL", m, 4096, MADV_SEQUENTIAL);
  CASE(madvise, "HUGEPAGE", m, 4 * 4096, MADV_NOHUGEPAGE);
  CASE(madvise, "unknown", m, 4096, 12345);
  CASE(madvise, "DONTNEED_LOCKED", map(4096, PROT_READ), 4096, 24);
  CASE(madvise, "not on a page", m + 1, 4096, MADV_WILLNEED);
  CASE(madvise, "hole", before_hole(), 4096, MADV_WILLNEED);
  CASE(madvise, "DONTFORK", m, 4096, MADV_DONTFORK);
  int r;
  IN_CHILD(r, _exit(touch(m + 4096, 0) != 0));
  EFFECT(madvise, "the first page is not in the child", ({ int s; IN_CHILD(s, _exit(touch(m, 0) != 0)); s; }));
  EFFECT(madvise, "the second is", r);
  CASE(madvise, "WIPEONFORK", m + 4096, 4096, MADV_WIPEONFORK);
  IN_CHILD(r, _exit(m[4096]));
  EFFECT(madvise, "and is zero there", r);
  CASE(mincore, "size of the answer", m, 4 * 4096, in);
  EFFECT(mincore, "touched and not", (in[1] & 1) * 10 + (in[3] & 1));
  CASE(mincore, "hole", before_hole(), 4096, in);
  CASE(mincore, "not on a page", m + 1, 4096, in);
  CASE(mlock, "a page", m + 8192, 4096);
  CASE(mincore, "again", m, 4 * 4096, in);
  EFFECT(mlock, "it is there now", in[2] & 1);
  CASE(mbind, "default", m, 4096, 0, NULL, 0, 0);
  CASE(set_mempolicy, "default", 0, NULL, 0);
  CASE(set_mempolicy, "unknown", 77, NULL, 0);
  int mode = 99;
  CASE(get_mempolicy, "of the task", &mode, NULL, 0, NULL, 0);
  EFFECT(get_mempolicy, "mode", mode);
}

// A line of /proc/self/status, in kB.
static long status_kb(const char *name) {
  FILE *f = fopen("/proc/self/status", "r");
  char line[200];
  long kb = -1;
  while (f != NULL && fgets(line, sizeof line, f) != NULL)
    if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':') kb = atol(line + strlen(name) + 1);
  if (f != NULL) fclose(f);
  return kb;
}
static long locked_kb(void) { return status_kb("VmLck"); }
static int present(char *m, int page) {
  unsigned char in = 0;
  mincore(m + page * 4096L, 4096, &in);
  return in & 1;
}

// Somebody without the right to lock what he likes.
static int as_nobody(long limit, long size) {
  int r;
  char *m = map(16 * 4096, PROT_READ | PROT_WRITE);
  IN_CHILD(r, ({
    struct rlimit l = {limit, limit};
    setrlimit(RLIMIT_MEMLOCK, &l);
    seteuid(65534);
    _exit(mlock(m, size) == 0 ? 0 : errno);
  }));
  return r;
}

static void locking(void) {
  char *m = map(8 * 4096, PROT_READ | PROT_WRITE);
  CASE(mlock, "two pages by a few bytes", m + 4095, 2);
  EFFECT(mlock, "VmLck", locked_kb());
  EFFECT(mlock, "both are there", present(m, 0) * 10 + present(m, 1));
  EFFECT(mlock, "the next is not", present(m, 2));
  CASE(mlock, "hole", before_hole(), 4096);
  CASE(mlock, "past the end of addresses", -4096L, 8192);
  CASE(mlock, "nothing", m, 0);
  char *closed = map(4096, PROT_NONE);
  CASE(mlock, "PROT_NONE", closed, 4096);
  CASE(munlock, "PROT_NONE", closed, 4096);
  CASE(mlock2, "MLOCK_ONFAULT", m + 3 * 4096, 4096, 1);
  EFFECT(mlock2, "VmLck", locked_kb());
  EFFECT(mlock2, "it is not there", present(m, 3));
  CASE(mlock2, "unknown flag", m, 4096, 2);
  CASE(madvise, "DONTNEED, locked", m, 4096, MADV_DONTNEED);
  CASE(madvise, "DONTNEED, partly locked", m, 4 * 4096, MADV_DONTNEED);
  CASE(madvise, "DONTNEED_LOCKED", m, 4096, 24);
  EFFECT(mlock, "VmLck in a child", ({ int s; IN_CHILD(s, _exit(locked_kb())); s; }));
  CASE(munlock, "hole", before_hole(), 4096);
  CASE(munlock, "all of them", m, 8 * 4096);
  EFFECT(munlock, "VmLck", locked_kb());
  CASE(madvise, "DONTNEED, unlocked", m, 4096, MADV_DONTNEED);

  char *locked = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED, -1, 0);
  EFFECT(mmap, "MAP_LOCKED: VmLck, there", locked_kb() * 10 + present(locked, 2));
  locked = mremap(locked, 3 * 4096, 5 * 4096, MREMAP_MAYMOVE);
  EFFECT(mremap, "locked memory that grows: VmLck, there", locked_kb() * 10 + present(locked, 4));
  munmap(locked, 4 * 4096);
  EFFECT(munmap, "locked memory that goes: VmLck", locked_kb());
  munmap(locked + 4 * 4096, 4096);

  CASE(mlockall, "no flags", 0);
  CASE(mlockall, "MCL_ONFAULT alone", 4);
  CASE(mlockall, "unknown flag", 8);
  CASE(mlockall, "MCL_FUTURE", 2);
  long before = locked_kb();
  char *later = map(4 * 4096, PROT_READ | PROT_WRITE);
  EFFECT(mlockall, "MCL_FUTURE: more VmLck, there", (locked_kb() - before) * 10 + present(later, 3));
  CASE(mlockall, "MCL_FUTURE | MCL_ONFAULT", 6);
  later = map(4 * 4096, PROT_READ | PROT_WRITE);
  EFFECT(mlockall, "MCL_ONFAULT: not there", present(later, 3));
  CASE(munlockall, "all");
  EFFECT(munlockall, "VmLck", locked_kb());
  later = map(4 * 4096, PROT_READ | PROT_WRITE);
  EFFECT(munlockall, "what comes is not locked", locked_kb());
  CASE(mlockall, "MCL_CURRENT", 1);
  EFFECT(mlockall, "MCL_CURRENT: something is locked, and there", (locked_kb() > 100) * 10 + present(later, 3));
  CASE(munlockall, "all");
  EFFECT(mlock, "limit 0", as_nobody(0, 4096) == EPERM);
  EFFECT(mlock, "below the limit", as_nobody(8 * 4096, 8 * 4096));
  EFFECT(mlock, "above the limit", as_nobody(8 * 4096, 9 * 4096) == ENOMEM);
}

// What /proc and rusage say of a program that once had 12 MiB.
static void sizes(void) {
  const long mib = 1 << 20, before = status_kb("VmRSS"), data = status_kb("VmData");
  char *m = map(12 * mib, PROT_READ | PROT_WRITE);
  EFFECT(mmap, "VmData grows by all of it", (status_kb("VmData") - data) / 1024);
  memset(m, 1, 12 * mib);
  EFFECT(mmap, "VmRSS grows by what is touched", status_kb("VmRSS") - before >= 12 * 1024);
  EFFECT(mmap, "RssAnon, RssFile and RssShmem are VmRSS",
         status_kb("RssAnon") + status_kb("RssFile") + status_kb("RssShmem") == status_kb("VmRSS"));
  munmap(m, 12 * mib);
  EFFECT(munmap, "VmRSS falls", status_kb("VmRSS") - before < 4 * 1024);
  EFFECT(munmap, "VmHWM does not", status_kb("VmHWM") - before >= 11 * 1024);
  EFFECT(munmap, "nor does VmPeak", status_kb("VmPeak") - status_kb("VmSize") >= 11 * 1024);
  char *shared = mmap(NULL, 3 * mib, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  memset(shared, 1, 3 * mib);
  EFFECT(mmap, "RssShmem", status_kb("RssShmem") / 1024);
  munmap(shared, 3 * mib);
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  EFFECT(getrusage, "the largest size stays", used.ru_maxrss - before >= 11 * 1024);
  int r;
  IN_CHILD(r, ({
    char *large = map(40 * mib, PROT_READ | PROT_WRITE);
    memset(large, 1, 40 * mib);
    _exit(0);
  }));
  getrusage(RUSAGE_CHILDREN, &used);
  EFFECT(getrusage, "of a child", used.ru_maxrss >= 40 * 1024 && used.ru_maxrss < 60 * 1024);
  EFFECT(fork, "it ended", r);
}

static void memory_files(void) {
  int fd = CASE_OK(memfd_create, "sealable", "name", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  CASE(memfd_create, "unknown flag", "name", 0x800);
  CASE(memfd_create, "bad pointer", BAD, 0);
  ftruncate(fd, 8192);
  CASE(fcntl, "F_GET_SEALS", fd, F_GET_SEALS);
  CASE(fcntl, "F_ADD_SEALS shrink|grow", fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW);
  CASE(ftruncate, "sealed, smaller", fd, 4096);
  CASE(ftruncate, "sealed, larger", fd, 40960);
  CASE(pwrite64, "sealed, behind the end", fd, "x", 1, 8192);
  CASE(pwrite64, "sealed, within", fd, "x", 1, 0);
  char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  CASE(fcntl, "F_SEAL_WRITE while mapped writable", fd, F_ADD_SEALS, F_SEAL_WRITE);
  munmap(m, 4096);
  CASE(fcntl, "F_SEAL_WRITE", fd, F_ADD_SEALS, F_SEAL_WRITE);
  CASE(pwrite64, "sealed", fd, "x", 1, 0);
  CASE(mmap, "sealed, shared and writable", NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
  CASE_OK(mmap, "sealed, shared and read-only", NULL, 4096, PROT_READ, MAP_SHARED, fd, 0L);
  CASE(fcntl, "F_SEAL_SEAL", fd, F_ADD_SEALS, F_SEAL_SEAL);
  CASE(fcntl, "no more seals", fd, F_ADD_SEALS, F_SEAL_SHRINK);
  int plain = memfd_create("plain", 0);
  CASE(fcntl, "F_GET_SEALS without sealing", plain, F_GET_SEALS);
  CASE(fcntl, "F_ADD_SEALS without sealing", plain, F_ADD_SEALS, F_SEAL_SHRINK);
  CASE(fcntl, "F_GET_SEALS of a file", open("f", O_RDWR), F_GET_SEALS);
}

static void across(void) {
  char text[16] = "0123456789", other[16] = {0};
  struct iovec mine = {other, 10}, theirs = {text, 10};
  CASE(process_vm_readv, "own memory", getpid(), &mine, 1, &theirs, 1, 0);
  EFFECT_TEXT(process_vm_readv, "text", other);
  int ready[2];
  pipe(ready);
  pid_t child = fork();
  if (child == 0) {
    text[0] = 'c';
    write(ready[1], "x", 1);
    pause();
  }
  read(ready[0], other, 1);
  CASE(process_vm_readv, "a child's", child, &mine, 1, &theirs, 1, 0);
  EFFECT_TEXT(process_vm_readv, "text of the child", other);
  CASE(process_vm_writev, "a child's", child, &((struct iovec){"WW", 2}), 1, &theirs, 1, 0);
  CASE(process_vm_readv, "again", child, &mine, 1, &theirs, 1, 0);
  EFFECT_TEXT(process_vm_writev, "text of the child after", other);
  CASE(process_vm_readv, "bad address", child, &mine, 1, &((struct iovec){BAD, 4}), 1, 0);
  CASE(process_vm_readv, "flags", child, &mine, 1, &theirs, 1, 1);
  kill(child, SIGKILL);
  reap(child);
  CASE(process_vm_readv, "nobody", child, &mine, 1, &theirs, 1, 0);
}

// What MAP_32BIT promises: the second GiB.
static void low(void) {
  char *first = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  char *second = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  first[0] = second[65535] = 7;
  EFFECT(mmap, "MAP_32BIT lies in the second GiB", (uintptr_t)first >> 30 == 1 && (uintptr_t)second >> 30 == 1 && first != second);
  char *hinted = mmap(first + (1 << 28), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  EFFECT(mmap, "MAP_32BIT where it was asked for", hinted == first + (1 << 28));
  char *high = mmap((void *)(1ul << 40), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  EFFECT(mmap, "MAP_32BIT asked for too high", (uintptr_t)high >> 30);
  CASE(mmap, "MAP_32BIT of more than there is", NULL, 3ul << 30, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
  munmap(first, 65536), munmap(second, 65536), munmap(hinted, 4096), munmap(high, 4096);
  // All of it, piece by piece.
  int pieces = 0;
  while (pieces < 20 && mmap(NULL, 1 << 28, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0) != MAP_FAILED) ++pieces;
  EFFECT(mmap, "MAP_32BIT until nothing is left", pieces == 3 || pieces == 4);
}

int main(void) {
  begin();
  low();
  struct sigaction action = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL), sigaction(SIGBUS, &action, NULL);
  mapping();
  protecting();
  moving();
  advising();
  locking();
  sizes();
  memory_files();
  across();
  return finish();
}
