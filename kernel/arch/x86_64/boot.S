// SPDX-License-Identifier: MIT
// From a loader's 32-bit hand-over, and from a started processor's real mode, to C++ in the upper half.
// The boot page tables map the first 4 GiB, everything allowed, three times: at 0 (we run there), in the direct map,
// and (its first GiB) as the kernel image. paging.cpp replaces them; started processors pass through them too.
#include "arch_offsets.inc"

.set base, image_base
.set pvh_magic, 0x336ec578
.set multiboot2_magic, 0x36d76289
.set code64, kernel_code_selector
.set data64, kernel_data_selector

// Protected mode without paging -> long mode with the boot tables and the boot GDT, at `target` (physical).
.macro enter_long_mode target
  movl %cr4, %eax
  orl $(1 << 5), %eax                // PAE
  movl %eax, %cr4
  movl $(boot_top - base), %eax
  movl %eax, %cr3
  movl $0xc0000080, %ecx             // EFER: system calls, long mode, no-execute
  rdmsr
  orl $(1 << 0 | 1 << 8 | 1 << 11), %eax
  wrmsr
  movl %cr0, %eax
  orl $(1 << 31 | 1 << 16 | 1 << 0), %eax   // paging, write protection, protected mode
  movl %eax, %cr0
  lgdt boot_gdt_pointer - base
  ljmpl $code64, $(\target - base)
.endm

// [multiboot2 3.1]: within the first 32 KiB of the file, 8-byte aligned.
.section .head, "ax"
.balign 8
multiboot_header:
  .long 0xe85250d6, 0, multiboot_header_end - multiboot_header
  .long -(0xe85250d6 + (multiboot_header_end - multiboot_header))
  .balign 8                          // entry address tag
  .short 3, 0
  .long 12
  .long multiboot_entry - base
  .balign 8                          // modules aligned to pages
  .short 6, 0
  .long 8
  .balign 8                          // end
  .short 0, 0
  .long 8
multiboot_header_end:

// [pvh]: XEN_ELFNOTE_PHYS32_ENTRY
.section .note.pvh, "a", @note
.balign 4
  .long 4, 8, 18
  .asciz "Xen"
  .quad pvh_entry - base

.section .head, "ax"
.code32
// Entered by the loader: protected mode, flat segments, paging off, interrupts off, ebx = hvm_start_info. No stack.
.globl pvh_entry
pvh_entry:
  movl $pvh_magic, %edi
  jmp start32
// The same from a multiboot2 loader: eax = its magic, ebx = boot information.
.globl multiboot_entry
multiboot_entry:
  movl %eax, %edi
start32:
  cld
  movl %ebx, %esi
  rdtsc
  movl %eax, boot_tsc - base
  movl %edx, boot_tsc - base + 4
  movl $0x80000000, %eax             // long mode? [intel/vol2 CPUID]
  cpuid
  cmpl $0x80000001, %eax
  jb unsuitable32
  movl $0x80000001, %eax
  cpuid
  andl $(1 << 29 | 1 << 20), %edx    // and no-execute
  cmpl $(1 << 29 | 1 << 20), %edx
  jne unsuitable32

  movl $(boot_directories - base), %eax   // 2048 large pages: [0, 4 GiB)
  movl $0x83, %edx                        // present, writable, large
  movl $2048, %ecx
1: movl %edx, (%eax)
  addl $0x200000, %edx
  addl $8, %eax
  loop 1b
  movl $(boot_directories - base + 3), %eax
  movl %eax, boot_pointers - base
  addl $0x1000, %eax
  movl %eax, boot_pointers - base + 8
  addl $0x1000, %eax
  movl %eax, boot_pointers - base + 16
  addl $0x1000, %eax
  movl %eax, boot_pointers - base + 24
  movl $(boot_directories - base + 3), boot_pointers - base + 510 * 8
  movl $(boot_pointers - base + 3), %eax
  movl %eax, boot_top - base
  movl %eax, boot_top - base + direct_slot * 8
  movl %eax, boot_top - base + 511 * 8

  enter_long_mode start64_low

