// SPDX-License-Identifier: MIT
// Tracing: every kind of stop, registers, memory, signals, steps, and who may trace whom.
#include "case.h"
#include <elf.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>

#define TRACE(what, request, pid, addr, data) CASE(ptrace, what, request, pid, addr, data)
#define go(request, pid, data) syscall(SYS_ptrace, request, pid, 0, data)

// A wait status whole, as one hexadecimal number.
static int wait_for(pid_t pid) {
  int status = -1;
  while (waitpid(pid, &status, __WALL) < 0) {
    if (errno != EINTR) return -errno;
  }
  return status;
}
static void stops(const char *what, pid_t pid) { printf("ptrace: %s: status = %x\n", what, wait_for(pid)); }
static void value(const char *what, long number) { EFFECT(ptrace, what, number); }

static struct user_regs_struct registers(pid_t pid) {
  struct user_regs_struct r;
  memset(&r, 0xee, sizeof r);
  syscall(SYS_ptrace, PTRACE_GETREGS, pid, 0, &r);
  return r;
}
static void set_registers(pid_t pid, struct user_regs_struct r) { syscall(SYS_ptrace, PTRACE_SETREGS, pid, 0, &r); }
static long message(pid_t pid) {
  unsigned long m = 0;
  syscall(SYS_ptrace, PTRACE_GETEVENTMSG, pid, 0, &m);
  return (long)m;
}
static void info(const char *what, pid_t pid) {
  siginfo_t i;
  memset(&i, 0, sizeof i);
  if (syscall(SYS_ptrace, PTRACE_GETSIGINFO, pid, 0, &i) != 0) printf("ptrace: %s: info = %s\n", what, strerrorname_np(errno));
  else printf("ptrace: %s: info = signal %d code %x\n", what, i.si_signo, i.si_code);
}

// A child that is traced and has stopped itself.
#define TRACED(child, ...)                                                         \
  pid_t child = fork();                                                            \
  if (child == 0) { ptrace(PTRACE_TRACEME, 0, 0, 0); raise(SIGSTOP); __VA_ARGS__; _exit(0); } \
  wait_for(child)
static void end(pid_t child) {
  kill(child, SIGKILL);
  int status;
  do status = wait_for(child);
  while (status >= 0 && !WIFSIGNALED(status) && !WIFEXITED(status));
}

static void refusals(void) {
  TRACE("of nobody", PTRACE_CONT, 999999, 0, 0);
  TRACE("attach to nobody", PTRACE_ATTACH, 999999, 0, 0);
  TRACE("attach to itself", PTRACE_ATTACH, getpid(), 0, 0);
  TRACE("of pid 0", PTRACE_CONT, 0, 0, 0);
  pid_t child = fork();
  if (child == 0) { pause(); _exit(0); }
  TRACE("of one that is not traced", PTRACE_CONT, child, 0, 0);
  TRACE("seize with an address", PTRACE_SEIZE, child, 1, 0);
  TRACE("seize with unknown options", PTRACE_SEIZE, child, 0, 1 << 30);
  TRACE("seize", PTRACE_SEIZE, child, 0, 0);
  TRACE("attach twice", PTRACE_ATTACH, child, 0, 0);
  TRACE("of one that runs", PTRACE_CONT, child, 0, 0);
  TRACE("peek one that runs", PTRACE_PEEKDATA, child, &child, &child);
  end(child);
  TRACED(other, pause());
  TRACE("a bad request", 0x7777, other, 0, 0);
  TRACE("a bad signal", PTRACE_CONT, other, 0, 65);
  TRACE("bad options", PTRACE_SETOPTIONS, other, 0, 1 << 30);
  TRACE("registers to nowhere", PTRACE_GETREGS, other, 0, BAD);
  TRACE("registers from nowhere", PTRACE_SETREGS, other, 0, BAD);
  TRACE("info to nowhere", PTRACE_GETSIGINFO, other, 0, BAD);
  TRACE("message to nowhere", PTRACE_GETEVENTMSG, other, 0, BAD);
  TRACE("listen to one that was not seized", PTRACE_LISTEN, other, 0, 0);
  TRACE("interrupt one that was not seized", PTRACE_INTERRUPT, other, 0, 0);
  TRACE("mask of a bad size", PTRACE_GETSIGMASK, other, 4, &child);
  TRACE("detach with a bad signal", PTRACE_DETACH, other, 0, 65);
  end(other);
  int result;
  IN_CHILD(result, ptrace(PTRACE_TRACEME, 0, 0, 0); _exit(ptrace(PTRACE_TRACEME, 0, 0, 0) == -1 && errno == EPERM ? 7 : 8));
  value("trace me twice", result);
}

