// SPDX-License-Identifier: MIT
// What goes wrong when `syscall` instructions are rewritten under a program's feet. Each function prints a line that must be the same on
// Linux. Argument "guest": says too what trapped (/proc/self/exos). The sites are this program's own, so that what is around them is known.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

enum { often = 200 };
static int in_guest;

static long counted(const char *name) {
  char line[100];
  long n = -1;
  FILE *f = fopen("/proc/self/exos", "r");
  while (f != NULL && fgets(line, sizeof line, f)) if (strncmp(line, name, strlen(name)) == 0) n = atol(line + strlen(name));
  if (f != NULL) fclose(f);
  return n;
}

// Sites in functions with no-ops behind them, which is where the jumps find room.
#define FUNCTION(name, body) __asm__(".text\n.p2align 4\n.type " #name ", @function\n" #name ": .cfi_startproc\n" body "\n.cfi_endproc\n.size " #name ", .-" #name "\n.p2align 5\n")

// --- data that looks like a call -----------------------------------------------------------------------------------------
// Immediates, displacements and data among code hold 0f 05; so does the last byte of one instruction with the first of the next.
FUNCTION(looks_like_it, "mov $0x050f050f, %eax\n lea 0x050f(%rax), %rdx\n movabs $0x050f050f050f050f, %rax\n add %rdx, %rax\n jmp 1f\n .byte 0x0f, 0x05\n 1: ret");
FUNCTION(real_one, "mov $110, %eax\n syscall\n ret");   // getppid
extern long looks_like_it(void), real_one(void);
extern const unsigned char data_in_text[32];
__asm__(".text\n.p2align 4\ndata_in_text: .rept 16\n .byte 0x0f, 0x05\n .endr\n.p2align 4\n");
static void data(void) {
  unsigned long sum = 0;
  const long parent = getppid();
  int wrong = 0;
  for (int i = 0; i < often; ++i) wrong += real_one() != parent, sum += looks_like_it();
  for (int i = 0; i < 32; ++i) sum += data_in_text[i];
  printf("data %lx %d\n", sum, wrong);
}

// --- registers -------------------------------------------------------------------------------------------------------------
// Everything but rax, rcx and r11 is as before: general ones, all of the vector ones, both control words, and 128 bytes below the stack.
struct registers { uint64_t general[13]; unsigned char vectors[16][16]; uint32_t mxcsr; uint16_t x87, unused; uint8_t red_zone[24]; };
extern long keep_registers(struct registers *in, struct registers *out, long number);
__asm__(
    ".text\n.p2align 4\n.type keep_registers, @function\nkeep_registers: .cfi_startproc\n"
    "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n push %rsi\n push %rdi\n mov %rdx, %rax\n mov %rdi, %rcx\n"
    "ldmxcsr 360(%rcx)\n fldcw 364(%rcx)\n"
    "movdqu 104(%rcx), %xmm0\n movdqu 120(%rcx), %xmm1\n movdqu 136(%rcx), %xmm2\n movdqu 152(%rcx), %xmm3\n movdqu 168(%rcx), %xmm4\n"
    "movdqu 184(%rcx), %xmm5\n movdqu 200(%rcx), %xmm6\n movdqu 216(%rcx), %xmm7\n movdqu 232(%rcx), %xmm8\n movdqu 248(%rcx), %xmm9\n"
    "movdqu 264(%rcx), %xmm10\n movdqu 280(%rcx), %xmm11\n movdqu 296(%rcx), %xmm12\n movdqu 312(%rcx), %xmm13\n movdqu 328(%rcx), %xmm14\n"
    "movdqu 344(%rcx), %xmm15\n"
    "mov 368(%rcx), %r11\n mov %r11, -128(%rsp)\n mov 376(%rcx), %r11\n mov %r11, -8(%rsp)\n mov 384(%rcx), %r11\n mov %r11, -64(%rsp)\n"
    "mov 0(%rcx), %rdi\n mov 8(%rcx), %rsi\n mov 16(%rcx), %rdx\n mov 24(%rcx), %r10\n mov 32(%rcx), %r8\n mov 40(%rcx), %r9\n mov 48(%rcx), %rbx\n"
    "mov 56(%rcx), %rbp\n mov 64(%rcx), %r12\n mov 72(%rcx), %r13\n mov 80(%rcx), %r14\n mov 88(%rcx), %r15\n"
    "syscall\n"
    "mov 8(%rsp), %rcx\n"   // where `out` was pushed
    "mov %rdi, 0(%rcx)\n mov %rsi, 8(%rcx)\n mov %rdx, 16(%rcx)\n mov %r10, 24(%rcx)\n mov %r8, 32(%rcx)\n mov %r9, 40(%rcx)\n mov %rbx, 48(%rcx)\n"
    "mov %rbp, 56(%rcx)\n mov %r12, 64(%rcx)\n mov %r13, 72(%rcx)\n mov %r14, 80(%rcx)\n mov %r15, 88(%rcx)\n"
    "movdqu %xmm0, 104(%rcx)\n movdqu %xmm1, 120(%rcx)\n movdqu %xmm2, 136(%rcx)\n movdqu %xmm3, 152(%rcx)\n movdqu %xmm4, 168(%rcx)\n"
    "movdqu %xmm5, 184(%rcx)\n movdqu %xmm6, 200(%rcx)\n movdqu %xmm7, 216(%rcx)\n movdqu %xmm8, 232(%rcx)\n movdqu %xmm9, 248(%rcx)\n"
    "movdqu %xmm10, 264(%rcx)\n movdqu %xmm11, 280(%rcx)\n movdqu %xmm12, 296(%rcx)\n movdqu %xmm13, 312(%rcx)\n movdqu %xmm14, 328(%rcx)\n"
    "movdqu %xmm15, 344(%rcx)\n stmxcsr 360(%rcx)\n fnstcw 364(%rcx)\n"
    "mov -128(%rsp), %r11\n mov %r11, 368(%rcx)\n mov -8(%rsp), %r11\n mov %r11, 376(%rcx)\n mov -64(%rsp), %r11\n mov %r11, 384(%rcx)\n"
    "cld\n pop %rdi\n pop %rsi\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n.cfi_endproc\n"
    ".size keep_registers, .-keep_registers\n.p2align 5\n");
