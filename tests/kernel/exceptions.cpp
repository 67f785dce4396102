// SPDX-License-Identifier: MIT
// Exceptions reach the env's handler with vector, error code and address, and the handler goes on without the kernel.
#include "tests/kernel/guest.hpp"

using namespace guest;

namespace {

void page_faults() {
  const std::uint64_t nowhere = 0x1111'0000'0000;
  const auto read = catch_fault([&] { load(nowhere + 0x123 * 8); });
  expect(read && read->vector == exception::page_fault && read->address == nowhere + 0x918 && read->error == 4,
         "read of nothing");
  const auto write = catch_fault([&] { store(nowhere, 1); });
  expect(write && write->error == 6, "write to nothing");
  const auto fetch = catch_fault([&] { jump_to(nowhere); });
  expect(fetch && fetch->error == 0x14 && fetch->registers.rip == nowhere, "fetch from nothing");
  const std::uint64_t va = new_va();
  must(rt::map_new(abi::no_slot, va, 1, abi::map_read | abi::map_owned, boot::account));
  const auto protection = catch_fault([&] { store(va, 1); });
  expect(protection && protection->error == 7, "write to a read-only page");
  const auto no_execute = catch_fault([&] { jump_to(va); });
  expect(no_execute && no_execute->error == 0x15, "execution of data");
  const auto null = catch_fault([] { load(0); });
  expect(null && null->vector == exception::page_fault && null->error == 4, "null");
}

void others() {
  expect_fault(
      [] {
        asm volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; mov $1, %%eax; div %%ecx" : : : "rax", "rcx", "rdx");
      },
      exception::divide);
  expect_fault([] { asm volatile("ud2"); }, exception::invalid_opcode);
  expect_fault([] { asm volatile("hlt"); }, exception::general_protection);
  expect_fault([] { load(0x8000'0000'0000'0000); }, exception::general_protection, 0, "not canonical");
  expect_fault([] { asm volatile("int3"); }, exception::breakpoint);
  expect_fault(
      [] {
        asm volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop" : : : "memory");
      },
      exception::debug, 0, "single step");
  // Stack faults: a non-canonical rsp.
  const auto stack = catch_fault([] {
    asm volatile("mov %%rsp, %%rax; mov $1, %%ecx; shl $63, %%rcx; mov %%rcx, %%rsp; push %%rax; mov %%rax, %%rsp"
                 :
                 :
                 : "rax", "rcx", "memory");
  });
  expect(stack && (stack->vector == 12 || stack->vector == 13), "stack fault");
}

// Every register comes back from a handler that repairs the cause.
std::uint64_t repaired_va;
volatile std::uint64_t repairs;

void repair(rt::Event& event) {
  if (event.kind != exception::page_fault) rt::halt(99);
  must(rt::map_new(abi::no_slot, base::align_down(event.address, page_size), 1,
                   abi::map_read | abi::map_write | abi::map_owned, boot::account));
  repairs = repairs + 1;
}

void demand_paging() {
  auto* stacks = reinterpret_cast<rt::EventStacks*>(own_area().library);
  const auto saved = *stacks;
  stacks->exception.handler = repair;
  const std::uint64_t pages = 50;
  repaired_va = new_va(pages);
  std::uint64_t before[14], after[14];
  for (std::uint64_t i = 0; i < pages; ++i) {
    for (std::size_t j = 0; j < 14; ++j) before[j] = (i << 32) + j * 0x0101'0101;
    before[0] = repaired_va + i * page_size;  // rbx: where the store goes
    asm volatile(
        "push %%rbp\n push %[after]\n"
        "mov %[before], %%rax\n"
        "mov (%%rax), %%rbx\n mov 8(%%rax), %%rcx\n mov 16(%%rax), %%rdx\n mov 24(%%rax), %%rsi\n mov 32(%%rax), "
        "%%rdi\n"
        "mov 40(%%rax), %%r8\n mov 48(%%rax), %%r9\n mov 56(%%rax), %%r10\n mov 64(%%rax), %%r11\n mov 72(%%rax), "
        "%%r12\n"
        "mov 80(%%rax), %%r13\n mov 88(%%rax), %%r14\n mov 96(%%rax), %%r15\n mov 104(%%rax), %%rbp\n"
        "stc\n"
        "mov %%rax, (%%rbx)\n"
        "pop %%rax\n"
        "mov %%rbx, (%%rax)\n mov %%rcx, 8(%%rax)\n mov %%rdx, 16(%%rax)\n mov %%rsi, 24(%%rax)\n mov %%rdi, "
        "32(%%rax)\n"
        "mov %%r8, 40(%%rax)\n mov %%r9, 48(%%rax)\n mov %%r10, 56(%%rax)\n mov %%r11, 64(%%rax)\n mov %%r12, "
        "72(%%rax)\n"
        "mov %%r13, 80(%%rax)\n mov %%r14, 88(%%rax)\n mov %%r15, 96(%%rax)\n mov %%rbp, 104(%%rax)\n"
        "pop %%rbp\n"
        :
        : [before] "a"(before), [after] "d"(after)
        : "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory", "cc");
    if (std::memcmp(before, after, sizeof before) != 0) fail(here(), "registers across a repaired fault");
  }
  *stacks = saved;
  expect_equal(std::uint64_t{repairs}, pages, "one fault a page");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  page_faults();
  others();
  demand_paging();
  finish();
}