// --- calls ------------------------------------------------------------------------------------------------------------
static void call_info(const char *what, pid_t child) {
  struct __ptrace_syscall_info i;
  memset(&i, 0, sizeof i);
  const long size = syscall(SYS_ptrace, PTRACE_GET_SYSCALL_INFO, child, sizeof i, &i);
  const struct user_regs_struct r = registers(child);
  printf("ptrace: %s: info of %ld bytes, kind %d arch %x, same rip %d, same rsp %d", what, size, i.op, i.arch, i.instruction_pointer == r.rip,
         i.stack_pointer == r.rsp);
  if (i.op == PTRACE_SYSCALL_INFO_ENTRY) printf(", call %lld (%lld, %lld)", (long long)i.entry.nr, (long long)i.entry.args[0], (long long)i.entry.args[1]);
  if (i.op == PTRACE_SYSCALL_INFO_EXIT) printf(", result %lld error %d", (long long)i.exit.rval, i.exit.is_error);
  printf("\n");
}

static void call_stop(const char *what, pid_t child) {
  go(PTRACE_SYSCALL, child, 0);
  const int status = wait_for(child);
  const struct user_regs_struct r = registers(child);
  long word = 0;
  syscall(SYS_ptrace, PTRACE_PEEKTEXT, child, r.rip - 2, &word);
  printf("ptrace: %s: status = %x, orig_rax %lld rax %lld, rcx is rip %d, r11 is flags %d, code %lx cs %llx ss %llx ds %llx gs_base %llx\n", what, status,
         (long long)r.orig_rax, (long long)r.rax > 0 && r.rax != 77 ? 1 : (long long)r.rax, r.rcx == r.rip, r.r11 == r.eflags, word & 0xffff, r.cs, r.ss, r.ds, r.gs_base);
}

// The last calls that a process makes are always the same: a library may answer some of them without a call.
static void calls(void) {
  TRACED(child, {
    for (int i = 0; i < 2; ++i) {
      syscall(SYS_getppid), syscall(SYS_getpid), syscall(SYS_getuid), syscall(SYS_gettid), syscall(SYS_sched_yield);
      syscall(SYS_close, -1);
    }
    _exit(syscall(SYS_dup, 1234567) == 42 ? 42 : errno == EBADF ? 1 : 2);
  });
  // Warm: the same places run untraced and traced.
  for (int i = 0; i < 12; ++i) call_stop("enter", child), call_stop("exit", child);
  call_stop("a call", child);
  info("a call without the option", child);
  call_info("a call without the option", child);
  TRACE("options", PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD);
  // The result is another one.
  call_stop("its exit", child);
  info("its exit", child);
  value("message at exit", message(child));
  call_info("its exit", child);
  struct user_regs_struct r = registers(child);
  r.rax = 42;
  set_registers(child, r);
  call_stop("exit_group", child);
  call_info("exit_group", child);
  value("message at entry", message(child));
  go(PTRACE_SYSCALL, child, 0);
  stops("the end", child);
}

// One that is at work when its tracer comes: its calls may have been made the short way till then, and are again when it is gone.
static void of_one_at_work(void) {
  pid_t child = fork();
  if (child == 0) { for (;;) syscall(SYS_getpid); }
  for (int times = 0; times < 3; ++times) {
    sleep_ms(2);
    // Who looks from outside sees the instruction, whatever stands there.
    unsigned char text[64] = {0};
    int at = 0;
    const struct iovec here = {text, sizeof text}, there = {syscall, sizeof text};
    value("its text is read", process_vm_readv(child, &here, 1, &there, 1, 0));
    while (at < 62 && (text[at] != 0x0f || text[at + 1] != 0x05)) ++at;
    value("the instruction is there", at < 62);
    TRACE("seize one that makes calls", PTRACE_SEIZE, child, 0, PTRACE_O_TRACESYSGOOD);
    TRACE("interrupt it", PTRACE_INTERRUPT, child, 0, 0);
    stops("interrupted", child);
    go(PTRACE_SYSCALL, child, 0);
    stops("its call", child);
    struct user_regs_struct r = registers(child);
    printf("ptrace: its call: orig_rax %lld rax %lld\n", (long long)r.orig_rax, (long long)r.rax);
    go(PTRACE_SYSCALL, child, 0);
    stops("its result", child);
    r = registers(child);
    printf("ptrace: its result: orig_rax %lld, is the pid %d\n", (long long)r.orig_rax, r.rax == child);
    TRACE("detach", PTRACE_DETACH, child, 0, 0);
  }
  end(child);
}