static void nothing(int s) { (void)s; }
static void registers(void) {
  struct registers in, out;
  int wrong = 0;
  unsigned char *bytes = (unsigned char *)&in;
  for (size_t i = 0; i < sizeof in; ++i) bytes[i] = i * 37 + 11;
  in.mxcsr = 0x1f80 | 0x6000, in.x87 = 0x0f7f, memset(&in.general[12], 0, 8);
  for (int i = 0; i < often * 10; ++i) {
    memset(&out, 0, sizeof out);
    const long parent = keep_registers(&in, &out, i % 3 == 0 ? SYS_getuid : SYS_getppid);
    wrong += parent < 0 || memcmp(in.general, out.general, 96) != 0 || memcmp(in.vectors, out.vectors, sizeof in.vectors) != 0 ||
             in.mxcsr != out.mxcsr || in.x87 != out.x87 || memcmp(in.red_zone, out.red_zone, 24) != 0;
  }
  const uint32_t usual = 0x1f80;
  const uint16_t usual_x87 = 0x037f;
  __asm__ volatile("ldmxcsr %0\n fldcw %1" : : "m"(usual), "m"(usual_x87));
  printf("registers %d\n", wrong);
}

// --- numbers that are no call ------------------------------------------------------------------------------------------------
extern long any_number(long number);
FUNCTION(any_number, "mov %rdi, %rax\n syscall\n ret");
static void numbers(void) {
  const long tried[] = {SYS_getppid, 600, 512, 1000, 4096, 0x7fffffff, 0xffffffff, -1};   // what has bit 30 is Linux' x32
  int wrong = 0;
  for (int i = 0; i < often; ++i)
    for (unsigned k = 1; k < sizeof tried / sizeof *tried; ++k) wrong += any_number(tried[k]) != -ENOSYS;
  printf("numbers %d %d\n", wrong, any_number(SYS_getppid) == getppid());
}

// --- sites at the end of a line and of a page ---------------------------------------------------------------------------------
__asm__(".text\n.p2align 12\n.skip 56\n.type at_line_end, @function\nat_line_end: .cfi_startproc\n mov $110, %eax\n nop\n nop\n syscall\n ret\n.cfi_endproc\n"
        ".size at_line_end, .-at_line_end\n.p2align 5\n.skip 3936\n .p2align 4, 0x90\n");
__asm__(".text\n.p2align 12\n.skip 4089\n.type at_page_end, @function\nat_page_end: .cfi_startproc\n mov $110, %eax\n nop\n syscall\n ret\n.cfi_endproc\n"
        ".size at_page_end, .-at_page_end\n.p2align 5\n");
