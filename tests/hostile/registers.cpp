// SPDX-License-Identifier: MIT
// Registers that would hurt the kernel on its way out (sysret and iret with a non-canonical address) or give the env
// what it must not have (IOPL, virtual-8086, interrupts off).
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::array<std::uint64_t, 10> bad_code_addresses{
    abi::user_end + page_size, 0x0000'8000'0000'0000, 0x0001'0000'0000'0000, 0x4141'4141'4141'4141,
    0x7fff'ffff'ffff'ffff,     0x8000'0000'0000'0000, 0xffff'7fff'ffff'ffff, 0xffff'8000'0000'0000,
    0xffff'ffff'8010'0000,     0xffff'ffff'ffff'ffff};

void halts(std::uint64_t argument) { rt::halt(argument); }

// Runs t for a while with these registers; the kernel must survive whatever happens to t.
abi::EnvState survive(Thread& t) {
  const abi::EnvState end = run(t.env, 8);
  if (end.state != abi::RunState::ready) return end;
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  return must(rt::read_env(t.env));
}

void start_addresses() {
  Thread t = make_thread();
  for (const std::uint64_t bad : bad_code_addresses) {
    expect_refused(call::env_start(t.env, Va{bad}, Va{t.stack_top}, 0), base::Text<60>{"start at {:#x}", bad}.view());
    // A stack pointer is only a number; if it is taken, using it must be the env's own fault.
    if (call::env_start(t.env, Va{reinterpret_cast<std::uint64_t>(&halts)}, Va{bad}, 7).has_value()) survive(t);
  }
  for (const std::uint64_t edge : std::initializer_list<std::uint64_t>{
           abi::user_end - 1, abi::user_end - 2, abi::user_end - page_size, 0x7fff'ffff'efffull, 0ull}) {
    if (!call::env_start(t.env, Va{edge}, Va{t.stack_top}, 0).has_value()) continue;
    expect_equal(survive(t).state, abi::RunState::stuck, "started at the edge");
  }
  destroy(t);
}

// A `syscall` as the last bytes of user space: the address behind it must not become a non-canonical return address.
void syscall_at_the_end() {
  Thread t = make_thread();
  const std::uint64_t last = abi::user_end - page_size;
  const std::uint64_t kept = rt::own_entry(last);
  if (kept != 0) {
    // The page is in use (stack): another space then.
    destroy(t);
    return;
  }
  const Page page = new_page();
  auto* bytes = reinterpret_cast<std::uint8_t*>(page.va);
  bytes[4094] = 0x0f;
  bytes[4095] = 0x05;
  must(rt::map(abi::no_slot, last, page.frame, 1, abi::map_read | abi::map_execute, boot::account));
  for (const std::uint64_t rax : {std::uint64_t{abi::call_base}, std::uint64_t{39}}) {
    must(call::env_start(t.env, Va{last + 4094}, Va{t.stack_top}, 0));
    must(call::env_stop(t.env));
    abi::Registers r = must(rt::read_env(t.env)).registers;
    r.rax = rax;
    must(call::env_write(t.env, &r));
    must(call::env_resume(t.env));
    const auto state = survive(t);
    expect_equal(state.state, abi::RunState::stuck, "it runs off the end of user space");
  }
  must(rt::unmap(abi::no_slot, last, 1));
  destroy(t);
}

