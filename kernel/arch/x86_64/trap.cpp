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

// CF PF AF ZF SF TF DF OF NT RF AC ID: what ring 3 may have set. Never IOPL, VM, VIF, VIP.
constexpr std::uint64_t user_flags = 0x25'4dd5;
constexpr std::uint64_t fixed_flags = flag_interrupts | 1u << 1;

// Whether the core has something to decide after an interrupt.
enum class After : bool { same, reschedule };

After interrupt(PerCpu& p, std::uint64_t number) {
  ++p.cpu.info->interrupts;
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
  // sysret takes rip and flags from rcx and r11.
  const bool by_sysret = r.rcx == r.rip && r.r11 == r.rflags && (r.rflags & by_iret_flags) == 0 &&
                         r.rip < abi::user_end && r.rsp < abi::user_end;
  return {&r, by_sysret};
}

abi::Registers& registers_of(PerCpu& p) { return p.cpu.current->context.registers; }

// Asks the core who runs now. An env that is to continue at an address that iret would refuse takes the fault here.
Resume next(PerCpu& p) {
  for (;;) {
    Env& env = traps::next(p.cpu);
    abi::Registers& r = env.context.registers;
    AEGIS_ASSERT(p.cpu.loaded == &env);
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

// QEMU before 9.1 reads the stack of an iretq in ring 3 with the kernel's rights, which SMAP refuses: a page fault from ring 3
// on a present page without the user bit in its error code, which no processor raises there. The instruction, by which
// library OSes return from exceptions, is then carried out here; nothing of it is beyond what ring 3 may do itself.
// Returns how it ended: nothing, when this was another fault.
struct IretFault {
  std::uint64_t vector, error, address;
};
bool is_refused_iret(const abi::Registers& r, std::uint64_t error, std::uint64_t address) {
  constexpr std::uint64_t present_supervisor_read = 1;
  std::array<std::uint8_t, 2> code{};
  return error == present_supervisor_read && address - r.rsp < 40 && base::range_within(r.rip, code.size(), abi::user_end) &&
         copy_from_user(code.data(), r.rip, code.size()) && code[0] == 0x48 && code[1] == 0xcf;
}
std::optional<IretFault> carry_out_iret(abi::Registers& r) {
  constexpr std::uint64_t flag_nested = 1u << 14, user_read = 4;
  std::array<std::uint64_t, 5> frame{};  // rip, cs, rflags, rsp, ss
  for (std::size_t i = 0; i < frame.size(); ++i) {
    const std::uint64_t at = r.rsp + i * 8;
    if (!base::range_within(at, 8, abi::user_end) || !copy_from_user(&frame[i], at, 8)) return IretFault{vector::page_fault, user_read, at};
  }
  if (frame[1] != selector::user_code || frame[4] != selector::user_data || frame[0] != x86::canonical(frame[0]) ||
      (r.rflags & flag_nested) != 0)
    return IretFault{vector::protection, 0, 0};
  r.rip = frame[0];
  r.rflags = frame[2];
  r.rsp = frame[3];
  return std::nullopt;
}

}  // namespace

extern "C" {
Resume call_from_user(PerCpu* p, std::uint64_t number);
Resume look_again_from_user(PerCpu* p);
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

// After a call that kept the caller, when there is more to do: its registers are saved by now.
Resume look_again_from_user(PerCpu* p) {
  traps::look_again(p->cpu);
  return next(*p);
}

// `syscall` with any other number, and the env has no entry for it: as if the instruction were unknown.
Resume foreign_call_without_entry(PerCpu* p) {
  constexpr std::uint64_t syscall_size = 2, invalid_opcode = 6;
  registers_of(*p).rip -= syscall_size;
  traps::exception(p->cpu, invalid_opcode, 0, 0);
  return next(*p);
}

// Any vector but NMI, double fault and machine check, from ring 3.
Resume trap_from_user(PerCpu* p, std::uint64_t number, std::uint64_t error) {
  const std::uint64_t address = number == vector::page_fault ? x86::read_cr2() : 0;
  if (number >= 32) {
    if (interrupt(*p, number) == After::same) return resume(registers_of(*p));
    return next(*p);
  }
  // Whether something is mapped at a kernel address is not for ring 3 to know: the fault always says "present".
  if (number == vector::page_fault && address >= abi::user_end && address >> 63 != 0) error |= 1;
  if (number == vector::page_fault && is_refused_iret(registers_of(*p), error, address)) [[unlikely]] {
    const auto fault = carry_out_iret(registers_of(*p));
    if (!fault) return resume(registers_of(*p));
    traps::exception(p->cpu, fault->vector, fault->error, fault->address);
    return next(*p);
  }
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

// --- api.hpp -------------------------------------------------------------------------------------------------------

void idle() {
  // sti takes effect after hlt has begun, so no interrupt slips in between. [intel/vol2 STI]
  asm volatile("sti\n hlt\n cli" : : : "memory");
}

void poke(CpuId id) {
  PerCpu& target = per_cpu(id);
  ++target.cpu.info->pokes;
  local_apic().send(target.apic_id, vector::poke);
}

}  // namespace aegis::arch
