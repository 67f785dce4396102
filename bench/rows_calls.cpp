// SPDX-License-Identifier: MIT
// Crossings (calls, exceptions, foreign calls) and capabilities.
#include "bench/measure.hpp"

namespace bench {
namespace {

constexpr std::uint64_t many = 1000;

extern "C" {
void bench_raise(std::uint64_t times);
void bench_raised();
void bench_call_foreign(std::uint64_t times);
void bench_called();
void bench_call_rewritten(std::uint64_t times);
}

// ud2 so often; the handler clears `busy` and goes on behind it, without the kernel and without a stack.
extern "C" [[gnu::naked]] void bench_raise(std::uint64_t) {
  asm volatile(
      "1: ud2\n"
      "2: dec %%rdi\n"
      "jnz 1b\n"
      "ret\n"
      ".globl bench_raised\n"
      "bench_raised:\n"
      "movq $0, %%gs:%c[busy]\n"
      "jmp 2b\n"
      :
      : [busy] "i"(offsetof(abi::UserArea, exception.busy)));
}

// A call that is not Aegis's so often; the library's entry goes back at once.
extern "C" [[gnu::naked]] void bench_call_foreign(std::uint64_t) {
  asm volatile(
      "1: mov $39, %%eax\n"
      "syscall\n"
      "dec %%rdi\n"
      "jnz 1b\n"
      "ret\n"
      ".globl bench_called\n"
      "bench_called:\n"
      "jmp *%%gs:%c[rip]\n"
      :
      : [rip] "i"(offsetof(abi::UserArea, foreign_rip)));
}

// The same after libos/exos/patch_file.cpp has been at the site: a short jump into padding, from there a near one to a stub, which
// leaves in r11 where to return to, and enters the library.
extern "C" [[gnu::naked]] void bench_call_rewritten(std::uint64_t) {
  asm volatile(
      "1: mov $39, %eax\n"
      "jmp 3f\n"
      "2: dec %rdi\n"
      "jnz 1b\n"
      "ret\n"
      "3: jmp bench_stub\n"
      ".fill 256\n"
      "bench_stub: lea 2b(%rip), %r11\n"
      "jmp *bench_library(%rip)\n"
      ".balign 8\n"
      "bench_library: .quad bench_called_directly\n"
      "bench_called_directly: jmp *%r11\n");
}

std::uint64_t address(void (*function)()) { return reinterpret_cast<std::uint64_t>(function); }

void crossings() {
  measure_each("nop", many, [] { static_cast<void>(call::nop.raw()); });
  {
    const Entered entered{
        {.exception = address(bench_raised), .gs_base = reinterpret_cast<std::uint64_t>(&own_area())}};
    measure("exception", many, [] {}, [] { bench_raise(many); });
  }
  {
    const Entered entered{{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                           .foreign = address(bench_called),
                           .gs_base = reinterpret_cast<std::uint64_t>(&own_area())}};
    measure("foreign", many, [] {}, [] { bench_call_foreign(many); });
  }
  measure("foreign_rewritten", many, [] {}, [] { bench_call_rewritten(many); });
}

void capabilities() {
  constexpr std::uint64_t batch = 50;
  const CapSlot source = new_slot();
  must(call::cap_derive(boot::account, source, abi::all_rights, 0, 0));
  CapSlot first = new_slot();
  for (std::uint64_t i = 1; i < batch; ++i) static_cast<void>(new_slot());
  const auto derive = [=] {
    for (std::uint32_t i = 0; i < batch; ++i)
      static_cast<void>(call::cap_derive.raw(source, first + i, abi::all_rights, 0, 0));
  };
  const auto drop = [=] {
    for (std::uint32_t i = 0; i < batch; ++i) static_cast<void>(call::cap_drop.raw(first + i));
  };
  measure("cap_derive", batch, drop, derive);
  measure("cap_drop", batch, [&] { drop(), derive(); }, drop);
  measure("cap_revoke", batch, derive, [=] { static_cast<void>(rt::revoke(source)); });
  abi::CapInfo info;
  measure_each("cap_read", many, [&] { static_cast<void>(call::cap_read.raw(boot::account, &info)); });
  abi::AccountInfo account;
  measure_each("account_read", many, [&] { static_cast<void>(call::account_read.raw(boot::account, &account)); });
  must(rt::drop(source));
}

}  // namespace

void calls() {
  crossings();
  capabilities();
}

}  // namespace bench
