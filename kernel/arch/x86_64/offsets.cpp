// SPDX-License-Identifier: MIT
// Numbers for the assembler, computed by the compiler: each is a line of text in this object's .offsets section, which
// the build copies into arch_offsets.inc. This object is not linked.
#include "kernel/arch/x86_64/address.hpp"
#include "kernel/arch/x86_64/trap.hpp"
#include "kernel/core/env.hpp"

#define CONSTANT(name, value) asm volatile(".ascii \".set " #name ", %c0\\n\"" : : "i"(value))

namespace aegis::arch {

[[gnu::used]] void write_offsets();
void write_offsets() {
  using abi::Registers;
  asm volatile(".pushsection .offsets, \"\", @progbits");
  CONSTANT(image_base, image_base);
  CONSTANT(direct_slot, direct_slot);
  CONSTANT(kernel_code_selector, selector::kernel_code);
  CONSTANT(kernel_data_selector, selector::kernel_data);
  CONSTANT(user_code_selector, selector::user_code);
  CONSTANT(user_data_selector, selector::user_data);
  CONSTANT(call_base, abi::call_base);
  CONSTANT(call_count, abi::call_count);
  CONSTANT(call_mask, 63);  // sys::entry_count - 1
  CONSTANT(per_cpu_self, offsetof(PerCpu, self));
  CONSTANT(per_cpu_kernel_stack, offsetof(PerCpu, kernel_stack));
  CONSTANT(per_cpu_scratch, offsetof(PerCpu, scratch));
  CONSTANT(per_cpu_core, offsetof(PerCpu, core));
  CONSTANT(per_cpu_look_again, offsetof(PerCpu, cpu) + offsetof(Cpu, look_again));
  CONSTANT(per_cpu_current, offsetof(PerCpu, cpu) + offsetof(Cpu, current));  // its registers lie at its beginning
  CONSTANT(per_cpu_loaded, offsetof(PerCpu, cpu) + offsetof(Cpu, loaded));
  CONSTANT(context_foreign_frame, offsetof(Context, foreign_frame));
  CONSTANT(context_foreign_entry, offsetof(Context, foreign_entry));
  CONSTANT(context_exception_frame, offsetof(Context, exception_frame));
  CONSTANT(context_exception_entry, offsetof(Context, exception_entry));
  CONSTANT(context_vector, offsetof(Context, vector));
  CONSTANT(env_info, offsetof(Env, info));
  CONSTANT(by_iret_flags, by_iret_flags);
  CONSTANT(initial_flags, initial_flags);
  CONSTANT(trace_calls, abi::trace_bit(abi::TraceEvent::call) | abi::trace_bit(abi::TraceEvent::call_end));
  CONSTANT(env_info_calls, offsetof(abi::EnvInfo, calls));
  CONSTANT(cpu_info_calls, offsetof(abi::CpuInfo, calls));
  CONSTANT(pct_call_number, abi::Call::pct_call);
  CONSTANT(pct_reply_number, abi::Call::pct_reply);
  CONSTANT(per_cpu_info, offsetof(PerCpu, cpu) + offsetof(Cpu, info));
  CONSTANT(env_info_exceptions, offsetof(abi::EnvInfo, exceptions));
  CONSTANT(cpu_info_exceptions, offsetof(abi::CpuInfo, exceptions));
  CONSTANT(trace_exceptions, abi::trace_bit(abi::TraceEvent::exception));
#define EVENT(name) CONSTANT(event_##name, offsetof(abi::EventFrame, name))
  EVENT(busy); EVENT(kind); EVENT(error); EVENT(address); EVENT(rip); EVENT(rflags); EVENT(rsp); EVENT(reserved);
  CONSTANT(foreign_rflags_from_rip, offsetof(abi::UserArea, foreign_rflags) - offsetof(abi::UserArea, foreign_rip));
#define REGISTER(name) CONSTANT(registers_##name, offsetof(Registers, name))
  REGISTER(rax); REGISTER(rbx); REGISTER(rcx); REGISTER(rdx); REGISTER(rsi); REGISTER(rdi); REGISTER(rbp);
  REGISTER(r8); REGISTER(r9); REGISTER(r10); REGISTER(r11); REGISTER(r12); REGISTER(r13); REGISTER(r14); REGISTER(r15);
  REGISTER(rip); REGISTER(rflags); REGISTER(rsp); REGISTER(fs_base); REGISTER(gs_base);
  asm volatile(".popsection");
}

}  // namespace aegis::arch
