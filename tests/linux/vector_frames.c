// SPDX-License-Identifier: MIT
// The vector state in a signal's frame: saved where the handler finds it, loaded as the handler leaves it, wherever the stack is.
#include "case.h"
#include <sys/ucontext.h>
#include <sys/time.h>

static volatile int taken;
static uint32_t seen, seen_control;
static uint32_t new_word, new_control;
static void *new_state, *const keep = (void *)1;

static void set_first_word(uint32_t word) { __asm__ volatile("movd %0, %%xmm3" : : "r"(word) : "xmm3"); }
static uint32_t control(void) {
  uint32_t word;
  __asm__ volatile("stmxcsr %0" : "=m"(word));
  return word;
}

static void handle(int signal, siginfo_t *info, void *context) {
  (void)info;
  mcontext_t *machine = &((ucontext_t *)context)->uc_mcontext;
  struct _libc_fpstate *state = machine->fpregs;
  seen = state->_xmm[3].element[0];
  seen_control = state->mxcsr;
  if (new_word != 0) state->_xmm[3].element[0] = new_word;
  if (new_control != 0) state->mxcsr = new_control;
  if (new_state != keep) machine->fpregs = new_state;
  if (signal == SIGILL) machine->gregs[REG_RIP] += 2;   // behind the undefined instruction
  set_first_word(0xdead);    // the handler's own state is gone with it
  const uint32_t other = 0x1fa0;
  __asm__ volatile("ldmxcsr %0" : : "m"(other));
  ++taken;
}

// xmm3 is `word` when an undefined instruction takes the signal; what it is afterwards.
static uint32_t through(uint32_t word) {
  __asm__ volatile("movd %0, %%xmm3\n ud2\n movd %%xmm3, %0" : "+r"(word) : : "xmm3", "memory");
  return word;
}

static void on_stack(void *stack, size_t size) {
  const stack_t alternate = {.ss_sp = stack, .ss_size = size};
  sigaltstack(&alternate, NULL);
}

int main(void) {
  int r;
  begin();
  new_state = keep;
  const struct sigaction action = {.sa_sigaction = handle, .sa_flags = SA_SIGINFO | SA_ONSTACK};
  sigaction(SIGILL, &action, NULL);
  sigaction(SIGALRM, &(struct sigaction){.sa_sigaction = handle, .sa_flags = SA_SIGINFO}, NULL);
  const uint32_t own_control = control();

  EFFECT(rt_sigreturn, "xmm3 as it was", through(0x1234));
  EFFECT(rt_sigaction, "the handler saw it", seen);
  EFFECT(rt_sigaction, "and MXCSR", seen_control == own_control);
  EFFECT(rt_sigreturn, "MXCSR as it was", control() == own_control);
  new_word = 0x5678, new_control = own_control ^ 0x2000;
  EFFECT(rt_sigreturn, "xmm3 as the handler left it", through(0x1234));
  EFFECT(rt_sigreturn, "MXCSR as the handler left it", control() == new_control);
  __asm__ volatile("ldmxcsr %0" : : "m"(own_control));
  new_word = new_control = 0;

  // On a stack that nobody has touched: page by page as it is written.
  char *stack = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  on_stack(stack, 1 << 16);
  EFFECT(sigaltstack, "untouched", through(0x77));
  EFFECT(sigaltstack, "the handler saw it", seen);
  // Everywhere on a page, so that the state straddles two.
  int wrong = 0;
  for (int offset = 0; offset < 4096; offset += 16) {
    on_stack(stack, (1 << 15) + offset);
    wrong += through(offset + 1) != (uint32_t)offset + 1 || seen != (uint32_t)offset + 1;
  }
  EFFECT(sigaltstack, "at 256 places of a page", wrong);
  IN_CHILD(r, { mprotect(stack, 1 << 16, PROT_READ); through(1); });
  EFFECT(sigaltstack, "that cannot be written", r);
  IN_CHILD(r, { munmap(stack, 1 << 16); through(1); });
  EFFECT(sigaltstack, "that is gone", r);
  IN_CHILD(r, { new_state = (void *)8; through(1); });
  EFFECT(rt_sigreturn, "with no state where it should be", r);
  IN_CHILD(r, { new_state = (void *)0x8000000000000000; through(1); });
  EFFECT(rt_sigreturn, "at an address that is none", r);
  IN_CHILD(r, { new_state = NULL; _exit(through(1) == 0 ? 3 : 4); });
  EFFECT(rt_sigreturn, "without a state: the initial one", r);

  // A frame of which only a part has room: its lower pages are missing, or cannot be written.
  char *parts = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(parts + 4096, 4096, PROT_READ), munmap(parts + 2 * 4096, 4096);
  for (int room = 64; room <= 1072; room += 336) {
    IN_CHILD(r, { on_stack(parts + 3 * 4096 - 8192, 8192 + room); _exit(through(room) == (uint32_t)room ? 1 : 2); });
    EFFECT(sigaltstack, "the page below is missing", r);
    IN_CHILD(r, { on_stack(parts, 2 * 4096 + room); _exit(through(room) == (uint32_t)room ? 1 : 2); });
    EFFECT(sigaltstack, "the page is missing", r);
    IN_CHILD(r, { mmap(parts + 2 * 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), on_stack(parts, 2 * 4096 + room); _exit(through(room) == (uint32_t)room ? 1 : 2); });
    EFFECT(sigaltstack, "the page below is read-only", r);
  }
  // A return by a frame that ends within the memory, or lies nowhere.
  for (int there = 0; there <= 304; there += 152) {
    IN_CHILD(r, {
      char *rsp = before_hole() - there;
      __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall\n ud2" : : "r"(rsp) : "rax", "rcx", "r11", "memory");
    });
    EFFECT(rt_sigreturn, "a context of which so much is there", r);
  }
  static const uint64_t nowhere[] = {0, 8, 0x7ffffffffff8, 0x8000000000000000, 0xfffffffffffffff8, 0x408000000000, 0x407ffc000000};
  for (int i = 0; i < 7; ++i) {
    IN_CHILD(r, __asm__ volatile("mov %0, %%rsp\n mov $15, %%eax\n syscall\n ud2" : : "r"(nowhere[i]) : "rax", "rcx", "r11", "memory"));
    EFFECT(rt_sigreturn, "from nowhere", r);
  }

  // In the middle of work, by a timer: nothing of the handler's is left.
  on_stack(stack, 1 << 16);
  const int before = taken;
  const struct itimerval often = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &often, NULL);
  for (uint32_t i = 1; taken < before + 20; ++i) {
    uint32_t after;
    __asm__ volatile("movd %1, %%xmm3\n mov $2000, %%ecx\n 1: dec %%ecx\n jnz 1b\n movd %%xmm3, %0" : "=r"(after) : "r"(i) : "ecx", "xmm3", "memory");
    wrong += after != i;
  }
  setitimer(ITIMER_REAL, &off, NULL);
  EFFECT(rt_sigreturn, "wrong under a timer", wrong);
  return 0;
}