static void changed_calls(void) {
  TRACED(child, {
    const long skipped = syscall(SYS_getppid), other = syscall(SYS_getppid), arguments = syscall(SYS_dup, 0), unknown = syscall(SYS_getppid);
    _exit((skipped == 77) + 2 * (other == getpid()) + 4 * (arguments == -1 && errno == EBADF) + 8 * (unknown == -1 && errno == EBADF));
  });
  struct user_regs_struct r;
  call_stop("to be skipped", child);
  r = registers(child), r.orig_rax = -1, r.rax = 77, set_registers(child, r);
  call_stop("skipped", child);
  call_stop("to be another", child);
  r = registers(child), r.orig_rax = SYS_getpid, set_registers(child, r);
  go(PTRACE_SYSCALL, child, 0), stops("another", child);
  value("another's number", registers(child).orig_rax);
  value("another's result is the pid", registers(child).rax == child);
  call_stop("with other arguments", child);
  r = registers(child), r.rdi = -1, set_registers(child, r);
  call_stop("had other arguments", child);
  call_stop("to be none", child);
  r = registers(child), r.orig_rax = 99999, set_registers(child, r);
  call_stop("was none", child);
  go(PTRACE_CONT, child, 0);
  stops("all as told", child);
}

static void skipped_by_emulation(void) {
  TRACED(child, _exit(syscall(SYS_getppid) == 5 ? 6 : 7));
  TRACE("emulate", PTRACE_SYSEMU, child, 0, 0);
  stops("emulated", child);
  struct user_regs_struct r = registers(child);
  value("emulated call", r.orig_rax);
  r.rax = 5;
  set_registers(child, r);
  go(PTRACE_CONT, child, 0);
  stops("emulated by the tracer", child);
}

// --- registers --------------------------------------------------------------------------------------------------------
static __attribute__((noinline, noclone)) long elsewhere(long a) { _exit(a == 11 ? 12 : 13); }

static void general_registers(void) {
  static char stack[65536] __attribute__((aligned(16)));
  TRACED(child, pause());
  struct user_regs_struct r = registers(child), all;
  value("rip by PEEKUSER", ({ long w = 0; syscall(SYS_ptrace, PTRACE_PEEKUSER, child, offsetof(struct user, regs.rip), &w); w == (long)r.rip; }));
  TRACE("PEEKUSER not aligned", PTRACE_PEEKUSER, child, 3, &all);
  TRACE("PEEKUSER beyond", PTRACE_PEEKUSER, child, sizeof(struct user), &all);
  TRACE("PEEKUSER of DR7", PTRACE_PEEKUSER, child, offsetof(struct user, u_debugreg[7]), &all);
  value("DR7", *(long *)&all);
  TRACE("POKEUSER of DR7 with 0", PTRACE_POKEUSER, child, offsetof(struct user, u_debugreg[7]), 0);
  TRACE("POKEUSER beyond", PTRACE_POKEUSER, child, sizeof(struct user), 0);
  TRACE("POKEUSER cs 0", PTRACE_POKEUSER, child, offsetof(struct user, regs.cs), 0);
  TRACE("POKEUSER rbx", PTRACE_POKEUSER, child, offsetof(struct user, regs.rbx), 0x1234567);
  value("rbx", registers(child).rbx);
  struct iovec v = {&all, sizeof all};
  TRACE("GETREGSET", PTRACE_GETREGSET, child, NT_PRSTATUS, &v);
  value("its length", v.iov_len);
  v.iov_len = 16;
  TRACE("GETREGSET, short", PTRACE_GETREGSET, child, NT_PRSTATUS, &v);
  value("its length", v.iov_len);
  v.iov_len = 7;
  TRACE("GETREGSET of 7 bytes", PTRACE_GETREGSET, child, NT_PRSTATUS, &v);
  v.iov_len = 4096;
  TRACE("GETREGSET, long", PTRACE_GETREGSET, child, NT_PRSTATUS, &v);
  value("its length", v.iov_len);
  TRACE("GETREGSET of an unknown set", PTRACE_GETREGSET, child, 0x999, &v);
  TRACE("GETREGSET to nowhere", PTRACE_GETREGSET, child, NT_PRSTATUS, BAD);
  value("the same", memcmp(&all, &(struct user_regs_struct){0}, 8) == 0 || all.rsp == r.rsp);
  all = registers(child);
  all.rip = (long)elsewhere, all.rdi = 11, all.rsp = (long)(stack + sizeof stack - 8), all.orig_rax = -1;
  v = (struct iovec){&all, sizeof all};
  TRACE("SETREGSET", PTRACE_SETREGSET, child, NT_PRSTATUS, &v);
  go(PTRACE_CONT, child, 0);
  stops("went elsewhere", child);
}

