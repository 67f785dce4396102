// SPDX-License-Identifier: MIT
// Ways into the kernel and out of it. At every entry interrupts are off and stay off. What each may rely on:
//   syscall      ring 3 only; rsp and gs are the user's, rcx = return address, r11 = flags; AC, DF, TF, NT are clear
//   vectors      ring 3, or ring 0 from idle() and from the copy functions; kernel stack by the task state
//   NMI, double fault, machine check   anywhere, gs may be anybody's; stacks of their own that never nest
#include "arch_offsets.inc"

// SMAP's window. Sites are listed so that they become nops on a processor without it (features.cpp).
.macro smap_site instruction
771: \instruction
  .pushsection .smap_sites, "a", @progbits
  .quad 771b
  .popsection
.endm
.macro fixup from, to
  .pushsection .fixups, "a", @progbits
  .quad \from, \to
  .popsection
.endm

// All general registers but rax, rcx, r11 and rsp into (or out of) the abi::Registers that \base points to.
.macro save_caller_saved base               // but rsi
  .irp name, rdx, rdi, r8, r9, r10
  movq %\name, registers_\name(\base)
  .endr
.endm
.macro save_callee_saved base
  .irp name, rbx, rbp, r12, r13, r14, r15
  movq %\name, registers_\name(\base)
  .endr
.endm
.macro save_registers base
  movq %rsi, registers_rsi(\base)
  save_caller_saved \base
  save_callee_saved \base
.endm
.macro load_registers base
  .irp name, rbx, rdx, rsi, rdi, rbp, r8, r9, r10, r12, r13, r14, r15
  movq registers_\name(\base), %\name
  .endr
.endm
.macro push_all
  .irp name, rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
  pushq %\name
  .endr
.endm
.macro pop_all
  .irp name, r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax
  popq %\name
  .endr
.endm

.section .entry, "ax"

// A protected control transfer the short way (core/quick_transfer.cpp). Until it is sure to succeed the caller's registers are
// where a switching call's are: saved, or still in place. What is exchanged under the lock is what `to` would read on another
// processor. The message in rbx, rbp and r12 to r15 stays in place: nobody saves it for a call that ends without a reply
// (abi/pct.hpp). \flags: those of `to`, or nothing for its saved ones.
.macro quick_transfer function, number, flags
  testq %rsi, %rsi                          // a capability goes along
  jnz switch_as_usual
  movq %gs:per_cpu_current, %rsp
  movq %rcx, registers_rip(%rsp)
  movq %r11, registers_rflags(%rsp)
  movq %gs:per_cpu_scratch, %rcx
  movq %rcx, registers_rsp(%rsp)
  save_caller_saved %rsp
  xorl %eax, %eax
  movl $1, %ecx
  lock cmpxchgq %rcx, kernel_lock(%rip)     // ShortLock::acquire_at_once
  jne 3f
  movq %gs:per_cpu_kernel_stack, %rsp
  movq %gs:per_cpu_core, %rsi
  call \function
  testq %rax, %rax
  jz 1f
  movq %rax, %rdi                           // to
  movq %gs:per_cpu_loaded, %rsi             // from
  movq %rax, %gs:per_cpu_loaded
  rdfsbase %rcx
  movq %rcx, registers_fs_base(%rsi)
  movq registers_fs_base(%rdi), %rcx
  wrfsbase %rcx
  movl $-1, %eax                            // all that XCR0 has; none of it is in the upper half, whatever edx says
  xsave64 context_vector(%rsi)
  xrstor64 context_vector(%rdi)
  swapgs                                    // from here on gs is the user's
  rdgsbase %rcx
  movq %rcx, registers_gs_base(%rsi)
  movq registers_gs_base(%rdi), %rcx
  wrgsbase %rcx
  movb $0, kernel_lock(%rip)                // ShortLock::release
  movq registers_rdx(%rsi), %rdx
  movq registers_r10(%rsi), %r10
  movq registers_r8(%rsi), %r8
  movq registers_r9(%rsi), %r9
  movq registers_rip(%rdi), %rcx            // behind a `syscall`, or an entry: at most user_end, so sysret takes it
  .ifb \flags
  movq registers_rflags(%rdi), %r11
  testl $by_iret_flags, %r11d
  jnz 2f
  .else
  movl $\flags, %r11d
  .endif
  movq registers_rsp(%rdi), %rsp
  movq registers_rdi(%rdi), %rdi
  xorl %esi, %esi
  xorl %eax, %eax
  sysretq
  .ifb \flags
