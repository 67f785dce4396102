// SPDX-License-Identifier: MIT
// From the entry code to the core and back: which event it was, whom it concerns, how to resume.
#include "kernel/arch/x86_64/trap.hpp"

#include "kernel/arch/x86_64/clock.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/core/env.hpp"
#include "kernel/dev/console.hpp"

namespace aegis::arch {
namespace {

constexpr std::uint64_t flag_trap = 1u << 8, flag_interrupts = 1u << 9, flag_resume = 1u << 16;
// CF PF AF ZF SF TF DF OF NT RF AC ID: what ring 3 may have set. Never IOPL, VM, VIF, VIP.
constexpr std::uint64_t user_flags = 0x25'4dd5;
constexpr std::uint64_t fixed_flags = flag_interrupts | 1u << 1;

// Whether the core has something to decide after an interrupt.
enum class After : bool { same, reschedule };

After interrupt(PerCpu& p, std::uint64_t number) {
  if (number == vector::spurious) return After::same;  // never to be acknowledged [intel/vol3 10.9]
  local_apic().end_of_interrupt();
  switch (number) {
    case vector::timer:
      if (!timer_expired()) return After::same;
      traps::timer(p.cpu);
      return After::reschedule;
    case vector::poke:
      traps::poked(p.cpu);
      return After::reschedule;
    case vector::flush:
      answer_flush();
      return After::same;
    case vector::console:
      if (!dev::console_interrupt()) return After::same;
      traps::console_event();
      return After::reschedule;
    default:
      return After::same;  // a line that nobody asked for
  }
}

Resume resume(abi::Registers& r) {
  r.rflags = (r.rflags & user_flags) | fixed_flags;
  // sysret takes rip and flags from rcx and r11, cannot restore RF, and traps at once with TF. [intel/vol2 SYSRET]
  const bool by_sysret = r.rcx == r.rip && r.r11 == r.rflags && (r.rflags & (flag_trap | flag_resume)) == 0 &&
                         r.rip < abi::user_end && r.rsp < abi::user_end;
  return {&r, by_sysret};
}

// Asks the core who runs now. An env that is to continue at an address that iret would refuse takes the fault here.
Resume next(PerCpu& p) {
  for (;;) {
    Env& env = traps::next(p.cpu);
    abi::Registers& r = env.context.registers;
    AEGIS_ASSERT(p.registers == &r);
    if (r.rip == x86::canonical(r.rip)) [[likely]] return resume(r);
    traps::exception(p.cpu, vector::protection, 0, 0);
  }
}

struct Fixup {
  std::uint64_t from, to;
};
extern "C" const Fixup fixups_start[], fixups_end[];

bool fix_up(KernelFrame& frame) {
  for (const Fixup* f = fixups_start; f != fixups_end; ++f) {
    if (f->from != frame.rip) continue;
    frame.rip = f->to;
    return true;
  }
  return false;
}

}  // namespace

extern "C" {
Resume call_from_user(PerCpu* p, std::uint64_t number);
Resume foreign_call_without_entry(PerCpu* p);
Resume trap_from_user(PerCpu* p, std::uint64_t number, std::uint64_t error);
void trap_from_kernel(KernelFrame* frame);
void isolated_trap(KernelFrame* frame);
[[noreturn]] void resume_user(Resume how);  // entry.S

// `syscall` with an Aegis number; the caller's registers are saved.
Resume call_from_user(PerCpu* p, std::uint64_t number) {
  traps::call(p->cpu, number);
  return next(*p);
}

// `syscall` with any other number, and the env has no entry for it: as if the instruction were unknown.
Resume foreign_call_without_entry(PerCpu* p) {
  constexpr std::uint64_t syscall_size = 2, invalid_opcode = 6;
  p->registers->rip -= syscall_size;
  traps::exception(p->cpu, invalid_opcode, 0, 0);
  return next(*p);
}

// Any vector but NMI, double fault and machine check, from ring 3.
Resume trap_from_user(PerCpu* p, std::uint64_t number, std::uint64_t error) {
  const std::uint64_t address = number == vector::page_fault ? x86::read_cr2() : 0;
  if (number >= 32) {
    if (interrupt(*p, number) == After::same) return resume(*p->registers);
    return next(*p);
  }
  // Whether something is mapped at a kernel address is not for ring 3 to know: the fault always says "present".
  if (number == vector::page_fault && address >= abi::user_end && address >> 63 != 0) error |= 1;
  traps::exception(p->cpu, number, error, address);
  return next(*p);
}

// An interrupt in idle(), a fault in a copy from or to user memory, or a bug.
void trap_from_kernel(KernelFrame* frame) {
  if (frame->vector >= 32) {
    (void)interrupt(this_per_cpu(), frame->vector);
    return;
  }
  const std::uint64_t address = frame->vector == vector::page_fault ? x86::read_cr2() : 0;
  if (frame->vector == vector::page_fault && fix_up(*frame)) return;
  panic_with("exception in the kernel", *frame, address);
}

// NMI, double fault, machine check, wherever they came from. gs is ours by now.
void isolated_trap(KernelFrame* frame) {
  if (frame->vector == vector::nmi) {
    if (stop_requested()) x86::halt_for_ever();
    return;  // from a watchdog or a button: nothing that we asked for
  }
  panic_with(frame->vector == vector::double_fault ? "double fault" : "machine check", *frame, x86::read_cr2());
}
}

void enter_user(PerCpu& p) { resume_user(next(p)); }

// --- api.hpp -----------------------------------------------------------------------------------------------------------

void idle() {
  // sti takes effect after hlt has begun, so no interrupt slips in between. [intel/vol2 STI]
  asm volatile("sti\n hlt\n cli" : : : "memory");
}

void poke(CpuId id) { local_apic().send(per_cpu(id).apic_id, vector::poke); }

}  // namespace aegis::arch