static void vector_registers(void) {
  int result;
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    unsigned long low[2] = {0x1111222233334444, 0x5555666677778888}, after[2];
    asm volatile("movdqu %1, %%xmm9\n mov %2, %%eax\n syscall\n mov %%eax, %%edi\n mov $19, %%esi\n mov $62, %%eax\n syscall\n movdqu %%xmm9, %0"
                 : "=m"(after) : "m"(low), "i"(SYS_getpid) : "rax", "rcx", "r11", "rdi", "rsi", "xmm9", "memory");
    _exit(after[0] == 0x99 && after[1] == 0x98 ? 21 : 22);
  }
  stops("stopped itself", child);
  struct user_fpregs_struct f;
  memset(&f, 0, sizeof f);
  TRACE("GETFPREGS", PTRACE_GETFPREGS, child, 0, &f);
  printf("ptrace: xmm9 = %x %x %x %x\n", f.xmm_space[36], f.xmm_space[37], f.xmm_space[38], f.xmm_space[39]);
  value("mxcsr", f.mxcsr);
  static char state[8192] __attribute__((aligned(64)));
  struct iovec v = {state, sizeof state};
  TRACE("GETREGSET of the whole", PTRACE_GETREGSET, child, NT_X86_XSTATE, &v);
  value("whole: more than the header", v.iov_len >= 576);
  value("whole: has the same", memcmp(state + 160 + 9 * 16, &f.xmm_space[36], 16));
  value("whole: tells its features", (*(long *)(state + 464) & 3) == 3);
  struct iovec short_one = {state, 512};
  TRACE("SETREGSET of part of the whole", PTRACE_SETREGSET, child, NT_X86_XSTATE, &short_one);
  ((long *)(state + 160 + 9 * 16))[0] = 0x99, ((long *)(state + 160 + 9 * 16))[1] = 0x97;
  TRACE("SETREGSET of the whole", PTRACE_SETREGSET, child, NT_X86_XSTATE, &v);
  v = (struct iovec){&f, sizeof f};
  TRACE("GETREGSET of the legacy part", PTRACE_GETREGSET, child, NT_FPREGSET, &v);
  value("its length", v.iov_len);
  printf("ptrace: xmm9 = %x %x %x %x\n", f.xmm_space[36], f.xmm_space[37], f.xmm_space[38], f.xmm_space[39]);
  f.xmm_space[38] = 0x98;
  TRACE("SETFPREGS", PTRACE_SETFPREGS, child, 0, &f);
  f.mxcsr = 0xffff0000;
  v.iov_len = sizeof f;
  TRACE("SETREGSET with a bad MXCSR", PTRACE_SETREGSET, child, NT_FPREGSET, &v);
  go(PTRACE_CONT, child, 0);
  stops("has them", child);
}

// --- memory -----------------------------------------------------------------------------------------------------------
static volatile long shown = 0x12345;
static __attribute__((noinline, noclone)) long answers(void) { asm volatile(""); return shown; }

static void memory(void) {
  long *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  long *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  TRACED(child, {
    const long a = answers();
    _exit(a == 0x777 && *read_only == 9 && shared[3] == 8 ? 31 : 32);
  });
  long word = 0;
  TRACE("PEEKDATA", PTRACE_PEEKDATA, child, &shown, &word);
  value("word", word);
  TRACE("PEEKDATA at a hole", PTRACE_PEEKDATA, child, before_hole(), &word);
  TRACE("PEEKDATA over its edge", PTRACE_PEEKDATA, child, before_hole() - 4, &word);
  TRACE("PEEKDATA to nowhere", PTRACE_PEEKDATA, child, &shown, BAD);
  TRACE("POKEDATA at a hole", PTRACE_POKEDATA, child, before_hole(), 1);
  TRACE("POKEDATA", PTRACE_POKEDATA, child, &shown, 0x777);
  TRACE("POKEDATA where it only reads", PTRACE_POKEDATA, child, read_only, 9);
  TRACE("POKEDATA to shared memory", PTRACE_POKEDATA, child, shared + 3, 8);
  value("shared with the tracer", shared[3]);
  value("not shared", *read_only);
  value("own memory as before", shown);
  // A breakpoint in text that both share.
  TRACE("PEEKTEXT", PTRACE_PEEKTEXT, child, answers, &word);
  TRACE("POKETEXT", PTRACE_POKETEXT, child, answers, (word & ~0xffl) | 0xcc);
  value("own text as before", answers());
  go(PTRACE_CONT, child, 0);
  stops("breakpoint", child);
  info("breakpoint", child);
  struct user_regs_struct r = registers(child);
  value("one behind it", r.rip - (long)answers);
  value("orig_rax", r.orig_rax);
  syscall(SYS_ptrace, PTRACE_POKETEXT, child, answers, word);
  r.rip -= 1;
  set_registers(child, r);
  go(PTRACE_CONT, child, 0);
  stops("with what was poked", child);
  // The memory file.
  TRACED(filed, _exit(answers() == 0x4444 ? 33 : 34));
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/mem", filed);
  int file = open(path, O_RDWR);
  value("memory file opens", file >= 0);
  value("reads", pread(file, &word, 8, (long)&shown));
  value("word", word);
  word = 0x4444;
  value("writes", pwrite(file, &word, 8, (long)&shown));
  value("reads at a hole", pread(file, &word, 8, (long)before_hole()) == -1 ? errno : 0);
  value("reads up to it", pread(file, &word, 8, (long)before_hole() - 4));
  value("writes text", pread(file, &word, 8, (long)answers) == 8 && pwrite(file, &word, 8, (long)answers) == 8);
  close(file);
  go(PTRACE_CONT, filed, 0);
  stops("with what was written", filed);
}

