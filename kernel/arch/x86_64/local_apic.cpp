// SPDX-License-Identifier: MIT
#include "kernel/arch/x86_64/local_apic.hpp"

#include "kernel/arch/x86_64/descriptors.hpp"
#include "kernel/arch/x86_64/features.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/paging.hpp"

namespace aegis::arch {
namespace {

constinit LocalApic the_apic;

// Interrupt command [intel/vol3 10.6.1]
constexpr std::uint32_t deliver_nmi = 4u << 8, deliver_init = 5u << 8, deliver_startup = 6u << 8, pending = 1u << 12,
                        assert_level = 1u << 14, all_but_self = 3u << 18;
constexpr std::uint64_t base_enable = 1u << 11, base_x2 = 1u << 10;

x86::Msr msr_of(LocalApic::Register r) {
  return static_cast<x86::Msr>(static_cast<std::uint32_t>(x86::Msr::x2apic) + static_cast<std::uint32_t>(r) / 16);
}

}  // namespace

LocalApic& local_apic() { return the_apic; }

void LocalApic::find() {
  x2_ = features().x2apic;
  if (x2_) return;
  const std::uint64_t base = x86::rdmsr(x86::Msr::apic_base) & 0x000f'ffff'ffff'f000;
  registers_ = map_device<std::uint32_t>(base, base::page_size);
}

void LocalApic::enable() {
  const std::uint64_t base = x86::rdmsr(x86::Msr::apic_base);
  x86::wrmsr(x86::Msr::apic_base, base | base_enable);
  if (x2_) x86::wrmsr(x86::Msr::apic_base, base | base_enable | base_x2);
  write(Register::spurious, vector::spurious | 1u << 8);  // software enable
  write(Register::task_priority, 0);
  write(Register::lint0, timer_masked);                   // no legacy interrupt controller behind it
  write(Register::lint1, deliver_nmi);
  write(Register::timer, timer_masked | vector::timer);
  write(Register::timer_divide, 0xb);                     // by one
}

std::uint32_t LocalApic::id() const { return x2_ ? read(Register::id) : read(Register::id) >> 24; }

std::uint32_t LocalApic::read(Register r) const {
  if (x2_) return static_cast<std::uint32_t>(x86::rdmsr(msr_of(r)));
  return registers_[static_cast<std::uint32_t>(r) / sizeof(std::uint32_t)];
}

void LocalApic::write(Register r, std::uint32_t value) {
  if (x2_) return x86::wrmsr(msr_of(r), value);
  registers_[static_cast<std::uint32_t>(r) / sizeof(std::uint32_t)] = value;
}

void LocalApic::command(std::uint32_t target, std::uint32_t low) {
  if (x2_) {
    // The MSR write is not serialising: what the interrupt is about must be visible first. [intel/vol3 10.12.3]
    asm volatile("mfence\n lfence" : : : "memory");
    return x86::wrmsr(msr_of(Register::command), std::uint64_t{target} << 32 | low);
  }
  while ((read(Register::command) & pending) != 0) x86::pause();
  write(Register::command_high, target << 24);
  write(Register::command, low);
}

void LocalApic::send(std::uint32_t target, std::uint8_t vector) { command(target, assert_level | vector); }
void LocalApic::send_nmi_to_others() { command(0, all_but_self | assert_level | deliver_nmi); }
void LocalApic::send_init(std::uint32_t target) { command(target, assert_level | deliver_init); }
void LocalApic::send_startup(std::uint32_t target, std::uint8_t page) {
  command(target, assert_level | deliver_startup | page);
}

}  // namespace aegis::arch
