// SPDX-License-Identifier: MIT
// All that the machine-dependent half calls in the core. Every entry below is made with interrupts off, on the
// processor's own kernel stack, with the interrupted env's registers already in cpu.current->context (if the processor
// was in user mode). The functions take the kernel lock themselves. After each the arch calls next() and resumes what
// it names.
#pragma once

#include "kernel/arch/api.hpp"

namespace aegis::traps {

// An Aegis call of cpu.current: number and arguments are in its saved registers, results are written there.
void call(Cpu& cpu, std::uint64_t number);
// One whose path is `keeps` (number < call_count, also for a processor that runs ahead): the six arguments are at hand, the saved registers are not touched, the
// caller goes on with the answer in rax and rdx. Only when cpu.look_again is set afterwards are its registers to be saved,
// with that answer in them, and look_again() called.
struct CallAnswer {
  std::uint64_t error, value;
};
extern "C" CallAnswer keeping_call(Cpu& cpu, std::uint64_t number, const std::uint64_t* arguments);
void look_again(Cpu& cpu);
// pct_call and pct_reply without a capability in the usual case, with the kernel lock held, which the entry code took and gives back. Of cpu.current's
// general registers those are saved that a C++ function may change, but for rax. Null: nothing has happened, and call() does it.
// Otherwise who goes on: the entry code exchanges vector state and segment bases between cpu.loaded and it, makes it cpu.loaded,
// and leaves with its saved rdi, rip, rsp and flags (at an entry initial_flags), rax and rsi 0, and the message's registers as
// the other has them.
extern "C" Env* quick_call(std::uint64_t entry, Cpu& cpu);
extern "C" Env* quick_reply(std::uint64_t status, Cpu& cpu);
// An exception in user mode. `address`: cr2 for page faults.
void exception(Cpu& cpu, std::uint64_t vector, std::uint64_t error, std::uint64_t address);
void timer(Cpu& cpu);            // the deadline given to set_timer passed
void poked(Cpu& cpu);            // another processor asks to look again
void console_event();            // the console can take or give bytes again (from its interrupt)

// Chooses what the processor does now and returns the env to resume; cpu.current is set, its space loaded, its vector
// state in the processor. Idles inside when there is nothing to run.
[[nodiscard]] Env& next(Cpu& cpu);

// --- start ---------------------------------------------------------------------------------------------------------
struct MemoryRange { std::uint64_t start, end; };  // bytes
struct BootRecord {
  std::span<const MemoryRange> ram;       // usable
  std::span<const MemoryRange> reserved;  // inside it, but taken: kernel image, boot tables, per-processor areas
  MemoryRange archive;                    // the boot module; empty if start == end
  std::string_view command_line;
  std::uint32_t cpus;
  std::uint64_t wall_base_ns;
  std::uint64_t boot_tsc, tsc_base, tsc_mul;
  std::uint32_t tsc_shift;
  std::uint32_t xcr0, xsave_size;
  std::uint64_t features;
};

// Builds frame table and information pages (whose frames it takes from `ram` and returns the number of), the root
// account, and the first env from the archive; false with a line in the log when that cannot be done.
[[nodiscard]] bool start(const BootRecord& record);
// Each processor, once start() is done: sets its slice clock going. Then the arch calls next().
void start_cpu(Cpu& cpu);

}  // namespace aegis::traps