extern long at_line_end(void), at_page_end(void);
static const void *volatile line_site = (char *)at_line_end + 7, *volatile page_site = (char *)at_page_end + 6;   // not for the compiler to guess
static void ends(void) {
  const long parent = getppid();
  int wrong = 0;
  const unsigned char *line = line_site, *page = page_site;
  const int placed = (uintptr_t)line % 64 == 63 && (uintptr_t)page % 4096 == 4095 && line[0] == 0x0f && line[1] == 5 && page[0] == 0x0f;
  const long before = counted("trapped_calls ");
  for (int i = 0; i < often; ++i) wrong += at_line_end() != parent, wrong += at_page_end() != parent;
  if (in_guest && counted("trapped_calls ") - before < 2 * often) puts("a site at an end was rewritten");
  printf("ends %d %d %d\n", placed, wrong, line[0] == 0x0f && line[1] == 5 && page[0] == 0x0f && page[1] == 5);
}

// --- code that is made, and made anew ---------------------------------------------------------------------------------------
static long made(unsigned char *at, int number) {   // mov $number, %eax; syscall; ret
  const unsigned char code[] = {0xb8, number, number >> 8, 0, 0, 0x0f, 0x05, 0xc3};
  memcpy(at, code, sizeof code);
  return ((long (*)(void))at)();
}
static void made_code(void) {
  int wrong = 0;
  const long self = getpid(), parent = getppid();
  unsigned char *both = mmap(NULL, 8192, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < often; ++i) {   // the same place: one call, another, a computation, a site that moved by a byte
    wrong += made(both, SYS_getpid) != self, wrong += made(both, SYS_getppid) != parent;
    memcpy(both, "\xb8\x0f\x05\x00\x00\xc3\x90\x90", 8), wrong += ((long (*)(void))both)() != 0x50f;
    wrong += made(both + 1, SYS_getppid) != parent, wrong += made(both + 4096 - 6, SYS_getpid) != self;
  }
  // Never writable and executable at once, and through two mappings of a file.
  for (int i = 0; i < often / 4; ++i) {
    mprotect(both, 4096, PROT_READ | PROT_WRITE);
    memcpy(both, "\xb8\x6e\x00\x00\x00\x0f\x05\xc3", 8), both[1] = i % 2 ? SYS_getppid : SYS_getpid;
    mprotect(both, 4096, PROT_READ | PROT_EXEC);
    for (int k = 0; k < 3; ++k) wrong += ((long (*)(void))both)() != (i % 2 ? parent : self);
  }
  const int file = memfd_create("code", 0);
  ftruncate(file, 4096);
  unsigned char *to = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), *from = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED, file, 0);
  for (int i = 0; i < often / 4; ++i) {
    memcpy(to, "\xb8\x6e\x00\x00\x00\x0f\x05\xc3", 8), to[1] = i % 2 ? SYS_getppid : SYS_getpid;
    for (int k = 0; k < 3; ++k) wrong += ((long (*)(void))from)() != (i % 2 ? parent : self);
  }
  printf("made %d %d\n", wrong, to[5] == 0x0f && to[6] == 5);
}

// The program's own rewritten page: written, it has the file's bytes, and what the program writes stays.
FUNCTION(changed_later, "mov $110, %eax\n syscall\n ret");
extern long changed_later(void);
static void own_text(void) {
  const long parent = getppid();
  int wrong = 0;
  for (int i = 0; i < 10; ++i) wrong += changed_later() != parent;
  unsigned char *site = (unsigned char *)changed_later, *page = (unsigned char *)((uintptr_t)site & -4096ul);
  mprotect(page, 8192, PROT_READ | PROT_WRITE | PROT_EXEC);
  site[1] = SYS_getpid;   // the number of the call
  const int bytes = site[5] == 0x0f && site[6] == 5;
  for (int i = 0; i < 10; ++i) wrong += changed_later() != getpid();
  memcpy(site + 5, "\x90\x90", 2);
  wrong += changed_later() != SYS_getpid;
  mprotect(page, 8192, PROT_READ | PROT_EXEC);
  for (int i = 0; i < 10; ++i) wrong += changed_later() != SYS_getpid;
  printf("own %d %d\n", bytes, wrong);
}

// --- children on other stacks, and on the same one -----------------------------------------------------------------------------
extern long raw_clone(long flags, void *stack, long number);
FUNCTION(raw_clone, "mov %rdx, %rax\n xor %edx, %edx\n xor %r10d, %r10d\n xor %r8d, %r8d\n syscall\n test %rax, %rax\n jnz 1f\n"
                    "test $0x4000, %edi\n jnz 2f\n ret\n"
                    "2: mov $60, %eax\n mov $7, %edi\n syscall\n 1: ret");
