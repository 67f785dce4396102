// SPDX-License-Identifier: MIT
// PCI bus 0 by configuration mechanism 1: enough to find the kernel's own devices and their message-signalled
// interrupt.
#pragma once

#include "base/std.hpp"

namespace aegis::dev {

class PciFunction {
 public:
  constexpr PciFunction(std::uint8_t device, std::uint8_t function)
      : address_{0x8000'0000u | std::uint32_t{device} << 11 | std::uint32_t{function} << 8} {}

  [[nodiscard]] std::uint32_t read32(std::uint8_t offset) const;
  [[nodiscard]] std::uint16_t read16(std::uint8_t offset) const;
  [[nodiscard]] std::uint8_t read8(std::uint8_t offset) const;
  void write32(std::uint8_t offset, std::uint32_t value) const;
  void write16(std::uint8_t offset, std::uint16_t value) const;

  [[nodiscard]] std::uint16_t vendor() const { return read16(0); }
  [[nodiscard]] std::uint16_t device() const { return read16(2); }
  // The next capability with this id behind `after` (0: the first), or 0. [pci 3.0 6.7]
  [[nodiscard]] std::uint8_t capability(std::uint8_t id, std::uint8_t after = 0) const;
  // Physical address of a memory BAR; given one when the firmware has not. 0: no memory BAR.
  [[nodiscard]] std::uint64_t memory_bar(std::uint8_t index) const;
  void enable_memory_and_master() const;
  // Lets MSI-X message 0 interrupt the first processor with `vector`. False: no MSI-X.
  [[nodiscard]] bool enable_message(std::uint8_t vector) const;

 private:
  std::uint32_t address_;
};

// The first function on bus 0 that `wanted` accepts.
template <typename F>
[[nodiscard]] std::optional<PciFunction> find_pci(F wanted) {
  for (std::uint8_t device = 0; device < 32; ++device) {
    for (std::uint8_t function = 0; function < 8; ++function) {
      const PciFunction f{device, function};
      if (f.vendor() == 0xffff) {
        if (function == 0) break;
        continue;
      }
      if (wanted(f)) return f;
      constexpr std::uint8_t header_type = 0x0e, several_functions = 0x80;
      if (function == 0 && (f.read8(header_type) & several_functions) == 0) break;
    }
  }
  return std::nullopt;
}

}  // namespace aegis::dev
