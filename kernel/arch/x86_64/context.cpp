// SPDX-License-Identifier: MIT
// An env's user state in and out of the processor: vector unit, segment bases, what the entry code needs.
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
  // An empty component bitmap in the header: everything beyond the two control words is in its initial state, whatever
  // the rest of the area holds. [intel/vol1 13.6]
  std::memset(context.vector, 0, legacy_and_header);
  constexpr std::uint16_t x87_control = 0x37f;
  constexpr std::uint32_t mxcsr = 0x1f80;
  std::memcpy(context.vector, &x87_control, sizeof x87_control);
  std::memcpy(context.vector + 24, &mxcsr, sizeof mxcsr);
}

void bind_entries(Env& env) {
  auto* area = reinterpret_cast<abi::UserArea*>(frame_memory(env.user_area));
  Context& context = env.context;
  context.foreign_frame = env.entries.foreign != 0 ? &area->foreign_rip : nullptr;
  context.foreign_entry = env.entries.foreign;
  context.exception_frame = env.entries.exception != 0 ? &area->exception : nullptr;
  context.exception_entry = env.entries.exception;
}

void load_bases(const Context& context) {
  x86::wrfsbase(x86::canonical(context.registers.fs_base));  // any other value would fault here
  x86::write_user_gs_base(x86::canonical(context.registers.gs_base));
}

// Kept apart when the kernel is optimised as one: tools/check/no-vector-instructions knows these two by name.
[[gnu::noinline]] void save_user_state(Context& context) {
  context.registers.fs_base = x86::rdfsbase();
  context.registers.gs_base = x86::read_user_gs_base();
  asm volatile("xsave64 %0" : "=m"(context.vector) : "a"(features().xcr0), "d"(0) : "memory");
}

[[gnu::noinline]] void load_user_state(const Context& context) {
  clear_selectors();
  load_bases(context);
  asm volatile("xrstor64 %0" : : "m"(context.vector), "a"(features().xcr0), "d"(0) : "memory");
}

}  // namespace aegis::arch
