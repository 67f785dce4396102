// SPDX-License-Identifier: MIT
// Foreign calls: a `syscall` that is not Aegis's arrives at the env's entry with every register but rcx and r11 as it
// was, and returns without the kernel.
#include "tests/kernel/guest.hpp"

using namespace guest;

namespace {

struct Captured {
  std::uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp, r8, r9, r10, r12, r13, r14, r15, count;
  std::uint64_t xmm[2];
};

extern "C" {
Captured guest_captured;
std::uint64_t guest_sent[14];
void guest_foreign_entry();
void guest_send();
extern const std::byte guest_after_syscall[];
}

// Stores what arrives and goes back behind the `syscall`, with rax = 4711.
extern "C" [[gnu::naked]] void guest_foreign_entry() {
  asm volatile(
      "mov %%rax, guest_captured+0(%%rip)\n mov %%rbx, guest_captured+8(%%rip)\n mov %%rcx, guest_captured+16(%%rip)\n"
      "mov %%rdx, guest_captured+24(%%rip)\n mov %%rsi, guest_captured+32(%%rip)\n mov %%rdi, "
      "guest_captured+40(%%rip)\n"
      "mov %%rbp, guest_captured+48(%%rip)\n mov %%rsp, guest_captured+56(%%rip)\n mov %%r8, guest_captured+64(%%rip)\n"
      "mov %%r9, guest_captured+72(%%rip)\n mov %%r10, guest_captured+80(%%rip)\n mov %%r12, guest_captured+88(%%rip)\n"
      "mov %%r13, guest_captured+96(%%rip)\n mov %%r14, guest_captured+104(%%rip)\n mov %%r15, "
      "guest_captured+112(%%rip)\n"
      "movdqu %%xmm7, guest_captured+128(%%rip)\n"
      "incq guest_captured+120(%%rip)\n"
      "mov $4711, %%eax\n"
      "jmp *%%gs:%c[rip]\n"
      :
      : [rip] "i"(offsetof(abi::UserArea, foreign_rip)));
}

// Loads every register from guest_sent (rax rbx rdx rsi rdi rbp r8 r9 r10 r12 r13 r14 r15) and makes the call.
extern "C" [[gnu::naked]] void guest_send() {
  asm volatile(
      "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
      "mov guest_sent+0(%rip), %rax\n mov guest_sent+8(%rip), %rbx\n mov guest_sent+16(%rip), %rdx\n mov "
      "guest_sent+24(%rip), %rsi\n"
      "mov guest_sent+32(%rip), %rdi\n mov guest_sent+40(%rip), %rbp\n mov guest_sent+48(%rip), %r8\n mov "
      "guest_sent+56(%rip), %r9\n"
      "mov guest_sent+64(%rip), %r10\n mov guest_sent+72(%rip), %r12\n mov guest_sent+80(%rip), %r13\n mov "
      "guest_sent+88(%rip), %r14\n"
      "mov guest_sent+96(%rip), %r15\n"
      "movdqu guest_sent(%rip), %xmm7\n"
      "std\n stc\n"
      "syscall\n"
      ".globl guest_after_syscall\nguest_after_syscall:\n"
      "cld\n"
      "pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");
}

void configure(std::uint64_t foreign) {
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .foreign = foreign,
                                .gs_base = reinterpret_cast<std::uint64_t>(&own_area())};
  must(call::env_configure(abi::no_slot, &entries));
}

