// SPDX-License-Identifier: MIT
// The local APIC: interprocessor interrupts, end of interrupt, the timer. xAPIC through memory, x2APIC through MSRs.
#pragma once

#include "base/std.hpp"

namespace aegis::arch {

class LocalApic {
 public:
  enum class Register : std::uint32_t {  // offset in the xAPIC page [intel/vol3 10.4.1]; MSR = 0x800 + offset / 16
    id = 0x20, task_priority = 0x80, end_of_interrupt = 0xb0, spurious = 0xf0, error = 0x280, command = 0x300,
    command_high = 0x310, timer = 0x320, lint0 = 0x350, lint1 = 0x360, timer_initial = 0x380, timer_current = 0x390,
    timer_divide = 0x3e0,
  };
  static constexpr std::uint32_t timer_masked = 1u << 16, timer_by_tsc = 2u << 17;

  void find();        // once: which mode, where
  void enable();      // on each processor
  [[nodiscard]] std::uint32_t id() const;
  void end_of_interrupt() { write(Register::end_of_interrupt, 0); }
  void send(std::uint32_t target, std::uint8_t vector);
  void send_nmi_to_others();
  void send_init(std::uint32_t target);
  void send_startup(std::uint32_t target, std::uint8_t page);

  [[nodiscard]] std::uint32_t read(Register r) const;
  void write(Register r, std::uint32_t value);

 private:
  void command(std::uint32_t target, std::uint32_t low);
  volatile std::uint32_t* registers_ = nullptr;
  bool x2_ = false;
};

[[nodiscard]] LocalApic& local_apic();

}  // namespace aegis::arch
