// SPDX-License-Identifier: MIT
// What the processor must refuse to ring 3: the kernel's memory, the page tables, privileged and port instructions.
#include "tests/kernel/guest.hpp"

using namespace guest;

namespace {

void kernel_memory() {
  for (const std::uint64_t va : {0xffff'ffff'8000'0000ull, 0xffff'ffff'8010'0000ull, 0xffff'ffff'ffff'f000ull,
                                 0xffff'8880'0000'0000ull, 0xffff'8100'0000'0000ull, 0xffff'c000'0000'0000ull}) {
    expect_fault([&] { load(va); }, exception::page_fault, va, "read");
    expect_fault([&] { store(va, 1); }, exception::page_fault, va, "write");
    expect_fault([&] { jump_to(va); }, exception::page_fault, va, "execute");
  }
  // Every top-level entry of the upper half but the window is the kernel's alone.
  const auto* top = reinterpret_cast<const std::uint64_t*>(abi::pml4e_window(0));
  for (std::uint64_t slot = 256; slot < 512; ++slot) {
    const std::uint64_t entry = top[slot];
    if ((entry & abi::pte_present) == 0) continue;
    if (slot == abi::window_slot) {
      expect((entry & abi::pte_user) != 0 && (entry & abi::pte_write) == 0 && (entry & abi::pte_no_execute) != 0,
             "window: readable, no more");
      continue;
    }
    expect((entry & abi::pte_user) == 0, "kernel slot without user right");
    const std::uint64_t va = 0xffff'0000'0000'0000 | slot << 39;
    expect_fault([&] { load(va); }, exception::page_fault, va, "kernel slot");
    // Neither are the kernel's own tables seen through the window.
    const std::uint64_t table = abi::pdpte_window(va & 0xffff'ffff'ffff);
    expect_fault([&] { load(table); }, exception::page_fault, table, "kernel's tables");
  }
}

void window() {
  const std::uint64_t entry = abi::pte_window(reinterpret_cast<std::uint64_t>(&window));
  expect((load(entry) & abi::pte_present) != 0, "own entry");
  expect_fault([&] { store(entry, load(entry)); }, exception::page_fault, entry, "write through the window");
  expect_fault([&] { store(abi::pml4e_window(0), 0); }, exception::page_fault, abi::pml4e_window(0),
               "write to the top table");
  expect_fault([&] { jump_to(abi::pml4e_window(0)); }, exception::page_fault, 0, "execute the window");
}

void own_pages() {
  // The program's own text is not writable, its data not executable.
  const auto text = reinterpret_cast<std::uint64_t>(&own_pages);
  expect_fault([&] { store(text, 0); }, exception::page_fault, text, "write to text");
  static constinit std::uint64_t data = 0xc3;
  data = 0xc3;
  expect_fault([&] { jump_to(reinterpret_cast<std::uint64_t>(&data)); }, exception::page_fault, 0, "execute data");
  const std::uint64_t stack = 0xc3;
  asm volatile("" : : "m"(stack));
  expect_fault([&] { jump_to(reinterpret_cast<std::uint64_t>(&stack)); }, exception::page_fault, 0,
               "execute the stack");
}

void instructions() {
  const auto gp = [](auto body, std::string_view what) { expect_fault(body, exception::general_protection, 0, what); };
  std::uint64_t memory[2]{};
  gp([&] { asm volatile("sgdt %0" : "=m"(memory)); }, "sgdt");
  gp([&] { asm volatile("sidt %0" : "=m"(memory)); }, "sidt");
  gp([&] { asm volatile("sldt %0" : "=m"(memory)); }, "sldt");
  gp([&] { asm volatile("str %0" : "=m"(memory)); }, "str");
  gp([&] { asm volatile("smsw %0" : "=m"(memory)); }, "smsw");
  gp([&] { asm volatile("lgdt %0" : : "m"(memory)); }, "lgdt");
  gp([&] { asm volatile("lidt %0" : : "m"(memory)); }, "lidt");
  gp([] { asm volatile("cli"); }, "cli");
  gp([] { asm volatile("sti"); }, "sti");
  gp([] { asm volatile("hlt"); }, "hlt");
  gp([] { asm volatile("outb %%al, $0xf4" : : "a"(0)); }, "out to the debug-exit port");
  gp([] { asm volatile("inb $0x60, %%al" : : : "rax"); }, "in");
  gp([] { asm volatile("outl %%eax, %%dx" : : "a"(0x8000'0000), "d"(0xcf8)); }, "out to PCI configuration");
  gp([&] { asm volatile("rep insb" : : "D"(memory), "c"(1), "d"(0x3f8) : "memory"); }, "string in");
  gp([] { asm volatile("rdmsr" : : "c"(0xc0000080) : "rax", "rdx"); }, "rdmsr");
  gp([] { asm volatile("wrmsr" : : "c"(0xc0000082), "a"(0), "d"(0)); }, "wrmsr");
  gp([] { asm volatile("mov %%cr3, %%rax" : : : "rax"); }, "read cr3");
  gp([] { asm volatile("mov %%rax, %%cr3" : : "a"(0)); }, "write cr3");
  gp([] { asm volatile("mov %%rax, %%cr0" : : "a"(0)); }, "write cr0");
  gp([] { asm volatile("mov %%rax, %%cr4" : : "a"(0)); }, "write cr4");
  gp([] { asm volatile("mov %%rax, %%dr7" : : "a"(0x401)); }, "write dr7");
  gp([] { asm volatile("invlpg (%%rax)" : : "a"(0)); }, "invlpg");
  gp([] { asm volatile("wbinvd"); }, "wbinvd");
  gp([] { asm volatile("swapgs"); }, "swapgs");
  gp([] { asm volatile("clts"); }, "clts");
  gp([] { asm volatile("ltr %%ax" : : "a"(0x28)); }, "ltr");
  gp([] { asm volatile("xsetbv" : : "a"(7), "c"(0), "d"(0)); }, "xsetbv");
  gp([] { asm volatile("sysretq" : : : "rcx", "r11"); }, "sysret");
  gp([] { asm volatile("int $0x80"); }, "int 0x80");
  gp([] { asm volatile("int $0x0e"); }, "a forged page fault");
  gp([] { asm volatile("int $0x08"); }, "a forged double fault");
  gp([] { asm volatile("int $0x02"); }, "a forged NMI");
  for (int i = 0; i < 2; ++i) gp([] { asm volatile("int $0xf0"); }, "a forged interrupt");
  gp([] { asm volatile("mov $0x08, %%eax; mov %%ax, %%ss" : : : "rax"); }, "kernel stack selector");
  const auto sysenter = catch_fault([] { asm volatile("sysenter"); });
  expect(sysenter.has_value(), "sysenter");
}

// IOPL, IF and the like cannot be taken by popf or iretq either.
void flags() {
  std::uint64_t flags = 0;
  asm volatile("pushfq; orq $0x3000, (%%rsp); popfq; pushfq; popq %0" : "=r"(flags) : : "memory", "cc");
  expect((flags & 0x3000) == 0, "IOPL");
  asm volatile("pushfq; andq $~0x200, (%%rsp); popfq; pushfq; popq %0" : "=r"(flags) : : "memory", "cc");
  expect((flags & 0x200) != 0, "interrupts cannot be turned off");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  kernel_memory();
  window();
  own_pages();
  instructions();
  flags();
  finish();
}