2: pushq $user_data_selector
  pushq registers_rsp(%rdi)
  pushq %r11
  pushq $user_code_selector
  pushq %rcx
  movq registers_rdi(%rdi), %rdi
  xorl %esi, %esi
  xorl %eax, %eax
  iretq
  .endif
1: movb $0, kernel_lock(%rip)
  movq %gs:per_cpu_current, %rsp
3: save_callee_saved %rsp
  movq $0, registers_rsi(%rsp)
  movq $call_base + \number, registers_rax(%rsp)
  movq registers_rip(%rsp), %rcx
  movq %rcx, registers_rcx(%rsp)
  movq registers_rflags(%rsp), %r11
  movq %r11, registers_r11(%rsp)
  movl $\number, %esi
  jmp saved_call
.endm

// From ring 3 by `syscall`. While rsp is a scratch register only NMI and machine check can come, and they bring stacks.
// The foreign path is the one a Linux program's call takes: no stack, no lock, no C++.
.balign 64
.globl syscall_entry
.type syscall_entry, @function
syscall_entry:
  swapgs
  movq %rsp, %gs:per_cpu_scratch
  leaq -call_base(%rax), %rsp
  cmpq $call_count, %rsp                    // unsigned, all 64 bits: no Linux number passes
  jb aegis_call
  movq %gs:per_cpu_current, %rsp
  movq context_foreign_frame(%rsp), %rsp
  testq %rsp, %rsp
  jz foreign_without_entry
  movq %rcx, (%rsp)                         // user area, through the direct map
  movq %r11, foreign_rflags_from_rip(%rsp)
  movq %gs:per_cpu_current, %rcx
  movq context_foreign_entry(%rcx), %rcx
  movq %gs:per_cpu_scratch, %rsp
  swapgs
  sysretq                                   // rcx must be canonical or this faults in ring 0 with the user's rsp
                                            // [intel/vol2 SYSRET]: the core binds only entries below user_end

// Most calls let the caller go on: what C++ may change is kept on the stack, and sysret leads back at once. Counted, and the lock
// taken, here: when it is free at once and nobody traces calls, else by keeping_call. The masks keep the number inside the
// tables while the processor runs ahead of the comparison above. On the stack: the six arguments, r11, rcx, rsp.
aegis_call:
  andl $call_mask, %esp
  cmpb $0, call_switches(%rsp)
  jne switching_call
  movl %esp, %eax
  movq %gs:per_cpu_kernel_stack, %rsp
  pushq %gs:per_cpu_scratch
  pushq %rcx
  pushq %r11
  pushq %r9
  pushq %r8
  pushq %r10
  pushq %rdx
  pushq %rsi
  pushq %rdi
  movq %rsp, %rsi                           // the six arguments
  movl %eax, %ecx
  testl $trace_calls, trace_mask(%rip)
  jnz keep_slowly
  xorl %eax, %eax
  movl $1, %edx
  lock cmpxchgq %rdx, kernel_lock(%rip)     // ShortLock::acquire_at_once
  jne keep_slowly
  movq %gs:per_cpu_current, %rdx
  movq env_info(%rdx), %rdi
  incq env_info_calls(%rdi)
  movq %gs:per_cpu_info, %rdi
  incq cpu_info_calls(%rdi, %rcx, 8)
  pushq %rdx                                // sys::Calls
  pushq %gs:per_cpu_core
  pushq $kernel_state
  movq %rsp, %rdi
  call *call_entries(, %rcx, 8)             // sys::Answer in eax and rdx
  movb $0, kernel_lock(%rip)                // ShortLock::release
  addq $24, %rsp
  movl %eax, %eax
kept:
  cmpb $0, %gs:per_cpu_look_again
  jne save_and_look_again
  popq %rdi
  popq %rsi
  popq %rcx                                 // rdx has the value
  popq %r10
  popq %r8
  popq %r9
  popq %r11
  popq %rcx
  popq %rsp
  swapgs
  sysretq
keep_slowly:
  movq %gs:per_cpu_core, %rdi
  movq %rsi, %rdx
  movl %ecx, %esi
  subq $8, %rsp
  call keeping_call
  addq $8, %rsp
  jmp kept

