// SPDX-License-Identifier: MIT
#include "kernel/boot/acpi.hpp"

#include "base/bits.hpp"
#include "kernel/arch/x86_64/address.hpp"

namespace aegis::boot {
namespace {

using arch::direct;
using arch::PhysicalAddress;
constexpr std::uint64_t reach = std::uint64_t{1} << 32;  // of the boot page tables

// A field at a byte offset of a table: they are packed and seldom aligned.
template <typename T>
T field(const std::byte* table, std::uint64_t offset) {
  T value;
  std::memcpy(&value, table + offset, sizeof value);
  return value;
}

bool sums_to_zero(const std::byte* bytes, std::size_t size) {
  std::uint8_t sum = 0;
  for (std::size_t i = 0; i < size; ++i) sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(bytes[i]));
  return sum == 0;
}

bool is_rsdp(std::uint64_t address) {  // [acpi 5.2.5.3]
  const std::byte* p = direct(PhysicalAddress{address});
  return std::memcmp(p, "RSD PTR ", 8) == 0 && sums_to_zero(p, 20);
}

std::uint64_t find_rsdp() {  // [acpi 5.2.5.1]
  for (std::uint64_t at = 0xe'0000; at < 0x10'0000; at += 16)
    if (is_rsdp(at)) return at;
  const std::uint64_t extended_bios = std::uint64_t{*direct<std::uint16_t>(PhysicalAddress{0x40e})} << 4;
  if (extended_bios < 0x8'0000 || extended_bios >= 0xa'0000) return 0;
  for (std::uint64_t at = extended_bios; at < extended_bios + 1024; at += 16)
    if (is_rsdp(at)) return at;
  return 0;
}

constexpr std::uint64_t header_size = 36;
std::uint32_t length_of(const std::byte* table) { return field<std::uint32_t>(table, 4); }
bool has_signature(const std::byte* table, std::string_view name) { return std::memcmp(table, name.data(), 4) == 0; }

void add_processor(AcpiFacts& out, std::uint32_t apic_id, std::uint32_t flags) {
  constexpr std::uint32_t enabled = 1;
  if ((flags & enabled) == 0) return;
  if (out.apic_count == out.apic_ids.size()) ++out.processors_left_out;
  else out.apic_ids[out.apic_count++] = apic_id;
}

void read_madt(const std::byte* table, AcpiFacts& out) {  // [acpi 5.2.12]
  const std::uint32_t end = length_of(table);
  for (std::uint64_t at = 44; at + 2 <= end;) {
    const std::byte* entry = table + at;
    const auto type = field<std::uint8_t>(entry, 0), size = field<std::uint8_t>(entry, 1);
    if (size < 2 || at + size > end) return;
    if (type == 0 && size >= 8) add_processor(out, field<std::uint8_t>(entry, 3), field<std::uint32_t>(entry, 4));
    if (type == 9 && size >= 16) add_processor(out, field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 8));
    if (type == 1 && size >= 12 && out.io_apic_count < out.io_apics.size())
      out.io_apics[out.io_apic_count++] = {field<std::uint32_t>(entry, 4), field<std::uint32_t>(entry, 8)};
    at += size;
  }
}

// The package \_S5_ in the DSDT's bytes: name, package op, length, count, then small integers. [acpi 20.2, 7.4.2.6]
void find_sleep_types(const std::byte* dsdt, PowerOff& out) {
  constexpr std::byte package{0x12}, byte_prefix{0x0a};
  const std::uint32_t end = length_of(dsdt);
  constexpr std::uint32_t shortest = 4 + 5;  // name, op, length, count, two one-byte elements
  for (std::uint32_t at = header_size; at + shortest <= end; ++at) {
    if (dsdt[at] != std::byte{'_'} || std::memcmp(dsdt + at, "_S5_", 4) != 0 || dsdt[at + 4] != package) continue;
    const std::byte* p = dsdt + at + 5;
    p += 1 + (std::to_integer<unsigned>(*p) >> 6) + 1;  // length bytes, count of elements
    const auto element = [&p] {
      if (*p == byte_prefix) ++p;
      return std::to_integer<std::uint8_t>(*p++);
    };
    out.type_a = element();
    out.type_b = element();
    return;
  }
}

void read_fadt(const std::byte* table, AcpiFacts& out) {  // [acpi 5.2.9]
  constexpr std::uint32_t hardware_reduced = 1u << 20;
  constexpr std::uint8_t space_memory = 0, space_port = 1;
  const std::uint32_t size = length_of(table);
  PowerOff& power = out.power_off;
  const bool reduced = size >= 116 && (field<std::uint32_t>(table, 112) & hardware_reduced) != 0;
  if (!reduced) {
    power.control_a = static_cast<std::uint16_t>(field<std::uint32_t>(table, 64));
    power.control_b = static_cast<std::uint16_t>(field<std::uint32_t>(table, 68));
  } else if (size >= 256) {
    const auto space = field<std::uint8_t>(table, 244);
    if (space == space_memory || space == space_port) power.sleep_control = field<std::uint64_t>(table, 248);
    power.sleep_control_is_port = space == space_port;
  }
  std::uint64_t dsdt = field<std::uint32_t>(table, 40);
  if (size >= 148 && field<std::uint64_t>(table, 140) != 0) dsdt = field<std::uint64_t>(table, 140);
  if (dsdt != 0 && dsdt < reach) find_sleep_types(direct(PhysicalAddress{dsdt}), power);
}

}  // namespace

bool read_acpi(std::uint64_t rsdp, AcpiFacts& out) {
  if (rsdp == 0 || rsdp >= reach || !is_rsdp(rsdp)) rsdp = find_rsdp();
  if (rsdp == 0) return false;
  const std::byte* root = direct(PhysicalAddress{rsdp});
  const bool wide = field<std::uint8_t>(root, 15) >= 2 && field<std::uint64_t>(root, 24) != 0;
  const std::uint64_t list = wide ? field<std::uint64_t>(root, 24) : field<std::uint32_t>(root, 16);
  if (list >= reach) return false;
  const std::byte* tables = direct(PhysicalAddress{list});
  const std::uint64_t entry_size = wide ? 8 : 4;
  for (std::uint64_t at = header_size; at + entry_size <= length_of(tables); at += entry_size) {
    const std::uint64_t address = wide ? field<std::uint64_t>(tables, at) : field<std::uint32_t>(tables, at);
    if (address == 0 || address >= reach) continue;
    const std::byte* table = direct(PhysicalAddress{address});
    if (has_signature(table, "APIC")) read_madt(table, out);
    if (has_signature(table, "FACP")) read_fadt(table, out);
  }
  return true;
}

}  // namespace aegis::boot