// --- steps ------------------------------------------------------------------------------------------------------------
static void steps(void) {
  pid_t child = fork();
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    asm volatile("mov $39, %%eax\n syscall\n int3\n mov $1, %%ebx\n mov $2, %%ebx\n mov $110, %%eax\n syscall\n mov $3, %%ebx\n mov $4, %%ebx\n" : : : "rax", "rbx", "rcx", "r11", "memory");
    _exit(3);
  }
  stops("at int3", child);
  long base = registers(child).rip;
  for (int i = 0; i < 6; ++i) {
    TRACE("step", PTRACE_SINGLESTEP, child, 0, 0);
    stops("step", child);
    info("step", child);
    const struct user_regs_struct r = registers(child);
    printf("ptrace: step: at %lld, ebx %lld, orig_rax %lld, TF %lld\n", (long long)r.rip - base, (long long)(int)r.rbx, (long long)r.orig_rax, (long long)r.eflags >> 8 & 1);
  }
  go(PTRACE_CONT, child, 0);
  stops("the end", child);
}

static volatile int handled;
static void handler(int signal) { ++handled; }
static void steps_into_handler(void) {
  TRACED(child, signal(SIGUSR1, handler); raise(SIGUSR1); _exit(handled));
  go(PTRACE_CONT, child, 0);
  stops("to be handled", child);
  go(PTRACE_SINGLESTEP, child, SIGUSR1);
  stops("in the handler", child);
  info("in the handler", child);
  value("at its start", registers(child).rip == (long)handler);
  value("its argument", registers(child).rdi);
  go(PTRACE_CONT, child, 0);
  stops("handled", child);
}

// --- signals ----------------------------------------------------------------------------------------------------------
static void signals(void) {
  TRACED(child, {
    signal(SIGUSR1, handler);
    signal(SIGUSR2, SIG_IGN);
    raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR2);
    kill(getpid(), SIGCHLD);
    _exit(handled);
  });
  info("of the first stop", child);
  go(PTRACE_CONT, child, 0);
  stops("delivered", child);
  info("delivered", child);
  go(PTRACE_CONT, child, SIGUSR1);
  stops("suppressed", child);
  go(PTRACE_CONT, child, 0);
  stops("changed", child);
  siginfo_t i;
  TRACE("GETSIGINFO", PTRACE_GETSIGINFO, child, 0, &i);
  value("its sender", i.si_pid == child);
  TRACE("SETSIGINFO", PTRACE_SETSIGINFO, child, 0, &i);
  go(PTRACE_CONT, child, SIGUSR2);   // ignored
  stops("ignored, and seen all the same", child);
  go(PTRACE_CONT, child, SIGUSR2);
  stops("ignored by default", child);
  go(PTRACE_CONT, child, SIGUSR1);   // becomes one that is handled
  stops("handled twice", child);

  TRACED(other, pause());
  unsigned long mask = 0;
  TRACE("GETSIGMASK", PTRACE_GETSIGMASK, other, 8, &mask);
  value("mask", mask);
  mask = 1ul << (SIGUSR2 - 1) | 1ul << (SIGKILL - 1);
  TRACE("SETSIGMASK", PTRACE_SETSIGMASK, other, 8, &mask);
  TRACE("GETSIGMASK", PTRACE_GETSIGMASK, other, 8, &mask);
  value("mask", mask);
  kill(other, SIGUSR2);
  struct { unsigned long offset; unsigned flags; int count; } peek = {0, 1, 4};
  siginfo_t waiting[4];
  TRACE("PEEKSIGINFO", PTRACE_PEEKSIGINFO, other, &peek, waiting);
  value("signal", waiting[0].si_signo);
  peek.flags = 0;
  TRACE("PEEKSIGINFO of the thread", PTRACE_PEEKSIGINFO, other, &peek, waiting);
  peek.flags = 6;
  TRACE("PEEKSIGINFO with bad flags", PTRACE_PEEKSIGINFO, other, &peek, waiting);
  go(PTRACE_CONT, other, SIGTERM);
  stops("killed by what was let in", other);

  TRACED(faults, *(volatile int *)BAD = 1);
  go(PTRACE_CONT, faults, 0);
  stops("fault", faults);
  info("fault", faults);
  go(PTRACE_CONT, faults, SIGSEGV);
  stops("dies of it", faults);
  TRACED(killed, pause());
  TRACE("KILL", PTRACE_KILL, killed, 0, 0);
  stops("killed", killed);
}

