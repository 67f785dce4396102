// SPDX-License-Identifier: MIT
#include "kernel/dev/pci.hpp"

#include "base/bits.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/per_cpu.hpp"

namespace aegis::dev {
namespace {

constexpr std::uint16_t address_port = 0xcf8, data_port = 0xcfc;  // [pci 3.0 3.2.2.3.2]
constexpr std::uint8_t command = 0x04, status = 0x06, first_bar = 0x10, capabilities = 0x34;
constexpr std::uint8_t msix_id = 0x11;

// Where BARs go that the firmware (qboot) left empty: the top of the hole below the I/O APIC, which q35 and i440fx keep
// free for PCI. Grows downwards.
constinit std::uint64_t free_hole = 0xfe80'0000;

std::uint64_t assign(const PciFunction& f, std::uint8_t bar, bool wide) {
  const std::uint16_t old = f.read16(command);
  constexpr std::uint16_t memory_and_io = 3;
  f.write16(command, static_cast<std::uint16_t>(old & ~memory_and_io));
  f.write32(bar, 0xffff'ffff);
  const std::uint32_t size = ~(f.read32(bar) & ~15u) + 1;
  if (size == 0 || size > 0x100'0000) {
    f.write32(bar, 0);
    return 0;
  }
  free_hole = base::align_down<std::uint64_t>(free_hole - size, size < 0x1000 ? 0x1000 : size);
  f.write32(bar, static_cast<std::uint32_t>(free_hole));
  if (wide) f.write32(static_cast<std::uint8_t>(bar + 4), 0);
  f.write16(command, old);
  return free_hole;
}

}  // namespace

std::uint32_t PciFunction::read32(std::uint8_t offset) const {
  x86::out32(address_port, address_ | (offset & 0xfcu));
  return x86::in32(data_port);
}
std::uint16_t PciFunction::read16(std::uint8_t offset) const {
  return static_cast<std::uint16_t>(read32(offset) >> 8 * (offset & 2u));
}
std::uint8_t PciFunction::read8(std::uint8_t offset) const {
  return static_cast<std::uint8_t>(read32(offset) >> 8 * (offset & 3u));
}
void PciFunction::write32(std::uint8_t offset, std::uint32_t value) const {
  x86::out32(address_port, address_ | (offset & 0xfcu));
  x86::out32(data_port, value);
}
void PciFunction::write16(std::uint8_t offset, std::uint16_t value) const {
  x86::out32(address_port, address_ | (offset & 0xfcu));
  x86::out16(static_cast<std::uint16_t>(data_port + (offset & 2u)), value);
}

std::uint8_t PciFunction::capability(std::uint8_t id, std::uint8_t after) const {
  constexpr std::uint16_t has_list = 1u << 4;
  if ((read16(status) & has_list) == 0) return 0;
  std::uint8_t at = after == 0 ? read8(capabilities) : read8(static_cast<std::uint8_t>(after + 1));
  for (int steps = 0; at >= 0x40 && steps < 48; ++steps) {
    if (read8(at) == id) return at;
    at = read8(static_cast<std::uint8_t>(at + 1));
  }
  return 0;
}

std::uint64_t PciFunction::memory_bar(std::uint8_t index) const {
  if (index > 5) return 0;
  const auto bar = static_cast<std::uint8_t>(first_bar + 4 * index);
  const std::uint32_t low = read32(bar);
  constexpr std::uint32_t is_port = 1, type_mask = 6, type_wide = 4;
  if ((low & is_port) != 0) return 0;
  const bool wide = (low & type_mask) == type_wide;
  const std::uint64_t high = wide ? read32(static_cast<std::uint8_t>(bar + 4)) : 0;
  const std::uint64_t address = high << 32 | (low & ~15u);
  return address != 0 ? address : assign(*this, bar, wide);
}

void PciFunction::enable_memory_and_master() const {
  constexpr std::uint16_t memory = 1u << 1, master = 1u << 2, no_line_interrupt = 1u << 10;
  write16(command, static_cast<std::uint16_t>(read16(command) | memory | master | no_line_interrupt));
}

bool PciFunction::enable_message(std::uint8_t vector) const {  // [pci 3.0 6.8.2], [intel/vol3 10.11]
  const std::uint8_t at = capability(msix_id);
  if (at == 0) return false;
  const std::uint32_t place = read32(static_cast<std::uint8_t>(at + 4));
  const std::uint64_t bar = memory_bar(place & 7);
  if (bar == 0) return false;
  auto* entry = arch::map_device<std::uint32_t>(bar + (place & ~7u), 16);
  entry[0] = 0xfee0'0000 | arch::boot_processor.apic_id << 12;
  entry[1] = 0;
  entry[2] = vector;
  entry[3] = 0;  // not masked
  constexpr std::uint16_t enabled = 1u << 15, all_masked = 1u << 14;
  const auto control = static_cast<std::uint8_t>(at + 2);
  write16(control, static_cast<std::uint16_t>((read16(control) | enabled) & ~all_masked));
  return true;
}

}  // namespace aegis::dev
