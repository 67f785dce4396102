// SPDX-License-Identifier: MIT
// What the fast ways through the kernel cost, in instructions: the machine runs with -icount shift=0, where the TSC counts them.
#include "libos/rt/transfer.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t rounds = 1000;

std::uint64_t tsc() {
  std::uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
  return std::uint64_t{high} << 32 | low;
}

// Instructions of one round, the loop's own taken off.
template <typename F>
std::uint64_t measure(F body) {
  body();
  const std::uint64_t start = tsc();
  for (std::uint64_t i = 0; i < rounds; ++i) {
    asm volatile("" : : : "memory");
    body();
  }
  const std::uint64_t middle = tsc();
  for (std::uint64_t i = 0; i < rounds; ++i) asm volatile("" : : : "memory");
  const std::uint64_t end = tsc();
  return ((middle - start) - (end - middle)) / rounds;
}

void say(std::string_view what, std::uint64_t instructions, std::uint64_t most) {
  rt::log("{}: {} instructions", what, instructions);
  if (instructions > most) fail(here(), base::Text<100>{"{}: {}, want at most {}", what, instructions, most}.view());
}

void null_call() {
  say("null call", measure([] { asm volatile("mov %0, %%eax\n syscall" : : "i"(abi::call_base) : "rax", "rcx", "rdx", "r11", "memory"); }), 60);
}

// Notes when it began and goes on behind the faulting instruction, which is two bytes long.
std::uint64_t handler_began;
extern "C" [[gnu::naked]] void costs_exception() {
  asm volatile(
      "rdtsc\n shl $32, %%rdx\n or %%rdx, %%rax\n mov %%rax, %[began]\n"
      "movq $0, %%gs:0\n mov %%gs:32, %%rcx\n add $2, %%rcx\n jmp *%%rcx\n"
      : [began] "=m"(handler_began));
}

template <typename F>
std::uint64_t measure_fault(F fault) {
  for (int warm = 0; warm < 3; ++warm) fault();
  const std::uint64_t start = tsc();
  fault();
  return handler_began - start;
}

void exceptions() {
  const abi::EnvEntries own{.exception = reinterpret_cast<std::uint64_t>(&costs_exception),
                            .gs_base = reinterpret_cast<std::uint64_t>(&own_area())};
  const abi::EnvEntries usual{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                              .gs_base = reinterpret_cast<std::uint64_t>(&own_area())};
  must(call::env_configure(abi::no_slot, &own));
  const std::uint64_t opcode = measure_fault([] { asm volatile("ud2" : : : "rax", "rcx", "rdx", "memory", "cc"); });
  const std::uint64_t page = measure_fault([] {
    std::uint64_t nowhere = 0x1111'0000'0000;
    asm volatile("mov (%0), %%eax" : "+b"(nowhere) : : "rax", "rcx", "rdx", "memory", "cc");
  });
  must(call::env_configure(abi::no_slot, &usual));
  say("invalid opcode to the handler", opcode, 80);
  say("page fault to the handler", page, 80);
}

// A service in assembly, in the same space: it notes the time and replies.
std::uint64_t service_began;
extern "C" [[gnu::naked]] void costs_service() {
  asm volatile(
      "rdtsc\n shl $32, %%rdx\n or %%rdx, %%rax\n mov %%rax, %[began]\n"
      "1: mov %[reply], %%eax\n xor %%edi, %%edi\n xor %%esi, %%esi\n syscall\n jmp 1b\n"
      : [began] "=m"(service_began)
      : [reply] "i"(abi::call_base + static_cast<std::uint32_t>(abi::Call::pct_reply)));
}
void serves(std::uint64_t) {
  asm volatile("1: mov %0, %%eax\n xor %%edi, %%edi\n xor %%esi, %%esi\n syscall\n jmp 1b" : : "i"(abi::call_base + static_cast<std::uint32_t>(abi::Call::pct_reply)) : "memory");
}

void transfers() {
  Thread t = make_thread();
  const CapSlot entry = new_slot();
  must(call::pct_entry(t.env, entry, Va{reinterpret_cast<std::uint64_t>(&costs_service)}, 1));
  start(t, serves);
  expect_equal(run(t.env).state, abi::RunState::accepting, "it accepts");
  rt::Message m{};
  for (int warm = 0; warm < 3; ++warm) must(rt::transfer_call(entry, m));
  const std::uint64_t start = tsc();
  static_cast<void>(rt::transfer_call(entry, m));
  const std::uint64_t end = tsc();
  say("transfer, one way (with the library's stub)", service_began - start, 270);
  say("transfer, the way back (with the library's stub)", end - service_began, 210);
  destroy(t);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  null_call();
  exceptions();
  transfers();
  finish();
}