// Calls that a signal interrupts are seen so, and made again.
static void restarts(void) {
  int ends[2];
  pipe(ends);
  TRACED(child, {
    signal(SIGUSR1, handler);
    char c;
    const long n = read(ends[0], &c, 1);
    _exit(n == 1 && handled == 1 ? 41 : 42);
  });
  for (;;) {
    go(PTRACE_SYSCALL, child, 0);
    wait_for(child);
    if (registers(child).orig_rax == SYS_read) break;
  }
  go(PTRACE_SYSCALL, child, 0);
  kill(child, SIGUSR1);
  stops("interrupted read", child);
  struct user_regs_struct r = registers(child);
  value("its result", r.rax);
  go(PTRACE_SYSCALL, child, 0);
  stops("the signal", child);
  r = registers(child);
  value("result still there", r.rax);
  value("number still there", r.orig_rax);
  go(PTRACE_SYSCALL, child, SIGUSR1);
  stops("return from the handler", child);
  value("rt_sigreturn", registers(child).orig_rax);
  go(PTRACE_SYSCALL, child, 0);
  stops("returned", child);
  r = registers(child);
  printf("ptrace: returned: orig_rax %lld rax %lld\n", (long long)r.orig_rax, (long long)r.rax);
  go(PTRACE_SYSCALL, child, 0);
  stops("read again", child);
  r = registers(child);
  printf("ptrace: read again: orig_rax %lld rax %lld\n", (long long)r.orig_rax, (long long)r.rax);
  write(ends[1], "x", 1);
  go(PTRACE_CONT, child, 0);
  stops("has read", child);
  close(ends[0]), close(ends[1]);
}

// --- group stops, attaching -------------------------------------------------------------------------------------------
static void group_stops(void) {
  TRACED(child, raise(SIGTSTP); _exit(5));
  setpgid(child, child);
  go(PTRACE_CONT, child, 0);
  stops("SIGTSTP", child);
  go(PTRACE_CONT, child, SIGSTOP);
  stops("group stop", child);
  info("group stop", child);
  TRACE("goes on in spite of it", PTRACE_CONT, child, 0, 0);
  stops("the end", child);

  pid_t seized = fork();
  if (seized == 0) { for (;;) pause(); }
  TRACE("seize", PTRACE_SEIZE, seized, 0, 0);
  TRACE("interrupt", PTRACE_INTERRUPT, seized, 0, 0);
  stops("interrupted", seized);
  info("interrupted", seized);
  TRACE("listen to no group stop", PTRACE_LISTEN, seized, 0, 0);
  TRACE("listening: no request", PTRACE_CONT, seized, 0, 0);
  TRACE("interrupt", PTRACE_INTERRUPT, seized, 0, 0);
  stops("interrupted while listening", seized);
  go(PTRACE_CONT, seized, 0);
  kill(seized, SIGSTOP);
  stops("SIGSTOP", seized);
  info("SIGSTOP", seized);
  go(PTRACE_CONT, seized, SIGSTOP);
  stops("group stop", seized);
  info("group stop", seized);
  go(PTRACE_LISTEN, seized, 0);
  value("nothing to wait for", waitpid(seized, NULL, __WALL | WNOHANG));
  kill(seized, SIGCONT);
  stops("continued", seized);
  go(PTRACE_CONT, seized, 0);
  stops("SIGCONT", seized);
  TRACE("detach", PTRACE_DETACH, seized, 0, 0);
  kill(seized, SIGTERM);
  stops("is by itself", seized);
}

static int line_of_status(pid_t pid, const char *key, char *to) {
  char path[64], line[256];
  snprintf(path, sizeof path, "/proc/%d/status", pid);
  FILE *file = fopen(path, "r");
  to[0] = 0;
  while (file != NULL && fgets(line, sizeof line, file) != NULL)
    if (strncmp(line, key, strlen(key)) == 0) strcpy(to, line + strlen(key));
  to[strcspn(to, "\n")] = 0;
  if (file != NULL) fclose(file);
  return 0;
}