save_and_look_again:
  movq %rdx, %rcx
  popq %rdi
  popq %rsi
  popq %rdx
  popq %r10
  popq %r8
  popq %r9
  movq %rcx, %rdx
  movq %gs:per_cpu_current, %rcx
  save_registers %rcx
  movq %rax, registers_rax(%rcx)
  popq %r11
  movq %r11, registers_r11(%rcx)
  movq %r11, registers_rflags(%rcx)
  popq %r11
  movq %r11, registers_rcx(%rcx)
  movq %r11, registers_rip(%rcx)
  popq registers_rsp(%rcx)
  movq %gs:per_cpu_self, %rdi
  xorl %ebp, %ebp
  call look_again_from_user
  jmp resume

switching_call:
  cmpl $pct_call_number, %esp
  je call_quickly
  cmpl $pct_reply_number, %esp
  je reply_quickly
switch_as_usual:
  movq %gs:per_cpu_current, %rsp
  save_registers %rsp
  movq %rax, registers_rax(%rsp)
  movq %rcx, registers_rcx(%rsp)            // equal to rip and rflags: the sign that sysret may lead back
  movq %rcx, registers_rip(%rsp)
  movq %r11, registers_r11(%rsp)
  movq %r11, registers_rflags(%rsp)
  movq %gs:per_cpu_scratch, %rcx
  movq %rcx, registers_rsp(%rsp)
  leaq -call_base(%rax), %rsi
saved_call:
  movq %gs:per_cpu_kernel_stack, %rsp
  movq %gs:per_cpu_self, %rdi
  xorl %ebp, %ebp
  call call_from_user
  jmp resume
call_quickly:
  quick_transfer quick_call, pct_call_number, initial_flags
reply_quickly:
  quick_transfer quick_reply, pct_reply_number

foreign_without_entry:
  movq %gs:per_cpu_current, %rsp
  save_registers %rsp
  movq %rax, registers_rax(%rsp)
  movq %rcx, registers_rcx(%rsp)
  movq %rcx, registers_rip(%rsp)
  movq %r11, registers_r11(%rsp)
  movq %r11, registers_rflags(%rsp)
  movq %gs:per_cpu_scratch, %rcx
  movq %rcx, registers_rsp(%rsp)
  movq %gs:per_cpu_kernel_stack, %rsp
  movq %gs:per_cpu_self, %rdi
  xorl %ebp, %ebp
  call foreign_call_without_entry
  jmp resume
.size syscall_entry, . - syscall_entry

// The first time on a processor: rdi = abi::Registers, rsi = whether sysret can (arch::Resume by value).
.globl resume_user
resume_user:
  movq %rdi, %rax
  movq %rsi, %rdx
// rax = abi::Registers to load, dl = whether sysret can.
resume:
  testb %dl, %dl
  jz 1f
  movq %rax, %rsp
  load_registers %rsp
  movq registers_rax(%rsp), %rax
  movq registers_rip(%rsp), %rcx
  movq registers_rflags(%rsp), %r11
  movq registers_rsp(%rsp), %rsp
  swapgs
  sysretq
1: pushq $user_data_selector
  pushq registers_rsp(%rax)
  pushq registers_rflags(%rax)
  pushq $user_code_selector
  pushq registers_rip(%rax)
  load_registers %rax
  movq registers_rcx(%rax), %rcx
  movq registers_r11(%rax), %r11
  movq registers_rax(%rax), %rax
  swapgs
  iretq

// An exception in ring 3 whose env has a handler that is not busy: its event frame is written here, without lock and C++.
// All else goes the long way, and so does what C++ has to judge. Stack: vector, error code, rip, cs, rflags, rsp, ss.
.macro begin_exception
  smap_site clac
  cld
  testb $3, 24(%rsp)
  jz from_kernel
  swapgs
  lfence                                    // no speculation past here with the wrong gs
  pushq %rax
  testb $trace_exceptions, trace_mask(%rip)
  jnz long_way
  movq %gs:per_cpu_current, %rax
  movq context_exception_frame(%rax), %rax
  testq %rax, %rax
  jz long_way
  cmpq $0, event_busy(%rax)
  jne long_way
  pushq %rcx
