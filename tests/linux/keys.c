// SPDX-License-Identifier: MIT
// Protection keys: which are given out, what they forbid to the program and to calls for it, and whose PKRU counts where.
#include "case.h"
#include <pthread.h>
#include <setjmp.h>
#include <ucontext.h>

enum { disable_access = 1, disable_write = 2, pkuerr = 4 };

static unsigned rights_of(int key) {
  unsigned pkru, d;
  __asm__ volatile("rdpkru" : "=a"(pkru), "=d"(d) : "c"(0));
  return pkru >> 2 * key & 3;
}
static void set_rights(int key, unsigned rights) {
  unsigned pkru, d;
  __asm__ volatile("rdpkru" : "=a"(pkru), "=d"(d) : "c"(0));
  pkru = (pkru & ~(3u << 2 * key)) | rights << 2 * key;
  __asm__ volatile("wrpkru" : : "a"(pkru), "c"(0), "d"(0) : "memory");
}

static sigjmp_buf back;
static volatile int code, key_told, at_right_place, in_handler;
static char *volatile wanted;
static int watched_key;
static void on_fault(int signal, siginfo_t *info, void *context) {
  code = info->si_code;
  key_told = info->si_code == pkuerr ? (int)info->si_pkey : -1;
  at_right_place = info->si_addr == wanted;
  in_handler = watched_key ? rights_of(watched_key) : -1;
  siglongjmp(back, 1);
}
// 0: it went well; else code, 10 times the key told, 1000: another address.
static int touch(char *at, int writes) {
  wanted = at;
  if (sigsetjmp(back, 1)) return code + 10 * key_told + (at_right_place ? 0 : 1000);
  if (writes) *(volatile char *)at = 7;
  else (void)*(volatile char *)at;
  return 0;
}
static char *map(size_t size) { return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static void numbers(void) {
  CASE(pkey_alloc, "flags", 1, 0);
  CASE(pkey_alloc, "unknown rights", 0, 4);
  CASE(pkey_alloc, "the first", 0, 0);
  CASE(pkey_alloc, "the second", 0, disable_write);
  EFFECT(pkey_alloc, "its rights", rights_of(2));
  CASE(pkey_alloc, "the third", 0, disable_access | disable_write);
  EFFECT(pkey_alloc, "its rights", rights_of(3));
  CASE(pkey_free, "the second", 2);
  CASE(pkey_free, "again", 2);
  CASE(pkey_free, "-1", -1);
  CASE(pkey_free, "16", 16);
  CASE(pkey_free, "never given", 9);
  CASE(pkey_alloc, "what was freed", 0, disable_access);
  EFFECT(pkey_alloc, "its rights", rights_of(2));
  int given = 3;
  while (syscall(SYS_pkey_alloc, 0, 0) > 0) ++given;
  EFFECT(pkey_alloc, "how it ends", errno == ENOSPC);
  EFFECT(pkey_alloc, "so many at least", given >= 14 && given <= 15);
  for (int key = 4; key <= given; ++key) syscall(SYS_pkey_free, key);
}

static void areas(void) {
  char *page = map(3 * 4096);
  page[0] = page[4096] = 1;
  CASE(pkey_mprotect, "a key that is not given out", page, 4096, PROT_READ, 7);
  CASE(pkey_mprotect, "key 16", page, 4096, PROT_READ, 16);
  CASE(pkey_mprotect, "key -2", page, 4096, PROT_READ, -2);
  CASE(pkey_mprotect, "unaligned", page + 1, 4096, PROT_READ, 1);
  CASE(pkey_mprotect, "nothing", page, 0, PROT_READ, 7);
  CASE(pkey_mprotect, "no mapping", before_hole(), 4096, PROT_READ, 1);
  CASE(pkey_mprotect, "the middle", page + 4096, 4096, PROT_READ | PROT_WRITE, 1);
  set_rights(1, disable_access);
  EFFECT(pkey_mprotect, "before it", touch(page, 1));
  EFFECT(pkey_mprotect, "read", touch(page + 4096, 0));
  EFFECT(pkey_mprotect, "write", touch(page + 4096 + 9, 1));
  EFFECT(pkey_mprotect, "behind it, which is new", touch(page + 8192, 1));
  set_rights(1, disable_write);
  EFFECT(pkey_mprotect, "read with writes off", touch(page + 4096, 0));
  EFFECT(pkey_mprotect, "write with writes off", touch(page + 4096, 1));
  CASE(mprotect, "keeps the key", page, 3 * 4096, PROT_READ);
  EFFECT(mprotect, "write without the key", touch(page, 1));
  EFFECT(mprotect, "write with it", touch(page + 4096, 1));
  CASE(mprotect, "back", page, 3 * 4096, PROT_READ | PROT_WRITE);
  EFFECT(mprotect, "write with it", touch(page + 4096, 1));
  set_rights(1, 0);
  EFFECT(pkey_mprotect, "all is allowed", touch(page + 4096, 1));
  CASE(pkey_mprotect, "not there yet", page + 8192, 4096, PROT_READ | PROT_WRITE, 1);
  madvise(page + 8192, 4096, MADV_DONTNEED);
  set_rights(1, disable_access);
  EFFECT(pkey_mprotect, "its first touch", touch(page + 8192, 1));
  CASE(pkey_mprotect, "key 0", page, 3 * 4096, PROT_READ | PROT_WRITE, 0);
  EFFECT(pkey_mprotect, "key 0", touch(page + 4096, 1));
  CASE(pkey_mprotect, "none", page, 4096, PROT_NONE, 1);
  EFFECT(pkey_mprotect, "none", touch(page, 0) % 10);
  CASE(pkey_mprotect, "some again", page, 4096, PROT_READ | PROT_WRITE, -1);
  EFFECT(pkey_mprotect, "the key is still there", touch(page, 0));
  char *moved = mremap(page, 4096, 8192, MREMAP_MAYMOVE);
  EFFECT(mremap, "moves it", touch(moved, 0));
  munmap(moved, 8192);
  EFFECT(munmap, "forgets it", touch(mmap(moved, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), 0));
  int fd = open("file", O_RDWR | O_CREAT, 0600);
  ftruncate(fd, 8192);
  for (int shared = 0; shared < 2; ++shared) {
    char *file = mmap(NULL, 8192, PROT_READ | PROT_WRITE, shared ? MAP_SHARED : MAP_PRIVATE, fd, 0);
    file[0] = 1;
    CASE(pkey_mprotect, shared ? "a shared file" : "a private file", file, 8192, PROT_READ | PROT_WRITE, 1);
    EFFECT(pkey_mprotect, "a page that was there", touch(file, 0));
    EFFECT(pkey_mprotect, "one that was not", touch(file + 4096, 1));
    set_rights(1, 0);
    EFFECT(pkey_mprotect, "allowed", touch(file + 4096, 1));
    set_rights(1, disable_access);
    munmap(file, 8192);
  }
  munmap(page + 4096, 8192);
}

// What the program may not read or write, no call reads or writes for it.
static void calls(void) {
  char *page = map(8192);
  strcpy(page, "words");
  int p[2];
  pipe(p);
  CASE(pkey_mprotect, "for calls", page, 4096, PROT_READ | PROT_WRITE, 1);
  set_rights(1, disable_write);
  CASE(write, "readable", p[1], page, 5);
  CASE(read, "not writable", p[0], page, 5);
  CASE(read, "what could not be read is still there", p[0], page + 4096, 5);
  set_rights(1, disable_access);
  CASE(write, "not readable", p[1], page, 5);
  CASE(mkdir, "a path", page, 0700);
  CASE(pipe, "descriptors", page);
  set_rights(1, 0);
  CASE(write, "again", p[1], page, 5);
  close(p[0]), close(p[1]);
  munmap(page, 8192);
}

static char *volatile shared_page;
static pthread_barrier_t barrier;
static int seen_by_thread[3];
static void *thread(void *unused) {
  seen_by_thread[0] = rights_of(5);
  pthread_barrier_wait(&barrier);
  pthread_barrier_wait(&barrier);   // the key has been given out meanwhile
  seen_by_thread[1] = rights_of(5);
  set_rights(5, disable_write);
  seen_by_thread[2] = rights_of(5);
  return unused;
}
static void *inherits(void *to) {
  *(int *)to = rights_of(5);
  return NULL;
}
static void threads(void) {
  pthread_t t;
  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&t, NULL, thread, NULL);
  pthread_barrier_wait(&barrier);
  CASE(pkey_alloc, "the fourth", 0, disable_access), CASE(pkey_alloc, "the fifth", 0, 0);
  pthread_barrier_wait(&barrier);
  pthread_join(t, NULL);
  EFFECT(pkey_alloc, "another thread, before", seen_by_thread[0]);
  EFFECT(pkey_alloc, "another thread, afterwards", seen_by_thread[1]);
  EFFECT(pkey_alloc, "what it sets itself", seen_by_thread[2]);
  EFFECT(pkey_alloc, "who called", rights_of(5));
  int inherited = -1;
  set_rights(5, disable_write);
  pthread_create(&t, NULL, inherits, &inherited);
  pthread_join(t, NULL);
  EFFECT(clone, "a new thread has its maker's rights", inherited);
}