static void attaching(void) {
  char text[256];
  pid_t child = fork();
  if (child == 0) { for (;;) pause(); }
  TRACE("attach", PTRACE_ATTACH, child, 0, 0);
  stops("attached", child);
  info("attached", child);
  line_of_status(child, "TracerPid:\t", text);
  value("is its tracer", atoi(text) == getpid());
  line_of_status(child, "State:\t", text);
  EFFECT_TEXT(ptrace, "state", text);
  siginfo_t told;
  memset(&told, 0, sizeof told);
  value("waitid when it was told already", waitid(P_PID, child, &told, WSTOPPED | WNOHANG));
  value("nothing new", told.si_pid);
  TRACE("detach", PTRACE_DETACH, child, 0, 0);
  line_of_status(child, "TracerPid:\t", text);
  EFFECT_TEXT(ptrace, "nobody's", text);
  // One that has stopped already.
  kill(child, SIGSTOP);
  int status;
  waitpid(child, &status, WUNTRACED);
  TRACE("attach to one that stands", PTRACE_ATTACH, child, 0, 0);
  stops("stands", child);
  TRACE("detach", PTRACE_DETACH, child, 0, 0);
  do line_of_status(child, "State:\t", text);
  while (text[0] == 'R');
  EFFECT_TEXT(ptrace, "still stands", text);
  end(child);
  // The stop is told by waitid too.
  TRACED(other, raise(SIGUSR1));
  go(PTRACE_CONT, other, 0);
  waitid(P_PID, other, &told, WEXITED);
  printf("ptrace: waitid: code %d status %d\n", told.si_code, told.si_status);
  end(other);
}

// The parent is told of the end when the tracer has been.
static void third_party(void) {
  int ends[2], more[2];
  char c;
  pipe(ends), pipe(more);
  pid_t child = fork();
  if (child == 0) { read(ends[0], &c, 1); _exit(9); }
  pid_t tracer = fork();
  if (tracer == 0) {
    const long attached = ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_TRACEEXIT);
    write(more[1], "a", 1);
    const int at_exit = wait_for(child), code = message(child);
    ptrace(PTRACE_CONT, child, 0, 0);
    siginfo_t told;
    waitid(P_PID, child, &told, WEXITED | WNOWAIT);
    write(more[1], "b", 1);
    read(ends[0], &c, 1);
    const int status = wait_for(child);
    _exit(attached == 0 && at_exit == (0x57f | 6 << 16) && code == 9 << 8 && status == 9 << 8 ? 1 : 2);
  }
  read(more[0], &c, 1);
  write(ends[1], "x", 1);
  read(more[0], &c, 1);
  value("its parent sees nothing yet", waitpid(child, NULL, WNOHANG));
  write(ends[1], "y", 1);
  value("the tracer has seen the end", reap(tracer));
  value("and its parent", reap(child));
  // The tracer ends first.
  child = fork();
  if (child == 0) { read(ends[0], &c, 1); _exit(10); }
  IN_CHILD(tracer, ptrace(PTRACE_ATTACH, child, 0, 0); wait_for(child));
  write(ends[1], "x", 1);
  value("goes on without its tracer", reap(child));
  child = fork();
  if (child == 0) { for (;;) pause(); }
  IN_CHILD(tracer, ptrace(PTRACE_SEIZE, child, 0, PTRACE_O_EXITKILL));
  value("ends with its tracer", reap(child));
  close(ends[0]), close(ends[1]), close(more[0]), close(more[1]);
}

// --- events -----------------------------------------------------------------------------------------------------------
static void *thread(void *unused) { return (void *)(long)(syscall(SYS_getppid) > 0); }

static void events(void) {
  TRACED(child, {
    pid_t forked = fork();
    if (forked == 0) _exit(3);
    waitpid(forked, NULL, 0);
    if (vfork() == 0) _exit(4);
    wait(NULL);
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    execl("/proc/self/exe", "ptrace", "--ended", NULL);
  });
  TRACE("options", PTRACE_SETOPTIONS, child, 0,
        PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE | PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_TRACESYSGOOD);
  // All of them go on in turn; what the first says is shown in its order, and so is what the others say.
  struct { pid_t pid; char name[16], said[400]; } who[4] = {{child, "first", ""}};
  int known = 1;
  go(PTRACE_CONT, child, 0);
  for (;;) {
    int status = -1;
    const pid_t pid = waitpid(-1, &status, __WALL);
    if (pid < 0) break;
    int i = 0;
    while (i < known && who[i].pid != pid) ++i;
    if (i == 4) { printf("ptrace: who is this?\n"); break; }
    if (i == known) who[known++].pid = pid;
    char text[64];
    const int event = status >> 16;
    long with = event == 0 ? 0 : message(pid);
    const int names_a_task = event >= 1 && event <= 5 && event != 4;
    snprintf(text, sizeof text, " %x", status);
    strcat(who[i].said, text);
    if (names_a_task) {
      int j = 0;
      while (j < known && who[j].pid != with) ++j;
      if (j == known && known < 4) who[known++].pid = with;
      snprintf(who[j].name, sizeof who[j].name, "of event %d", event == 5 ? 2 : event);
    } else if (event == 4) {
      snprintf(text, sizeof text, "(%s)", with == child ? "same" : "other");
      strcat(who[i].said, text);
    } else if (event == 6) {
      snprintf(text, sizeof text, "(%lx)", with);
      strcat(who[i].said, text);
    }
    const int signal = WIFSTOPPED(status) && event == 0 ? WSTOPSIG(status) : 0;
    if (WIFSTOPPED(status)) go(PTRACE_CONT, pid, signal == SIGSTOP || signal == SIGTRAP ? 0 : signal);
  }
  errno = 0;
  const char *order[] = {"first", "of event 1", "of event 2", "of event 3"};
  for (int o = 0; o < 4; ++o)
    for (int i = 0; i < known; ++i)
      if (strcmp(who[i].name, order[o]) == 0) printf("ptrace: %s:%s\n", who[i].name, who[i].said);
}