void written_registers() {
  Thread t = make_thread();
  start(t, halts);
  must(call::env_stop(t.env));
  const abi::Registers good = must(rt::read_env(t.env)).registers;
  const auto attempt = [&](auto change, Error want, std::string_view what, Where at = here()) {
    abi::Registers r = good;
    change(r);
    expect_error(call::env_write(t.env, &r), want, what, at);
    const abi::Registers now = must(rt::read_env(t.env)).registers;
    expect(std::memcmp(&now, &good, sizeof now) == 0, "registers unchanged", at);
  };
  for (const std::uint64_t bad : bad_code_addresses) {
    attempt([=](auto& r) { r.rip = bad; }, Error::bad_address, "rip");
    if (bad >= 0xffff'8000'0000'0000 || bad <= 0x0000'7fff'ffff'ffff)
      continue;  // canonical: a base in the kernel's half reads nothing
    attempt([=](auto& r) { r.fs_base = bad; }, Error::bad_address, "fs base");
    attempt([=](auto& r) { r.gs_base = bad; }, Error::bad_address, "gs base");
  }
  // Flags: only CF PF AF ZF SF OF, TF and DF, with IF and the fixed bit as they are or 0.
  constexpr std::uint64_t allowed = 0x1 | 0x4 | 0x10 | 0x40 | 0x80 | 0x800 | 0x100 | 0x400;
  for (std::uint32_t bit = 0; bit < 64; ++bit) {
    const std::uint64_t flag = 1ull << bit;
    if ((flag & allowed) != 0 || flag == 0x200 || flag == 0x2) continue;
    attempt([=](auto& r) { r.rflags |= flag; }, Error::bad_argument, base::Text<40>{"flag bit {}", bit}.view());
  }
  // With those that are allowed it runs on, and interrupts stay on.
  abi::Registers r = good;
  r.rflags = 0x202 | 0x8d5;
  expect_ok(call::env_write(t.env, &r));
  must(call::env_resume(t.env));
  expect_equal(survive(t).state, abi::RunState::halted, "with odd flags");
  // Single-stepped into a syscall: the trap must not reach the kernel.
  start(t, halts);
  must(call::env_stop(t.env));
  r = must(rt::read_env(t.env)).registers;
  r.rflags |= 0x100;
  must(call::env_write(t.env, &r));
  must(call::env_resume(t.env));
  const auto stepped = survive(t);
  expect(stepped.state == abi::RunState::stuck && stepped.code == exception::debug, "stepped");
  destroy(t);
}

void bad_stack_pointers() {
  Thread t = make_thread();
  start(t, halts);
  must(call::env_stop(t.env));
  const abi::Registers good = must(rt::read_env(t.env)).registers;
  for (const std::uint64_t bad : bad_code_addresses) {
    abi::Registers r = good;
    r.rsp = bad;
    if (!call::env_write(t.env, &r).has_value()) continue;
    must(call::env_resume(t.env));
    const auto state = survive(t);  // pop faults
    expect(state.state == abi::RunState::stuck, "a stack in nowhere");
    must(call::env_start(t.env, Va{good.rip}, Va{t.stack_top}, 0));
    must(call::env_stop(t.env));
  }
  destroy(t);
}

