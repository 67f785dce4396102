// SPDX-License-Identifier: MIT
// The end of the machine by a broken invariant: silences the other processors, says what, where and what went before, powers
// off. Lines that begin with "  #" are addresses that `exo` turns into functions and lines (tools/exo/panic.cpp).
#include "kernel/arch/x86_64/address.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/arch/x86_64/trap.hpp"
#include "kernel/core/trace.hpp"
#include "kernel/dev/log.hpp"

extern "C" const std::byte image_start[], text_end[];

namespace aegis::arch {
namespace {

constexpr std::uint32_t panic_code = 126;
constinit std::atomic<bool> panicking{false}, stopping{false};

// The first one speaks; a second processor, or a panic within the panic, stops here.
void begin() {
  if (panicking.exchange(true, std::memory_order_acq_rel)) x86::halt_for_ever();
  stop_other_processors();
}

bool is_text(std::uint64_t address) {
  return address >= reinterpret_cast<std::uint64_t>(image_start) && address < reinterpret_cast<std::uint64_t>(text_end);
}

// Frame pointers are kept in the whole kernel; the chain ends with 0 at each entry. `depth` frames are printed already.
void backtrace(std::uint64_t rbp, unsigned depth) {
  for (; depth < 24 && rbp >= direct_base && rbp % 8 == 0; ++depth) {
    const auto* frame = reinterpret_cast<const std::uint64_t*>(rbp);
    if (!is_text(frame[1])) break;
    dev::log("  #", depth, " ", dev::Hex{frame[1]}, "\n");
    if (frame[0] <= rbp) break;
    rbp = frame[0];
  }
}

// The last events of each processor, the newest last. The others may still write: a torn line does no harm here.
void print_traces() {
  constexpr std::uint64_t shown = 16;
  for (std::uint32_t id = 0; id < cpu_count(); ++id) {
    const Cpu& cpu = per_cpu(CpuId{id}).cpu;
    dev::log("last events of processor ", id, ": tsc, event, env, details\n");
    for (std::uint64_t age = shown; age-- > 0;) {
      const abi::TraceRecord* record = recent_trace(cpu, age);
      if (record == nullptr) continue;
      const std::string_view name =
          record->event < abi::trace_event_count ? abi::trace_event_names[record->event] : std::string_view{"?"};
      dev::log("  ", record->tsc, " ", name, " ", dev::ShortHex{record->env}, " ", dev::ShortHex{record->a}, " ",
               dev::ShortHex{record->b}, "\n");
    }
  }
}

}  // namespace

void stop_other_processors() {
  stopping.store(true, std::memory_order_release);  // pairs with stop_requested() in the NMI
  if (cpu_count() > 1) local_apic().send_nmi_to_others();
}

bool stop_requested() { return stopping.load(std::memory_order_acquire); }

void panic(const char* what, const char* file, int line) {
  begin();
  dev::log("aegis: PANIC: ", std::string_view{what}, " at ", std::string_view{file}, ":", static_cast<unsigned>(line),
           ", processor ", this_cpu().id.raw(), "\n");
  backtrace(reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)), 0);
  print_traces();
  power_off(panic_code);
}

void panic_with(const char* what, const KernelFrame& f, std::uint64_t address) {
  using dev::Hex;
  begin();
  dev::log("aegis: PANIC: ", std::string_view{what}, ", vector ", f.vector, " error ", Hex{f.error}, " cr2 ",
           Hex{address}, ", processor ", this_cpu().id.raw(), "\n  rip ", Hex{f.rip}, " cs ", Hex{f.cs}, " rflags ", Hex{f.rflags}, " rsp ", Hex{f.rsp},
           "\n");
  dev::log("  rax ", Hex{f.rax}, " rbx ", Hex{f.rbx}, " rcx ", Hex{f.rcx}, " rdx ", Hex{f.rdx}, "\n");
  dev::log("  rsi ", Hex{f.rsi}, " rdi ", Hex{f.rdi}, " rbp ", Hex{f.rbp}, " r8  ", Hex{f.r8}, "\n");
  dev::log("  r9  ", Hex{f.r9}, " r10 ", Hex{f.r10}, " r11 ", Hex{f.r11}, " r12 ", Hex{f.r12}, "\n");
  dev::log("  r13 ", Hex{f.r13}, " r14 ", Hex{f.r14}, " r15 ", Hex{f.r15}, "\n");
  if (is_text(f.rip)) dev::log("  #0 ", Hex{f.rip}, " interrupted\n");
  backtrace(f.rbp, 1);
  print_traces();
  power_off(panic_code);
}

}  // namespace aegis::arch

// The stack protector's value (constant once the image is write-protected) and its way to say that a frame was
// overwritten.
extern "C" {
[[gnu::section(".fixed")]] constinit std::uint64_t __stack_chk_guard = 0;
[[noreturn]] void __stack_chk_fail();
}
void aegis::arch::seed_stack_protector() { __stack_chk_guard = random_word() & ~std::uint64_t{0xff}; }
void __stack_chk_fail() { aegis::arch::panic("a stack frame was overwritten", "stack protector", 0); }