// A seized process's children are seized: their first stop is no signal.
static void seized_children(void) {
  pid_t child = fork();
  int ends[2];
  char c;
  if (child == 0) {
    raise(SIGSTOP);
    pid_t forked = fork();
    if (forked == 0) _exit(3);
    _exit(reap(forked));
  }
  int status;
  waitpid(child, &status, WUNTRACED);
  TRACE("seize", PTRACE_SEIZE, child, 0, PTRACE_O_TRACEFORK);
  stops("stands already", child);
  info("stands already", child);
  kill(child, SIGCONT);
  go(PTRACE_CONT, child, 0);
  for (int i = 0; i < 4; ++i) {
    status = wait_for(child);
    printf("ptrace: the seized one says %x\n", status);
    if (status >> 16 == PTRACE_EVENT_FORK) break;
    go(PTRACE_CONT, child, 0);
  }
  const pid_t forked = message(child);
  stops("its child", forked);
  info("its child", forked);
  struct user_regs_struct r = registers(forked);
  value("its child's result", r.rax);
  go(PTRACE_CONT, forked, 0);
  go(PTRACE_CONT, child, 0);
  stops("its child ends", forked);
  status = wait_for(child);
  if (WIFSTOPPED(status)) { printf("ptrace: then %x\n", status); go(PTRACE_CONT, child, WSTOPSIG(status)); status = wait_for(child); }
  printf("ptrace: ends with %x\n", status);
}

// The old way: exec is a SIGTRAP.
static void exec_without_option(void) {
  TRACED(child, execl("/proc/self/exe", "ptrace", "--ended", NULL));
  go(PTRACE_CONT, child, 0);
  stops("SIGTRAP after exec", child);
  info("SIGTRAP after exec", child);
  go(PTRACE_SYSCALL, child, 0);
  const int status = wait_for(child);
  printf("ptrace: its first call: %x, has a number %d\n", status, (long)registers(child).orig_rax >= 0);
  go(PTRACE_CONT, child, 0);
  stops("the end", child);
}

// Each thread is traced by itself, and its end is told.
static volatile int threads_go;
static pid_t other_thread;
static void *waits(void *unused) {
  other_thread = syscall(SYS_gettid);
  while (!threads_go) sched_yield();
  syscall(SYS_exit, 5);
  return NULL;
}
static void threads(void) {
  int *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t child = fork();
  if (child == 0) {
    pthread_t t;
    pthread_create(&t, NULL, waits, NULL);
    while (other_thread == 0) sched_yield();
    at[0] = other_thread;
    while (at[1] == 0) sched_yield();
    threads_go = 1;
    pthread_join(t, NULL);
    while (at[1] != 2) sched_yield();
    _exit(6);
  }
  while (at[0] == 0) sched_yield();
  TRACE("seize a thread", PTRACE_SEIZE, at[0], 0, 0);
  TRACE("interrupt it", PTRACE_INTERRUPT, at[0], 0, 0);
  stops("the thread", at[0]);
  value("the other goes on", waitpid(child, NULL, WNOHANG));
  go(PTRACE_CONT, at[0], 0);
  at[1] = 1;
  stops("ends", at[0]);
  at[1] = 2;
  stops("the process", child);
  munmap(at, 4096);
}

static void permissions(void) {
  if (geteuid() != 0) return;
  pid_t child = fork();
  if (child == 0) { for (;;) pause(); }
  int result;
  IN_CHILD(result, setuid(12345); _exit(ptrace(PTRACE_ATTACH, child, 0, 0) == -1 && errno == EPERM ? 1 : 2));
  value("of another user", result);
  end(child);
  child = fork();
  if (child == 0) { setuid(12345); for (;;) pause(); }
  sleep_ms(20);
  IN_CHILD(result, setuid(12345); _exit(ptrace(PTRACE_ATTACH, child, 0, 0) == -1 && errno == EPERM ? 1 : 2));
  value("of one that is not dumpable", result);
  end(child);
}

int main(int count, char **words) {
  if (count > 1) return 8;
  begin();
  refusals(), calls(), of_one_at_work(), changed_calls(), skipped_by_emulation();
  general_registers(), vector_registers();
  memory();
  steps(), steps_into_handler();
  signals(), restarts();
  group_stops(), attaching(), third_party();
  events(), seized_children(), exec_without_option(), threads(), permissions();
  return finish();
}