unsuitable32:
  cli
  hlt
  jmp unsuitable32

// A started processor, from the trampoline: protected mode, flat boot segments, paging off.
ap_start32:
  movw $data64, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  enter_long_mode ap_start64_low

.code64
.macro load_null_segments
  xorl %eax, %eax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %fs
  movw %ax, %gs
  movw %ax, %ss
.endm

// edi = loader's magic, esi = its information. On to the upper half, with a stack and a per-processor block.
start64_low:
  movq $start64, %rax
  jmpq *%rax
start64:
  load_null_segments
  movq $boot_stack_end, %rsp
  movl %edi, %r12d
  movl %esi, %r13d
  leaq boot_processor(%rip), %rdx    // gs base
  movl %edx, %eax
  shrq $32, %rdx
  movl $0xc0000101, %ecx
  wrmsr
  rdtsc
  imulq $0x5e3779b1, %rax, %rax
  movq %rax, __stack_chk_guard(%rip) // kmain seeds it better
  movl %r12d, %edi
  movl %r13d, %esi
  xorl %ebp, %ebp
  call kmain
  ud2

ap_start64_low:
  movq $ap_start64, %rax
  jmpq *%rax
ap_start64:
  load_null_segments
  movq kernel_top_physical(%rip), %rax
  movq %rax, %cr3
  xorl %edi, %edi                    // taken once: one that comes when it is no longer expected stays out
  xchgq %rdi, starting_processor(%rip)
  testq %rdi, %rdi
  jz unexpected
  movq %rdi, %rax
  movq %rdi, %rdx
  shrq $32, %rdx
  movl $0xc0000101, %ecx
  wrmsr
  movq per_cpu_kernel_stack(%rdi), %rsp
  xorl %ebp, %ebp
  call processor_main
  ud2
unexpected:
  cli
  hlt
  jmp unexpected

// void continue_on_stack(stack, function): leaves the present stack for ever.
.section .entry, "ax"
.globl continue_on_stack
.type continue_on_stack, @function
continue_on_stack:
  movq %rdi, %rsp
  xorl %ebp, %ebp
  call *%rsi
  ud2
.size continue_on_stack, . - continue_on_stack

// Copied to a page below 1 MiB; a processor starts at its beginning in real mode with cs = page / 16. [intel/vol3 9.4]
.section .rodata.trampoline, "a"
.globl trampoline_start, trampoline_end
.code16
trampoline_start:
  cli
  cld
  movw %cs, %ax
  movw %ax, %ds
  lgdtl trampoline_gdt_pointer - trampoline_start
  movl %cr0, %eax
  orl $1, %eax
  movl %eax, %cr0
  ljmpl $boot_code32, $(ap_start32 - base)
.balign 8
trampoline_gdt_pointer:
  .short boot_gdt_end - boot_gdt - 1
  .long boot_gdt - base
trampoline_end:
.code64

.section .rodata.boot, "a"
.balign 8
.set boot_code32, 8
boot_gdt:                            // selectors as in the final one: 0x10 code, 0x18 data
  .quad 0
  .quad 0x00cf9b000000ffff           // 32-bit code
  .quad 0x00af9b000000ffff           // 64-bit code
  .quad 0x00cf93000000ffff           // data
boot_gdt_end:
boot_gdt_pointer:
  .short boot_gdt_end - boot_gdt - 1
  .quad boot_gdt - base

.section .bss.boot, "aw", @nobits
.balign 4096
.globl boot_top
boot_top: .skip 4096
boot_pointers: .skip 4096
boot_directories: .skip 4 * 4096
boot_stack: .skip 16384
boot_stack_end:
.balign 8
.globl boot_tsc
boot_tsc: .skip 8
