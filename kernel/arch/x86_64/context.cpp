// SPDX-License-Identifier: MIT
// An env's user state in and out of the processor: vector unit, segment bases, what the entry code keeps at hand.
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/per_cpu.hpp"
#include "kernel/core/env.hpp"

namespace aegis::arch {
namespace {

constexpr std::size_t legacy_and_header = 512 + 64;  // [intel/vol1 13.4.1]

// Selectors are not part of an env's state, but ring 3 can load some. The next env starts from null ones.
void clear_selectors() {
  std::uint32_t ds, es, fs, gs;
  asm volatile("movl %%ds, %0\n movl %%es, %1\n movl %%fs, %2\n movl %%gs, %3"
               : "=r"(ds), "=r"(es), "=r"(fs), "=r"(gs));
  if ((ds | es | fs | gs) == 0) [[likely]] return;
  const std::uint32_t null = 0;
  asm volatile("movl %0, %%ds\n movl %0, %%es\n movl %0, %%fs\n"
               "swapgs\n movl %0, %%gs\n swapgs" : : "r"(null) : "memory");
}

}  // namespace

void init_context(Context& context) {
  context.registers = {};
  context.error_code = 0;
  context.entry_kind = 0;
  // An empty component bitmap in the header: everything beyond the two control words is in its initial state, whatever
  // the rest of the area holds. [intel/vol1 13.6]
  std::memset(context.vector, 0, legacy_and_header);
  constexpr std::uint16_t x87_control = 0x37f;
  constexpr std::uint32_t mxcsr = 0x1f80;
  std::memcpy(context.vector, &x87_control, sizeof x87_control);
  std::memcpy(context.vector + 24, &mxcsr, sizeof mxcsr);
}

// Kept apart when the kernel is optimised as one: tools/check/no-vector-instructions knows these two by name.
[[gnu::noinline]] void save_vector(Context& context) {
  asm volatile("xsave64 %0" : "=m"(context.vector) : "a"(features().xcr0), "d"(0) : "memory");
}

[[gnu::noinline]] void load_vector(const Context& context) {
  asm volatile("xrstor64 %0" : : "m"(context.vector), "a"(features().xcr0), "d"(0) : "memory");
}

void bind_env(Cpu& cpu, Env* env) {
  PerCpu& p = per_cpu(cpu.id);
  if (env == nullptr) {
    p.registers = nullptr;
    p.foreign_frame = nullptr;
    p.exception_frame = nullptr;
    return;
  }
  abi::Registers& registers = env->context.registers;
  p.registers = &registers;
  auto* area = reinterpret_cast<abi::UserArea*>(frame_memory(env->user_area));
  p.foreign_frame = env->entries.foreign != 0 ? &area->foreign_rip : nullptr;
  p.foreign_entry = env->entries.foreign;
  p.exception_frame = env->entries.exception != 0 ? &area->exception : nullptr;
  p.exception_entry = env->entries.exception;
  p.env_info = env->info;
  clear_selectors();
  x86::wrfsbase(x86::canonical(registers.fs_base));  // any other value would fault here
  x86::write_user_gs_base(x86::canonical(registers.gs_base));
}

void save_bases(Context& context) {
  context.registers.fs_base = x86::rdfsbase();
  context.registers.gs_base = x86::read_user_gs_base();
}

}  // namespace aegis::arch