.endm
page_fault_entry:
  begin_exception
  movq %cr2, %rcx
  testq %rcx, %rcx
  js long_way_with_rcx                      // what is mapped up there is not for ring 3 to know
  cmpl $1, 24(%rsp)
  je long_way_with_rcx                      // perhaps an iretq that QEMU refused (trap.cpp)
  movq %rcx, event_address(%rax)
  jmp write_event
exception_entry:
  begin_exception
  movq $0, event_address(%rax)
write_event:
  movq 16(%rsp), %rcx
  movq %rcx, event_kind(%rax)
  movq 24(%rsp), %rcx
  movq %rcx, event_error(%rax)
  movq 32(%rsp), %rcx
  movq %rcx, event_rip(%rax)
  movq 48(%rsp), %rcx
  movq %rcx, event_rflags(%rax)
  movq 56(%rsp), %rcx
  movq %rcx, event_rsp(%rax)
  movq $0, event_reserved(%rax)
  movq %gs:per_cpu_current, %rcx
  movq env_info(%rcx), %rcx
  incq env_info_exceptions(%rcx)
  movq %gs:per_cpu_info, %rcx
  incq cpu_info_exceptions(%rcx)
  movq $1, event_busy(%rax)
  movq %gs:per_cpu_current, %rcx
  movq context_exception_entry(%rcx), %rcx  // below user_end, or iretq would fault
  movq %rcx, 32(%rsp)
  movq $0x202, 48(%rsp)
  popq %rcx
  popq %rax
  addq $16, %rsp
  swapgs
  iretq
long_way_with_rcx:
  popq %rcx
  jmp long_way

// Interrupts, and exceptions that need C++. AC and DF may be the user's.
common_entry:
  smap_site clac
  cld
  testb $3, 24(%rsp)
  jz from_kernel
  swapgs
  lfence                                    // no speculation past here with the wrong gs
  pushq %rax
long_way:
  movq %gs:per_cpu_current, %rax
  save_registers %rax
  movq %rcx, registers_rcx(%rax)
  movq %r11, registers_r11(%rax)
  popq %rcx
  movq %rcx, registers_rax(%rax)
  popq %rsi                                 // vector
  popq %rdx                                 // error code
  popq registers_rip(%rax)
  popq %rcx                                 // cs
  popq registers_rflags(%rax)
  popq registers_rsp(%rax)
  popq %rcx                                 // ss: rsp is at the stack's end again
  movq %gs:per_cpu_self, %rdi
  xorl %ebp, %ebp
  call trap_from_user
  jmp resume

from_kernel:
  lfence
  push_all
  movq %rsp, %rdi                           // arch::KernelFrame
  call trap_from_kernel
  pop_all
  addq $16, %rsp
  iretq

// NMI, double fault, machine check: the word above the frame is this processor's PerCpu (descriptors.hpp).
isolated_entry:
  smap_site clac
  cld
  push_all
  rdgsbase %rbx
  movq 15 * 8 + 7 * 8(%rsp), %rax
  wrgsbase %rax
  movq %rsp, %rdi
  call isolated_trap
  wrgsbase %rbx
  pop_all
  addq $16, %rsp
  iretq

// Sixteen bytes per vector. The processor pushes an error code for some [intel/vol3 6.13]; for the others we do.
.balign 16
.globl vector_stubs
vector_stubs:
.set number, 0
.rept 256
  .balign 16
  .if !(number == 8 || (number >= 10 && number <= 14) || number == 17 || number == 21 || number == 29 || number == 30)
  pushq $0
  .endif
  pushq $number
  .if number == 2 || number == 8 || number == 18
  jmp isolated_entry
  .elseif number == 14
  jmp page_fault_entry
  .elseif number < 32
  jmp exception_entry
  .else
  jmp common_entry
  .endif
  .set number, number + 1
.endr
.balign 16

// bool copy_across(void* to, const void* from, size): between user and kernel memory, either way. False when a byte
// could not be read or written.
.globl copy_across
.type copy_across, @function
copy_across:
  smap_site stac
  movq %rdx, %rcx
  shrq $3, %rcx
1: rep movsq
  movl %edx, %ecx
  andl $7, %ecx
2: rep movsb
  smap_site clac
  movl $1, %eax
  ret
3: smap_site clac
  xorl %eax, %eax
  ret
  fixup 1b, 3b
  fixup 2b, 3b
.size copy_across, . - copy_across
