// SPDX-License-Identifier: MIT
#include "kernel/dev/io_apic.hpp"

#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/arch/x86_64/per_cpu.hpp"

namespace aegis::dev {
namespace {

struct IoApic {  // [82093AA 3.1]
  volatile std::uint32_t* registers = nullptr;
  std::uint32_t first = 0, lines = 0;

  [[nodiscard]] std::uint32_t read(std::uint32_t index) const {
    registers[0] = index;
    return registers[4];
  }
  void write(std::uint32_t index, std::uint32_t value) const {
    registers[0] = index;
    registers[4] = value;
  }
};
constexpr std::uint32_t version_register = 1, first_entry = 0x10, masked = 1u << 16;

constinit std::array<IoApic, 4> io_apics{};
constinit std::size_t io_apic_count = 0;

void add(const boot::IoApicPlace& place) {
  IoApic& apic = io_apics[io_apic_count];
  apic.registers = arch::map_device<std::uint32_t>(place.address, 0x20);
  const std::uint32_t version = apic.read(version_register);
  if (version == ~std::uint32_t{0}) return;  // nothing answers
  apic.first = place.first_interrupt;
  apic.lines = (version >> 16 & 0xff) + 1;
  for (std::uint32_t line = 0; line < apic.lines; ++line) apic.write(first_entry + 2 * line, masked);
  ++io_apic_count;
}

}  // namespace

void silence_legacy_controllers() {  // [intel 8259A, initialisation command words]
  constexpr std::uint16_t first = 0x20, second = 0xa0;
  constexpr std::uint8_t spare_vectors = 0x20;  // not the exceptions', should a spurious one come all the same
  x86::out8(first, 0x11);                       // edge-triggered, cascaded, four words
  x86::out8(second, 0x11);
  x86::out8(first + 1, spare_vectors);
  x86::out8(second + 1, spare_vectors + 8);
  x86::out8(first + 1, 1u << 2);                // the second hangs on line 2
  x86::out8(second + 1, 2);
  x86::out8(first + 1, 1);                      // 8086 mode
  x86::out8(second + 1, 1);
  x86::out8(first + 1, 0xff);                   // every line masked
  x86::out8(second + 1, 0xff);
}

void find_io_apics(std::span<const boot::IoApicPlace> places) {
  constexpr boot::IoApicPlace usual{.address = 0xfec0'0000, .first_interrupt = 0};
  if (places.empty()) return add(usual);
  for (const auto& place : places) add(place);
}

bool route_interrupt(std::uint32_t line, std::uint8_t vector) {
  for (const IoApic& apic : std::span{io_apics}.first(io_apic_count)) {
    if (line < apic.first || line - apic.first >= apic.lines) continue;
    const std::uint32_t entry = first_entry + 2 * (line - apic.first);
    apic.write(entry + 1, arch::boot_processor.apic_id << 24);
    apic.write(entry, vector);  // fixed delivery, physical destination, edge, active high, not masked
    return true;
  }
  return false;
}

}  // namespace aegis::dev