void entries() {
  Thread t = make_thread();
  for (const std::uint64_t bad : bad_code_addresses) {
    const auto attempt = [&](auto change, std::string_view what) {
      abi::EnvEntries e{};
      change(e);
      expect_error(call::env_configure(t.env, &e), Error::bad_address, what);
    };
    attempt([=](auto& e) { e.exception = bad; }, "exception entry");
    attempt([=](auto& e) { e.foreign = bad; }, "foreign entry");
    attempt([=](auto& e) { e.prologue = bad; }, "prologue entry");
    attempt([=](auto& e) { e.epilogue = bad; }, "epilogue entry");
    if (bad >= 0xffff'8000'0000'0000 || bad <= 0x0000'7fff'ffff'ffff) continue;
    attempt([=](auto& e) { e.gs_base = bad; }, "gs base");
    attempt([=](auto& e) { e.fs_base = bad; }, "fs base");
  }
  for (const auto& [monitor, want] : {std::pair{CapSlot{50}, Error::empty_slot},
                                      {boot::space, Error::wrong_kind},
                                      {CapSlot{0xffff'ffff}, Error::bad_slot}}) {
    const abi::EnvEntries e{.monitor = monitor};
    expect_error(call::env_configure(t.env, &e), want, "monitor");
  }
  const CapSlot weak = new_slot();
  must(call::cap_derive(boot::self, weak, bits(abi::EnvRight::inspect), 0, 0));
  const abi::EnvEntries e{.monitor = weak};
  expect_error(call::env_configure(t.env, &e), Error::missing_right, "monitor without wake");
  destroy(t);
}

// What ring 3 can set itself: bases by wrfsbase and wrgsbase, any rsp at a syscall, flags at a syscall.
void own_registers() {
  std::uint64_t gs = 0;
  asm volatile("rdgsbase %0" : "=r"(gs));
  for (const std::uint64_t base :
       {0xffff'ffff'8010'0000ull, 0xffff'8000'0000'0000ull, 0ull, 0x1000ull, 0x7fff'ffff'ffffull}) {
    rt::RawAnswer answer{};
    asm volatile("wrgsbase %[base]; mov %[nop], %%eax; syscall; wrgsbase %[gs]"
                 : "=&a"(answer.error)
                 : [base] "r"(base), [gs] "r"(gs), [nop] "i"(abi::call_base)
                 : "rcx", "rdx", "r11", "memory");
    expect_equal(answer.error, 0ull, "a call with an odd gs base");
  }
  for (const std::uint64_t stack :
       {0ull, 0x8000'0000'0000'0000ull, 0xffff'ffff'8010'0000ull, 0x4141'4141'4141'4141ull}) {
    std::uint64_t error = 1;
    asm volatile("mov %%rsp, %%rbx; mov %[stack], %%rsp; mov %[nop], %%eax; syscall; mov %%rbx, %%rsp"
                 : "=&a"(error) : [stack] "r"(stack), [nop] "i"(abi::call_base) : "rbx", "rcx", "rdx", "r11", "memory");
    expect_equal(error, 0ull, "a call with an odd stack");
  }
  // AC, NT, DF and TF at a call.
  std::uint64_t error = 1;
  asm volatile(
      "pushfq; orq $0x44400, (%%rsp); popfq; mov %[nop], %%eax; syscall; pushfq; andq $~0x44400, (%%rsp); popfq"
      : "=&a"(error)
      : [nop] "i"(abi::call_base)
      : "rcx", "rdx", "r11", "memory", "cc");
  expect_equal(error, 0ull, "a call with odd flags");
  const auto stepped = catch_fault([] {
    asm volatile("pushfq; orq $0x100, (%%rsp); popfq; mov %[nop], %%eax; syscall; nop"
                 :
                 : [nop] "i"(abi::call_base)
                 : "rax", "rcx", "rdx", "r11", "memory");
  });
  expect(stepped && stepped->vector == exception::debug, "a single-stepped call");
}

// iretq in ring 3 to kernel selectors or addresses.
void own_iret() {
  const auto to = [](std::uint64_t rip, std::uint64_t cs, std::uint64_t flags, std::uint64_t rsp, std::uint64_t ss) {
    return catch_fault([=] {
      asm volatile("push %[ss]; push %[rsp]; push %[flags]; push %[cs]; push %[rip]; iretq"
                   : : [ss] "r"(ss), [rsp] "r"(rsp), [flags] "r"(flags), [cs] "r"(cs), [rip] "r"(rip) : "memory");
    });
  };
  expect(to(0xffff'ffff'8010'0000, 0x08, 0x2, 0, 0x10).has_value(), "to ring 0");
  expect(to(0xffff'ffff'8010'0000, 0x10, 0x2, 0, 0x18).has_value(), "to ring 0");
  expect(to(0xffff'ffff'8010'0000, 0x33, 0x202, 0, 0x2b).has_value(), "to the kernel's text in ring 3");
  expect(to(0x8000'0000'0000'0000, 0x33, 0x202, 0, 0x2b).has_value(), "to a hole");
  expect(to(0x1000, 0x33, 0x24202, 0, 0x2b).has_value(), "with VM and NT");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  start_addresses();
  syscall_at_the_end();
  written_registers();
  bad_stack_pointers();
  entries();
  own_registers();
  own_iret();
  finish();
}
