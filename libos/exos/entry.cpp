// SPDX-License-Identifier: MIT
// The ways into the library from a program and back. Everything but rax, rcx and r11 survives a call; vector registers
// are never touched. Naked functions, so that the compiler fills in the structures' offsets. There are two sets of entries:
// the guarded ones open the state's protection key first, and close it before they go back to the program (guard.hpp).
//
// Each way in builds a Frame at the top of the task's library stack. The way out, between exit_begin and exit_end, is a
// restartable range: until the last jump nothing that it reads has been changed, so an upcall that hits it goes to the
// slow way, which starts from the Frame again. With the key closed an upcall or exception finds what it needs readable, and
// opens it before it writes; so wherever the library was interrupted it goes on with its key open.
#include "abi/address_map.hpp"
#include "libos/exos/area.hpp"
#include "libos/exos/guard.hpp"
#include "libos/exos/quick_calls.hpp"
#include "libos/exos/task.hpp"

namespace exos {

namespace {

constexpr std::size_t exception_at = offsetof(abi::UserArea, exception), upcall_at = offsetof(abi::UserArea, upcall);

// `address` is pushed first, r15 last.
static_assert(sizeof(Frame) == 192 && offsetof(Frame, r15) == 0 && offsetof(Frame, rdi) == 56 && offsetof(Frame, r11) == 112);
static_assert(offsetof(Frame, call) == 120 && offsetof(Frame, rip) == 128 && offsetof(Frame, rsp) == 152 && offsetof(Frame, vector) == 168);

}  // namespace

// Between the Frame's `call` and its rax lie r11 and rcx (which a call loses) and the arguments.
#define PUSH_REGISTERS                                                                                        \
  "push %%r11\n push %%rcx\n push %%r9\n push %%r8\n push %%r10\n push %%rdx\n push %%rsi\n push %%rdi\n"      \
  "push %%rax\n push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n cld\n"
#define POP_KEPT_REGISTERS                                                                                    \
  "pop %%r15\n pop %%r14\n pop %%r13\n pop %%r12\n pop %%rbp\n pop %%rbx\n pop %%rax\n pop %%rdi\n pop %%rsi\n" \
  "pop %%rdx\n pop %%r10\n pop %%r8\n pop %%r9\n"
#define POP_REGISTERS POP_KEPT_REGISTERS "pop %%rcx\n pop %%r11\n"
// The Frame of a call, from r11 and the program's registers; rcx is free. What lies above rsp in it no call looks at, but ss,
// which is always the same. `number` and `third`: where rax and rdx are.
#define PUSH_CALL(number, third)                                                                              \
  "mov %%rsp, %%rcx\n mov %%gs:%c[call_top], %%rsp\n"                                                         \
  "push %%rcx\n pushfq\n pushq $0x33\n push %%r11\n push" number "\n"                                         \
  "push %%r11\n push %%r11\n push %%r9\n push %%r8\n push %%r10\n push" third "\n push %%rsi\n push %%rdi\n"   \
  "push" number "\n push %%rbx\n push %%rbp\n push %%r12\n push %%r13\n push %%r14\n push %%r15\n cld\n"
// From an EventFrame at gs:`event` (an operand's name): all of the Frame above the registers.
#define PUSH_EVENT(event)                                                                                     \
  "pushq %%gs:%c[" event "_address]\n pushq %%gs:%c[" event "_error]\n pushq %%gs:%c[" event "_kind]\n"        \
  "pushq $0x2b\n pushq %%gs:%c[" event "_rsp]\n pushq %%gs:%c[" event "_rflags]\n pushq $0x33\n"               \
  "pushq %%gs:%c[" event "_rip]\n pushq $-1\n"
// Sets the flags as for "rip in the library's text": the 64 MiB below the state slot. Destroys rax.
#define IS_LIBRARY(event) "mov %%gs:%c[" event "_rip], %%rax\n shr $26, %%rax\n cmp %[library_text], %%rax\n"

// --- the guard (guard.hpp): the state's protection key ------------------------------------------------------------------
// The task's PKRU with the state's key open or closed; the program's other keys stay. [intel/vol2 RDPKRU, WRPKRU: ecx 0, edx 0]
#define OPEN "xor %%ecx, %%ecx\n rdpkru\n and %[key_open], %%eax\n wrpkru\n"
#define CLOSE_WITH_ECX_0 "rdpkru\n or %[key_closed], %%eax\n wrpkru\n"
// Before it is open only the page behind the user area can be written. What lies there is read again at once.
#define OPEN_FOR_CALL "mov %%rax, %%gs:%c[open_call_rax]\n mov %%rdx, %%gs:%c[open_call_rdx]\n" OPEN
#define OPEN_FOR(event)                                                                                        \
  "mov %%rax, %%gs:%c[open_" event "_rax]\n mov %%rcx, %%gs:%c[open_" event "_rcx]\n mov %%rdx, %%gs:%c[open_" event "_rdx]\n" OPEN \
  "mov %%gs:%c[open_" event "_rdx], %%rdx\n mov %%gs:%c[open_" event "_rcx], %%rcx\n mov %%gs:%c[open_" event "_rax], %%rax\n"

// How the two sets of entries differ. For calls: what they begin with, where rax and rdx are then, and how the way back passes
// on when nothing wants attention. For the full way back, and for events: what they do besides.
#define UNGUARDED_CALL PUSH_CALL(" %%rax", " %%rdx")
#define GUARDED_CALL OPEN_FOR_CALL PUSH_CALL("q %%gs:%c[open_call_rax]", "q %%gs:%c[open_call_rdx]")
// A quick call that an upcall has interrupted begins again; with the state open it can only be a general one. rax: where.
#define UNGUARDED_AGAIN(p) ""
#define GUARDED_AGAIN(p) "lea " p "_general_call(%%rip), %%rax\n"
#define UNGUARDED_EXIT(p) "cmpl $0, %%gs:%c[attention]\n jne " p "_exit_slow\n"
#define GUARDED_EXIT(p) "mov %%gs:%c[attention], %%ecx\n jecxz 1f\n jmp " p "_exit_slow\n 1: " CLOSE_WITH_ECX_0

#define EVENT_OPERANDS(event, at)                                                                             \
  [event##_busy] "i"((at) + offsetof(abi::EventFrame, busy)), [event##_kind] "i"((at) + offsetof(abi::EventFrame, kind)), \
      [event##_error] "i"((at) + offsetof(abi::EventFrame, error)),                                           \
      [event##_address] "i"((at) + offsetof(abi::EventFrame, address)),                                       \
      [event##_rip] "i"((at) + offsetof(abi::EventFrame, rip)),                                               \
      [event##_rflags] "i"((at) + offsetof(abi::EventFrame, rflags)),                                         \
      [event##_rsp] "i"((at) + offsetof(abi::EventFrame, rsp))
#define AREA(member) [member] "i"(area_library + offsetof(TaskArea, member))
#define OPENING(member) [open_##member] "i"(sizeof(abi::UserArea) + offsetof(guard::OpeningArea, member))
#define OPERANDS                                                                                              \
  EVENT_OPERANDS(exception, exception_at), EVENT_OPERANDS(upcall, upcall_at), AREA(self), AREA(stack_top), AREA(call_top),       \
      AREA(frame), AREA(attention), AREA(exception_rax), AREA(upcall_rax), AREA(library_ends), AREA(exit_rip), AREA(quick),      \
      OPENING(call_rax), OPENING(call_rdx), OPENING(exception_rax), OPENING(exception_rcx), OPENING(exception_rdx),             \
      OPENING(upcall_rax), OPENING(upcall_rcx), OPENING(upcall_rdx), [key_open] "i"(~guard::key_bits), [key_closed] "i"(guard::closed_bits), \
      [deferred] "i"(offsetof(abi::UserArea, deferred)), [foreign_rip] "i"(offsetof(abi::UserArea, foreign_rip)),               \
      [library_text] "i"(abi::map::image_base >> 26), [resched] "i"(attention_resched), [upcall_stack] "i"(area_upcall_stack_top), \
      [env_yield] "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::env_yield)), [quick_first] "i"(quick_first),        \
      [quick_numbers] "i"(quick_numbers), [flags_of_iret] "i"(1u << 8 | 1u << 16), [frame_rip] "i"(offsetof(Frame, rip)),        \
      [frame_rflags] "i"(offsetof(Frame, rflags)), [frame_rsp] "i"(offsetof(Frame, rsp)),                                       \
      [call_to_rflags] "i"(offsetof(Frame, rflags) - offsetof(Frame, call)),                                                    \
      [rip_above] "i"(offsetof(Frame, rip) - offsetof(Frame, rcx)), [rsp_above] "i"(offsetof(Frame, rsp) - offsetof(Frame, rcx))

static_assert(abi::map::image_base >> 26 == (abi::map::state_base - 1) >> 26);

// All entries and the way back, their labels beginning with `p`. `call`, `exit`: see above; `close`: on the full way back;
// `open_exception`, `open_upcall`: first of all in an event.
#define ENTRIES(p, call, again, exit, close, open_exception, open_upcall)                                                       \
      /* --- a call: rax number, rsp the program's, r11 where to; besides these only rcx may be lost ------------- */           \
      /* By a stub: what the task's area has the answer to needs nothing else. Until the last jump nothing is lost, so what */  \
      /* hits it there begins again. */                                                                                       \
      ".globl " p "_call_entry\n " p "_call_entry:\n"                                                                           \
      "lea -%c[quick_first](%%rax), %%rcx\n cmp %[quick_numbers], %%rcx\n jae " p "_general_call\n"                             \
      "lea exos_quick_calls-%c[quick_first](%%rip), %%rcx\n movzbl (%%rcx,%%rax), %%ecx\n"                                      \
      "mov %%gs:%c[quick](%%rcx), %%ecx\n"                                                                                      \
      "cmp $-1, %%ecx\n je " p "_general_call\n"                                                                                \
      "cmpl $0, %%gs:%c[attention]\n jne " p "_general_call\n"                                                                  \
      "mov %%ecx, %%eax\n"                                                                                                      \
      p "_quick_return: jmp *%%r11\n"                                                                                           \
      /* Through the kernel, then by a stub: so all registers come back. preserve_none: the first argument is in r12. */        \
      ".globl " p "_foreign_entry\n " p "_foreign_entry:\n"                                                                     \
      "mov %%gs:%c[foreign_rip], %%r11\n"                                                                                       \
      call "mov %%rsp, %%r12\n xor %%ebp, %%ebp\n call exos_trapped_call\n jmp " p "_exit\n"                                    \
      p "_general_call:\n"                                                                                                      \
      call "mov %%rsp, %%r12\n xor %%ebp, %%ebp\n call exos_call\n"                                                             \
      /* --- the way back ---------------------------------------------------------------------------------------- */           \
      /* rsp: the Frame, at the top of the stack. From a call rcx and r11 may be lost; one that must keep them asks for */      \
      /* attention. */                                                                                                          \
      p "_call_exit:\n" p "_exit_begin:\n"                                                                                      \
      exit POP_KEPT_REGISTERS "mov %c[rip_above](%%rsp), %%rcx\n mov %c[rsp_above](%%rsp), %%rsp\n jmp *%%rcx\n"                \
      /* Everything is kept. By a jump through memory: `iretq` costs more, and a fault besides on emulators that read its */    \
      /* operands as the kernel. Only it can restore TF and RF, so it stays for those. */                                       \
      p "_exit:\n"                                                                                                              \
      "cmpl $0, %%gs:%c[attention]\n jne " p "_exit_slow\n"                                                                     \
      "testl %[flags_of_iret], %c[frame_rflags](%%rsp)\n jnz 3f\n"                                                              \
      "mov %c[frame_rip](%%rsp), %%rax\n mov %%rax, %%gs:%c[exit_rip]\n"                                                        \
      close POP_REGISTERS "add %[call_to_rflags], %%rsp\n popfq\n mov (%%rsp), %%rsp\n jmp *%%gs:%c[exit_rip]\n"                \
      "3:" close POP_REGISTERS "add $8, %%rsp\n iretq\n"                                                                        \
      p "_exit_end:\n"                                                                                                          \
      p "_exit_slow:\n"                                                                                                         \
      "mov %%gs:%c[frame], %%rsp\n mov %%rsp, %%rdi\n xor %%ebp, %%ebp\n call exos_attention\n jmp " p "_exit\n"                \
      /* --- a new task: rsp = its Frame, rdi = vector state or null --------------------------------------------- */           \
      ".globl " p "_task_entry\n " p "_task_entry:\n"                                                                           \
      "test %%rdi, %%rdi\n jz 1f\n mov $-1, %%eax\n mov $-1, %%edx\n xrstor64 (%%rdi)\n"                                        \
      "1: mov %%rsp, %%rdi\n xor %%ebp, %%ebp\n call exos_task_started\n jmp " p "_exit\n"                                      \
      /* --- an exception ---------------------------------------------------------------------------------------- */           \
      ".globl " p "_exception_entry\n " p "_exception_entry:\n"                                                                 \
      open_exception "mov %%rax, %%gs:%c[exception_rax]\n" IS_LIBRARY("exception") "je 1f\n"                                    \
      "5: mov %%gs:%c[exception_rax], %%rax\n mov %%gs:%c[stack_top], %%rsp\n"                                                  \
      PUSH_EVENT("exception") PUSH_REGISTERS "movq $0, %%gs:%c[exception_busy]\n"                                               \
      "mov %%rsp, %%rdi\n xor %%ebp, %%ebp\n call exos_program_exception\n jmp " p "_exit\n"                                    \
      /* In the library: on the stack that it has, unless the way back itself failed (a bad rip or rsp for iretq). */           \
      /* A program that single-steps traps at the first instruction of all: TF is off now, so the call begins again. */         \
      "1: lea " p "_foreign_entry(%%rip), %%rax\n cmp %%rax, %%gs:%c[exception_rip]\n jne 4f\n"                                 \
      "mov %%gs:%c[exception_rax], %%rax\n movq $0, %%gs:%c[exception_busy]\n jmp " p "_foreign_entry\n"                        \
      /* A quick call: only the target of the jump that ends it can be wrong, as if the program had gone there itself; or */    \
      /* the program has closed the state to reads too (by wrpkru), and the call begins again as a general one. */              \
      "4: lea " p "_quick_return(%%rip), %%rax\n cmp %%rax, %%gs:%c[exception_rip]\n ja 4f\n je 7f\n"                           \
      "lea " p "_call_entry(%%rip), %%rax\n cmp %%rax, %%gs:%c[exception_rip]\n jb 4f\n"                                       \
      "mov %%gs:%c[exception_rax], %%rax\n movq $0, %%gs:%c[exception_busy]\n jmp " p "_general_call\n"                        \
      "7: mov %%r11, %%gs:%c[exception_rip]\n jmp 5b\n"                                                                         \
      "4: lea " p "_exit_begin(%%rip), %%rax\n cmp %%rax, %%gs:%c[exception_rip]\n jb 2f\n"                                     \
      "lea " p "_exit_end(%%rip), %%rax\n cmp %%rax, %%gs:%c[exception_rip]\n jae 2f\n"                                         \
      "mov %%gs:%c[frame], %%rsp\n mov %%rsp, %%rdi\n mov %%gs:%c[exception_kind], %%rsi\n"                                     \
      "movq $0, %%gs:%c[exception_busy]\n xor %%ebp, %%ebp\n call exos_bad_return\n jmp " p "_exit\n"                           \
      "2: mov %%gs:%c[exception_rax], %%rax\n and $-16, %%rsp\n"                                                                \
      PUSH_EVENT("exception") PUSH_REGISTERS "movq $0, %%gs:%c[exception_busy]\n"                                               \
      "mov %%rsp, %%rdi\n call exos_library_exception\n"                                                                        \
      /* Back by `ret`: library code has no red zone, so the word below its stack pointer is free (our own frame's top, or */   \
      /* the gap above it). */                                                                                                  \
      "mov %c[frame_rsp](%%rsp), %%rax\n mov %c[frame_rip](%%rsp), %%rcx\n mov %%rcx, -8(%%rax)\n"                              \
      "subq $8, %c[frame_rsp](%%rsp)\n"                                                                                         \
      POP_REGISTERS "add %[call_to_rflags], %%rsp\n popfq\n mov (%%rsp), %%rsp\n ret\n"                                         \
      /* --- an upcall: the time slice ends ---------------------------------------------------------------------- */           \
      ".globl " p "_upcall_entry\n " p "_upcall_entry:\n"                                                                       \
      open_upcall "mov %%rax, %%gs:%c[upcall_rax]\n" IS_LIBRARY("upcall") "je 1f\n"                                             \
      "5: mov %%gs:%c[upcall_rax], %%rax\n mov %%gs:%c[stack_top], %%rsp\n"                                                     \
      PUSH_EVENT("upcall") PUSH_REGISTERS "movq $0, %%gs:%c[upcall_busy]\n"                                                     \
      "mov %%rsp, %%rdi\n xor %%ebp, %%ebp\n call exos_preempted\n jmp " p "_exit\n"                                            \
      /* In the library: it will look at the attention word on its way out. Back to where it was, on a small stack. */          \
      "1: lock orl %[resched], %%gs:%c[attention]\n"                                                                            \
      /* A quick call has looked at it already, perhaps: it has answered, or it is not quick after all. */                      \
      "lea " p "_quick_return(%%rip), %%rax\n cmp %%rax, %%gs:%c[upcall_rip]\n ja 6f\n je 4f\n"                                 \
      "lea " p "_call_entry(%%rip), %%rax\n cmp %%rax, %%gs:%c[upcall_rip]\n jb 6f\n"                                           \
      again(p) "mov %%rax, %%gs:%c[upcall_rip]\n incl %%gs:%c[library_ends]\n jmp 2f\n"           \
      "4: mov %%r11, %%gs:%c[upcall_rip]\n jmp 5b\n"                                                                            \
      /* If this end was deferred, the lock's release is not to take it for another one. */                                     \
      "6: incl %%gs:%c[library_ends]\n movq $0, %%gs:%c[deferred]\n"                                                            \
      "lea " p "_exit_begin(%%rip), %%rax\n cmp %%rax, %%gs:%c[upcall_rip]\n jb 2f\n"                                           \
      "lea " p "_exit_end(%%rip), %%rax\n cmp %%rax, %%gs:%c[upcall_rip]\n jae 2f\n"                                            \
      "movq $0, %%gs:%c[upcall_busy]\n jmp " p "_exit_slow\n"                                                                   \
      /* Between busy = 0 and iretq below the frame of the upcall before is still needed: it lies at rsp. */                    \
      "2: lea " p "_upcall_return(%%rip), %%rax\n cmp %%rax, %%gs:%c[upcall_rip]\n je 3f\n"                                     \
      "mov %%gs:%c[self], %%rsp\n lea %c[upcall_stack](%%rsp), %%rsp\n"                                                         \
      "pushq $0x2b\n pushq %%gs:%c[upcall_rsp]\n pushq %%gs:%c[upcall_rflags]\n pushq $0x33\n pushq %%gs:%c[upcall_rip]\n"      \
      /* The slice has ended, and the library may be busy for long: an overrun would be held against this env. The root */      \
      /* env sees that the task still has the processor and hands it back. */                                                   \
      "push %%rcx\n push %%rdx\n push %%rdi\n push %%r11\n"                                                                     \
      "mov %[env_yield], %%eax\n xor %%edi, %%edi\n syscall\n"                                                                  \
      "pop %%r11\n pop %%rdi\n pop %%rdx\n pop %%rcx\n"                                                                         \
      "3: mov %%gs:%c[upcall_rax], %%rax\n"                                                                                     \
      "movq $0, %%gs:%c[upcall_busy]\n"                                                                                         \
      p "_upcall_return: iretq\n"

extern "C" [[gnu::naked, gnu::section(".text.entry"), gnu::used]] void exos_entries() {
  asm volatile(ENTRIES("exos", UNGUARDED_CALL, UNGUARDED_AGAIN, UNGUARDED_EXIT("exos"), "", "", "") : : OPERANDS);
}
extern "C" [[gnu::naked, gnu::section(".text.entry"), gnu::used]] void exos_guarded_entries() {
  asm volatile(ENTRIES("exos_guarded", GUARDED_CALL, GUARDED_AGAIN, GUARDED_EXIT("exos_guarded"), "xor %%ecx, %%ecx\n" CLOSE_WITH_ECX_0,
                       OPEN_FOR("exception"), OPEN_FOR("upcall")) : : OPERANDS);
}

void save_vector(std::byte* buffer) {
  std::memset(buffer + 512, 0, 64);  // xsave leaves the reserved part of the header as it finds it
  asm volatile("xsave64 (%0)" : : "r"(buffer), "a"(-1), "d"(-1) : "memory");
}

void load_vector(const std::byte* buffer) {
  constexpr std::uint32_t pkru = 1u << 9;
  asm volatile("xrstor64 (%0)" : : "r"(buffer), "a"(~pkru), "d"(-1) : "memory");
}

void make_initial_vector(std::byte* buffer) {
  std::memset(buffer, 0, 576);
  constexpr std::uint32_t mxcsr = 0x1f80;  // read even when the header says "initial" [intel/vol1 13.8]
  std::memcpy(buffer + 24, &mxcsr, sizeof mxcsr);
}

}  // namespace exos