static void children(void) {
  char *page = map(4096);
  page[0] = 1;
  syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE, 1);
  set_rights(1, disable_access);
  if (fork() == 0) {
    int outcome = touch(page, 1);
    set_rights(1, 0);
    outcome = outcome * 4 + (touch(page, 1) != 0) * 2 + (syscall(SYS_pkey_alloc, 0, 0) != 6);
    _exit(outcome);
  }
  int status = 0;
  wait(&status);
  EFFECT(fork, "the child has the key, the rights, and the keys that are given out", WEXITSTATUS(status));
  EFFECT(fork, "the parent's are its own", touch(page, 0));
  set_rights(1, 0);
  EFFECT(fork, "its page too", page[0]);
  munmap(page, 4096);
}

static int handler_rights;
static void look(int signal) { handler_rights = rights_of(1), set_rights(1, disable_access | disable_write); }
// Where PKRU lies in the frame's vector state.
static unsigned *saved_rights(ucontext_t *context) {
  unsigned a = 0xd, b, c = 9, d;
  __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
  return (unsigned *)((char *)context->uc_mcontext.fpregs + b);
}
static void change(int signal, siginfo_t *info, void *context) {
  unsigned *rights = saved_rights(context);
  *rights = (*rights & ~0xcu) | disable_write << 2;
}
static void signals(void) {
  set_rights(1, 0);
  signal(SIGUSR1, look);
  raise(SIGUSR1);
  EFFECT(rt_sigaction, "a handler begins without", handler_rights);
  EFFECT(rt_sigreturn, "its rights come back", rights_of(1));
  sigaction(SIGUSR2, &(struct sigaction){.sa_sigaction = change, .sa_flags = SA_SIGINFO}, NULL);
  raise(SIGUSR2);
  EFFECT(rt_sigreturn, "from the frame", rights_of(1));
  char *page = map(4096);
  syscall(SYS_pkey_mprotect, page, 4096, PROT_READ | PROT_WRITE, 1);
  watched_key = 1;
  set_rights(1, disable_write);
  EFFECT(rt_sigaction, "a fault", touch(page, 1));
  EFFECT(rt_sigaction, "its handler's rights", in_handler);
  watched_key = 0;
  munmap(page, 4096);
}

int main(void) {
  begin();
  const long first = syscall(SYS_pkey_alloc, 0, 0);
  if (first <= 0) return finish(), 77;   // a processor or a kernel without keys
  syscall(SYS_pkey_free, first);
  sigaction(SIGSEGV, &(struct sigaction){.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, NULL);
  sigaction(SIGBUS, &(struct sigaction){.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO}, NULL);
  numbers();
  areas();
  calls();
  threads();
  children();
  signals();
  return finish();
}
