// SPDX-License-Identifier: MIT
// The end of the machine by a broken invariant: says what and where, silences the other processors, powers off.
#include "kernel/arch/x86_64/address.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/local_apic.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/arch/x86_64/trap.hpp"
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

// Frame pointers are kept in the whole kernel; the chain ends with 0 at each entry.
void backtrace(std::uint64_t rbp) {
  dev::log("  called from");
  for (int depth = 0; depth < 24 && rbp >= direct_base && rbp % 8 == 0; ++depth) {
    const auto* frame = reinterpret_cast<const std::uint64_t*>(rbp);
    const std::uint64_t caller = frame[1];
    if (caller < reinterpret_cast<std::uint64_t>(image_start) || caller >= reinterpret_cast<std::uint64_t>(text_end))
      break;
    dev::log(" ", dev::Hex{caller});
    if (frame[0] <= rbp) break;
    rbp = frame[0];
  }
  dev::log("\n");
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
           "\n");
  backtrace(reinterpret_cast<std::uint64_t>(__builtin_frame_address(0)));
  power_off(panic_code);
}

void panic_with(const char* what, const KernelFrame& f, std::uint64_t address) {
  using dev::Hex;
  begin();
  dev::log("aegis: PANIC: ", std::string_view{what}, ", vector ", f.vector, " error ", Hex{f.error}, " cr2 ",
           Hex{address}, "\n  rip ", Hex{f.rip}, " cs ", Hex{f.cs}, " rflags ", Hex{f.rflags}, " rsp ", Hex{f.rsp},
           "\n");
  dev::log("  rax ", Hex{f.rax}, " rbx ", Hex{f.rbx}, " rcx ", Hex{f.rcx}, " rdx ", Hex{f.rdx}, "\n");
  dev::log("  rsi ", Hex{f.rsi}, " rdi ", Hex{f.rdi}, " rbp ", Hex{f.rbp}, " r8  ", Hex{f.r8}, "\n");
  dev::log("  r9  ", Hex{f.r9}, " r10 ", Hex{f.r10}, " r11 ", Hex{f.r11}, " r12 ", Hex{f.r12}, "\n");
  dev::log("  r13 ", Hex{f.r13}, " r14 ", Hex{f.r14}, " r15 ", Hex{f.r15}, "\n");
  backtrace(f.rbp);
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
