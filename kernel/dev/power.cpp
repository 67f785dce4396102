// SPDX-License-Identifier: MIT
#include "kernel/dev/power.hpp"

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/processor.hpp"
#include "kernel/dev/console.hpp"

namespace aegis::dev {
namespace {

constexpr std::uint16_t debug_exit = 0xf4;  // QEMU's isa-debug-exit: ends it with status 2 * value + 1
constinit boot::PowerOff acpi{};
constinit volatile std::uint8_t* sleep_control = nullptr;

}  // namespace

void prepare_power_off(const boot::PowerOff& how) {
  acpi = how;
  if (how.sleep_control != 0 && !how.sleep_control_is_port)
    sleep_control = arch::map_device<std::uint8_t>(how.sleep_control, 1);
}

}  // namespace aegis::dev

void aegis::arch::power_off(std::uint32_t code) {
  using namespace aegis::dev;
  drain_console();
  x86::out32(debug_exit, code);
  constexpr std::uint32_t sleep_enable = 1u << 13;  // PM1 control: type in bits 10..12 [acpi 4.8.3.2.1]
  const std::uint32_t type_a = acpi.type_a, type_b = acpi.type_b;
  if (acpi.control_a != 0) x86::out16(acpi.control_a, static_cast<std::uint16_t>(type_a << 10 | sleep_enable));
  if (acpi.control_b != 0) x86::out16(acpi.control_b, static_cast<std::uint16_t>(type_b << 10 | sleep_enable));
  const auto reduced = static_cast<std::uint8_t>(type_a << 2 | 1u << 5);  // [acpi 4.8.3.7]
  if (sleep_control != nullptr) *sleep_control = reduced;
  if (acpi.sleep_control_is_port && acpi.sleep_control != 0)
    x86::out8(static_cast<std::uint16_t>(acpi.sleep_control), reduced);
  for (int i = 0; i < 1'000'000; ++i) x86::pause();  // it may take its time
  log_write("aegis: the machine can be switched off\n");
  stop_other_processors();
  x86::halt_for_ever();
}
