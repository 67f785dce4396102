// SPDX-License-Identifier: MIT
// The few facts that the kernel takes from ACPI's tables: processors, interrupt controllers, how to power off. No AML
// interpreter. Read with the boot page tables; nothing keeps a pointer into the tables.
#pragma once

#include "abi/info.hpp"
#include "base/std.hpp"

namespace aegis::boot {

struct IoApicPlace {
  std::uint32_t address, first_interrupt;
};

// How to enter state S5, soft off. [acpi 4.8.3.2, 4.8.3.7]
struct PowerOff {
  std::uint16_t control_a = 0, control_b = 0;    // PM1 control ports, 0: none
  std::uint8_t type_a = 0, type_b = 0;
  std::uint64_t sleep_control = 0;               // hardware-reduced: a register in memory or port space
  bool sleep_control_is_port = false;
};

struct AcpiFacts {
  std::array<std::uint32_t, abi::max_cpus> apic_ids{};
  std::size_t apic_count = 0;
  std::size_t processors_left_out = 0;           // beyond max_cpus
  std::array<IoApicPlace, 4> io_apics{};
  std::size_t io_apic_count = 0;
  PowerOff power_off;
};

// `rsdp` 0: look where BIOSes put it. False: no tables.
[[nodiscard]] bool read_acpi(std::uint64_t rsdp, AcpiFacts& out);

}  // namespace aegis::boot
