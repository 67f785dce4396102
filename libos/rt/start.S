// SPDX-License-Identifier: MIT
// Entered by the kernel, in ring 3: rdi = abi::boot::Facts, rsp = top of the stack, all other registers 0.
  .section .text.start, "ax"
  .globl rt_start
  .type rt_start, @function
rt_start:
  xor %ebp, %ebp          // the outermost frame
  and $-16, %rsp
  call rt_run
  ud2
  .size rt_start, . - rt_start
  .section .note.GNU-stack, "", @progbits