static int on_other;
static void other_stack(void) { on_other += 1, syscall(SYS_exit, 5); }
static void children(void) {
  int wrong = 0, status;
  void **stack = (void **)((char *)malloc(65536) + 65536);
  for (int i = 0; i < 20; ++i) {
    stack[-2] = (void *)other_stack;   // where the child returns to
    long child = raw_clone(CLONE_VM | SIGCHLD, stack - 2, SYS_clone);
    wrong += waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 5;
    child = raw_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, SYS_clone);   // as Go does: on the parent's stack
    wrong += waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7;
    child = raw_clone(CLONE_VM | CLONE_VFORK | SIGCHLD, NULL, SYS_vfork);
    wrong += waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7;
    child = raw_clone(0x4000, NULL, SYS_fork);
    wrong += waitpid(child, &status, 0) != child || WEXITSTATUS(status) != 7;
  }
  printf("children %d %d\n", wrong, on_other);
}

// --- the way out of a handler ------------------------------------------------------------------------------------------------
static volatile int handled, found_main;
static void *restorer;
static void look_back(int s, siginfo_t *i, void *context) {
  (void)s, (void)i, (void)context;
  restorer = __builtin_return_address(0);
  void *frames[40];
  char **names;
  const int n = backtrace(frames, 40);
  names = backtrace_symbols(frames, n);
  for (int k = 0; k < n; ++k) found_main |= strstr(names[k], "(caller_of_kill") != NULL;
  free(names);
  ++handled;
}
__attribute__((noinline)) void caller_of_kill(void) { for (int i = 0; i < often; ++i) raise(SIGUSR1); __asm__ volatile(""); }
static void restoring(void) {
  const struct sigaction a = {.sa_sigaction = look_back, .sa_flags = SA_SIGINFO};
  sigaction(SIGUSR1, &a, NULL);
  caller_of_kill();
  const int same = memcmp(restorer, "\x48\xc7\xc0\x0f\x00\x00\x00\x0f\x05", 9);
  printf("restorer %d %d %d\n", handled, same, found_main);
}

// --- nothing at address 0, nothing writable and executable, nobody writes what others run ---------------------------------------
static int fate(void (*f)(void)) {
  fflush(stdout);
  int status;
  const pid_t child = fork();
  if (child == 0) { f(); _exit(0); }
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}
static void read_null(void) { (void)*(volatile char *)NULL; }
static void call_null(void) { ((void (*)(void))NULL)(); }
static void call_near_null(void) { ((void (*)(void))0x100)(); }
static void map_null(void) { if (mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) _exit(errno == EPERM || errno == ENOMEM ? 1 : 2); }
static void write_text(void) { *(volatile unsigned char *)real_one = 0; }
static void protection(void) {
  char line[512];
  int both = 0;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) both += strstr(line, " rwx") != NULL;
  fclose(maps);
  printf("null %d %d %d, text %d, both %d\n", fate(read_null), fate(call_null), fate(call_near_null), fate(write_text), both);
  (void)map_null;   // root may on Linux
}

// The stubs, which are shared by all that run the file: asked to become writable, they become the process's own at most.
static void spoil_stubs(void) {
  char line[512];
  unsigned long start, end;
  FILE *maps = fopen("/proc/self/maps", "r");
  while (fgets(line, sizeof line, maps)) {
    if (strstr(line, "[exos]") == NULL || sscanf(line, "%lx-%lx", &start, &end) != 2) continue;
    if (mprotect((void *)start, end - start, PROT_READ | PROT_WRITE) != 0) continue;
    for (unsigned long at = start; at < end; at += 4096) memset((void *)at, 0xcc, 4096);
  }
}
static void stubs(void) {
  const long parent = getppid();
  int wrong = 0;
  if (in_guest) (void)fate(spoil_stubs);   // whatever becomes of it
  for (int i = 0; i < 10; ++i) wrong += real_one() != parent, wrong += changed_later() != SYS_getpid;
  printf("stubs %d %d\n", wrong, fate(other_stack) == -5);
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  in_guest = argc > 1;
  const long before = counted("direct_calls ");
  data(), registers(), numbers(), ends(), made_code(), own_text(), children(), restoring(), protection(), stubs();
  if (in_guest && counted("direct_calls ") - before < 5 * often) puts("hardly anything was rewritten");
  return 0;
}
