// SPDX-License-Identifier: MIT
#include "kernel/dev/serial.hpp"

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/core/traps.hpp"

namespace aegis::dev {
namespace {

// Registers and bits [ns16550 8]
constexpr std::uint16_t data = 0, interrupt_enable = 1, fifo_control = 2, line_control = 3, modem_control = 4,
                        line_status = 5, scratch = 7;
constexpr std::uint8_t received = 1u << 0, room = 1u << 5;

constinit Serial com1{0x3f8};
constinit std::atomic<bool> log_taken{false};

}  // namespace

Serial& log_serial() { return com1; }

bool Serial::initialise() {
  const auto reg = [this](std::uint16_t r) { return static_cast<std::uint16_t>(port_ + r); };
  x86::out8(reg(scratch), 0x5a);
  present_ = x86::in8(reg(scratch)) == 0x5a;
  if (!present_) return false;
  x86::out8(reg(interrupt_enable), 0);
  x86::out8(reg(line_control), 0x80);   // divisor 1: 115200 baud
  x86::out8(reg(data), 1);
  x86::out8(reg(interrupt_enable), 0);
  x86::out8(reg(line_control), 0x03);   // 8 bits, no parity, one stop bit
  x86::out8(reg(fifo_control), 0x07);   // FIFOs on and empty
  x86::out8(reg(modem_control), 0x0b);  // ready, interrupts let through
  return true;
}

bool Serial::try_put(char c) {
  if ((x86::in8(static_cast<std::uint16_t>(port_ + line_status)) & room) == 0) return false;
  x86::out8(static_cast<std::uint16_t>(port_ + data), static_cast<std::uint8_t>(c));
  return true;
}

void Serial::put(char c) {
  if (!present_) return;
  for (int attempt = 0; attempt < 100'000 && !try_put(c); ++attempt) x86::pause();
}

std::optional<std::byte> Serial::try_get() {
  if ((x86::in8(static_cast<std::uint16_t>(port_ + line_status)) & received) == 0) return std::nullopt;
  return std::byte{x86::in8(static_cast<std::uint16_t>(port_ + data))};
}

void Serial::enable(Interrupts which) {
  x86::out8(static_cast<std::uint16_t>(port_ + interrupt_enable), static_cast<std::uint8_t>(which));
}

}  // namespace aegis::dev

// Processors may log at once: a line's pieces may mix, but no byte is lost. A panic never waits for a holder for ever.
void aegis::arch::log_write(std::string_view text) {
  using namespace aegis::dev;
  bool taken = false;
  for (int attempt = 0; attempt < 10'000 && !taken; ++attempt) {
    taken = !log_taken.exchange(true, std::memory_order_acquire);
    if (!taken) relax();
  }
  for (const char c : text) {
    if (c == '\n') com1.put('\r');
    com1.put(c);
  }
  if (taken) log_taken.store(false, std::memory_order_release);
}