void contract() {
  configure(reinterpret_cast<std::uint64_t>(&guest_foreign_entry));
  for (std::size_t i = 0; i < 14; ++i) guest_sent[i] = 0x0123'4567'89ab'0000 * (i + 1) + i;
  guest_sent[0] = 39;
  guest_send();
  const Captured& c = guest_captured;
  const std::array got{c.rax, c.rbx, c.rdx, c.rsi, c.rdi, c.rbp, c.r8, c.r9, c.r10, c.r12, c.r13, c.r14, c.r15};
  for (std::size_t i = 0; i < got.size(); ++i)
    expect_equal(got[i], guest_sent[i], base::Text<40>{"register {}", i}.view());
  expect_equal(c.xmm[0], guest_sent[0], "vector register, low");
  expect_equal(c.xmm[1], guest_sent[1], "vector register, high");
  expect_equal(own_area().foreign_rip, reinterpret_cast<std::uint64_t>(guest_after_syscall),
               "address behind the syscall");
  expect_equal(own_area().foreign_rflags & 0x401, 0x401ull, "flags at the syscall: carry and direction");
  expect_equal(c.count, 1ull);
}

void numbers() {
  configure(reinterpret_cast<std::uint64_t>(&guest_foreign_entry));
  const std::uint64_t before = guest_captured.count;
  std::uint64_t foreign = 0;
  for (const std::uint64_t rax : std::initializer_list<std::uint64_t>{
           0ull, 1ull, 60ull, 231ull, 0x4000'0001ull, ~0ull, 1ull << 63, abi::call_base - 1,
           abi::call_base + abi::call_count, abi::call_base | 1ull << 32, abi::call_base | 1ull << 63,
           abi::call_base + 0xffff}) {
    expect_equal(rt::raw_syscall(rax).error, 4711ull, base::Text<40>{"number {:#x}", rax}.view());
    ++foreign;
  }
  expect_equal(guest_captured.count, before + foreign, "each was foreign");
  expect_equal(rt::raw_syscall(abi::call_base).error, 0ull, "and nop is not");
}

void none() {
  configure(0);
  const auto fault = catch_fault([] { guest_send(); });
  expect(fault && fault->vector == exception::invalid_opcode, "without an entry: #UD");
  if (fault)
    expect_equal(fault->registers.rip, reinterpret_cast<std::uint64_t>(guest_after_syscall) - 2,
                 "at the syscall itself");
  asm volatile("cld");
}

void aegis_calls_keep_registers() {
  configure(reinterpret_cast<std::uint64_t>(&guest_foreign_entry));
  // rcx and r11 are lost and rax, rdx are results; all else is kept. The sent registers are compared by the
  // callee-saved ones that guest_send restores, so look at a call made by hand.
  std::uint64_t kept[12];
  asm volatile(
      "push %%rbp\n push %%rbx\n"
      "mov %%rdi, %%rax\n push %%rax\n"
      "mov $0x1111, %%ebx\n mov $0x2222, %%ebp\n mov $0x3333, %%esi\n mov $0x4444, %%edi\n mov $0x5555, %%r8d\n mov "
      "$0x6666, %%r9d\n"
      "mov $0x7777, %%r10d\n mov $0x8888, %%r12d\n mov $0x9999, %%r13d\n mov $0xaaaa, %%r14d\n mov $0xbbbb, %%r15d\n"
      "mov %[nop], %%eax\n syscall\n"
      "mov %%rax, %%rcx\n pop %%rax\n"
      "mov %%rbx, (%%rax)\n mov %%rbp, 8(%%rax)\n mov %%rsi, 16(%%rax)\n mov %%rdi, 24(%%rax)\n mov %%r8, 32(%%rax)\n "
      "mov %%r9, 40(%%rax)\n"
      "mov %%r10, 48(%%rax)\n mov %%r12, 56(%%rax)\n mov %%r13, 64(%%rax)\n mov %%r14, 72(%%rax)\n mov %%r15, "
      "80(%%rax)\n"
      "mov %%rcx, 88(%%rax)\n"
      "pop %%rbx\n pop %%rbp\n"
      :
      : [nop] "i"(abi::call_base), "D"(kept)
      : "rax", "rcx", "rdx", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
  for (std::uint64_t i = 0; i < 11; ++i)
    expect_equal(kept[i], 0x1111 * (i + 1), base::Text<40>{"kept register {}", i}.view());
  expect_equal(kept[11], 0ull, "rax");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  contract();
  numbers();
  none();
  aegis_calls_keep_registers();
  finish();
}
