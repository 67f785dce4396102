// SPDX-License-Identifier: MIT
// virtio in memory-mapped slots, as QEMU's microvm and Firecracker have them. [virtio 1.1 4.2]
#include "kernel/arch/x86_64/descriptors.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/dev/io_apic.hpp"
#include "kernel/dev/virtio.hpp"

namespace aegis::dev {
namespace {

enum class Register : std::uint32_t {  // [virtio 1.1 4.2.2]
  magic = 0x00, version = 0x04, device_id = 0x08, device_features = 0x10, device_features_select = 0x14,
  driver_features = 0x20, driver_features_select = 0x24, queue_select = 0x30, queue_size_max = 0x34, queue_size = 0x38,
  queue_ready = 0x44, queue_notify = 0x50, interrupt_status = 0x60, interrupt_acknowledge = 0x64, status = 0x70,
  queue_descriptors = 0x80, queue_driver = 0x90, queue_device = 0xa0,
  legacy_page_size = 0x28, legacy_queue_alignment = 0x3c, legacy_queue_page = 0x40,  // [virtio 1.1 4.2.4]
};
constexpr std::uint32_t magic = 0x7472'6976;  // "virt"
constexpr std::uint32_t legacy_version = 1, modern_version = 2;

class VirtioMmio final : public VirtioTransport {
 public:
  constexpr VirtioMmio() = default;

  // Whether the slot at `base` holds the device that is looked for.
  [[nodiscard]] bool attach(volatile std::uint32_t* base, std::uint32_t device) {
    base_ = base;
    if (read(Register::magic) != magic || read(Register::device_id) != device) return false;
    const std::uint32_t version = read(Register::version);
    legacy_ = version == legacy_version;  // QEMU's default for this transport
    return legacy_ || version == modern_version;
  }

  bool negotiate(std::uint64_t features) override {
    write(Register::status, 0);
    write(Register::status, virtio::acknowledge);
    write(Register::status, virtio::acknowledge | virtio::driver);
    if (legacy_) return negotiate_legacy(features & ~virtio::version_1);
    for (std::uint32_t half = 0; half < 2; ++half) {
      const auto wanted = static_cast<std::uint32_t>(features >> 32 * half);
      write(Register::device_features_select, half);
      if ((read(Register::device_features) & wanted) != wanted) return false;
      write(Register::driver_features_select, half);
      write(Register::driver_features, wanted);
    }
    write(Register::status, virtio::acknowledge | virtio::driver | virtio::features_ok);
    return (read(Register::status) & virtio::features_ok) != 0;
  }

  bool set_queue(std::uint16_t index, const QueuePlace& place) override {
    write(Register::queue_select, index);
    if ((!legacy_ && read(Register::queue_ready) != 0) || read(Register::queue_size_max) < place.size) return false;
    write(Register::queue_size, place.size);
    if (legacy_) {
      write(Register::legacy_queue_alignment, legacy_alignment);
      write(Register::legacy_queue_page, static_cast<std::uint32_t>(place.descriptors >> base::page_bits));
      return true;
    }
    write_address(Register::queue_descriptors, place.descriptors);
    write_address(Register::queue_driver, place.driver_area);
    write_address(Register::queue_device, place.device_area);
    write(Register::queue_ready, 1);
    return true;
  }

  void start() override {
    constexpr std::uint32_t ready = virtio::acknowledge | virtio::driver | virtio::driver_ok;
    write(Register::status, legacy_ ? ready : ready | virtio::features_ok);
  }
  void notify(std::uint16_t queue) override { write(Register::queue_notify, queue); }
  void acknowledge_interrupt() override { write(Register::interrupt_acknowledge, read(Register::interrupt_status)); }

 private:
  static constexpr std::uint32_t legacy_alignment = VirtQueue<8>::legacy_alignment;

  // One word of features, no confirmation. The page size is the unit of queue addresses.
  bool negotiate_legacy(std::uint64_t features) {
    write(Register::device_features_select, 0);
    if ((read(Register::device_features) & features) != features) return false;
    write(Register::driver_features_select, 0);
    write(Register::driver_features, static_cast<std::uint32_t>(features));
    write(Register::legacy_page_size, base::page_size);
    return true;
  }
  [[nodiscard]] std::uint32_t read(Register r) const { return base_[static_cast<std::uint32_t>(r) / 4]; }
  void write(Register r, std::uint32_t value) const { base_[static_cast<std::uint32_t>(r) / 4] = value; }
  void write_address(Register low, std::uint64_t value) const {
    write(low, static_cast<std::uint32_t>(value));
    write(static_cast<Register>(static_cast<std::uint32_t>(low) + 4), static_cast<std::uint32_t>(value >> 32));
  }
  volatile std::uint32_t* base_ = nullptr;
  bool legacy_ = false;
};

constinit VirtioMmio console;

struct Slot {
  std::uint64_t address;
  std::uint32_t line;
};

// Digits (0x..: hexadecimal) at the front of `text`, which they are taken off.
std::uint64_t take_number(std::string_view& text) {
  const std::uint64_t base = text.starts_with("0x") ? 16 : 10;
  if (base == 16) text.remove_prefix(2);
  std::uint64_t value = 0;
  for (; !text.empty(); text.remove_prefix(1)) {
    const char c = text.front();
    const int digit = c >= '0' && c <= '9' ? c - '0' : base == 16 && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) break;
    value = value * base + static_cast<std::uint64_t>(digit);
  }
  return value;
}

// size@address:line, where size may end in K.
std::optional<Slot> parse_slot(std::string_view text) {
  (void)take_number(text);
  if (text.starts_with('K')) text.remove_prefix(1);
  if (!text.starts_with('@')) return std::nullopt;
  text.remove_prefix(1);
  const std::uint64_t address = take_number(text);
  if (!text.starts_with(':')) return std::nullopt;
  text.remove_prefix(1);
  return Slot{address, static_cast<std::uint32_t>(take_number(text))};
}

bool use(volatile std::uint32_t* base, std::uint32_t line) {
  return console.attach(base, virtio::console_device) && route_interrupt(line, arch::vector::console);
}

constexpr std::uint64_t slot_size = 512;

// QEMU's microvm: slots of 512 bytes from 0xfeb00000. With ACPI it says where in the DSDT only, in AML; the lines
// are 24.. when there is a second I/O APIC, otherwise 16... Without ACPI it puts the slots on the command line.
VirtioTransport* probe_microvm(std::size_t io_apics) {
  constexpr std::uint64_t first_slot = 0xfeb0'0000;
  const std::uint32_t first_line = io_apics > 1 ? 24 : 16, slots = io_apics > 1 ? 24 : 8;
  auto* base = arch::map_device<std::uint32_t>(first_slot, slots * slot_size);
  if (base[0] != magic) return nullptr;
  for (std::uint32_t slot = 0; slot < slots; ++slot)
    if (use(base + slot * slot_size / 4, first_line + slot)) return &console;
  return nullptr;
}

}  // namespace

VirtioTransport* find_virtio_console_mmio(std::string_view command_line, std::size_t io_apics) {
  constexpr std::string_view key = "virtio_mmio.device=";
  bool named = false;
  for (std::size_t at = command_line.find(key); at != std::string_view::npos; at = command_line.find(key)) {
    command_line.remove_prefix(at + key.size());
    const auto slot = parse_slot(command_line);
    if (!slot) continue;
    named = true;
    if (use(arch::map_device<std::uint32_t>(slot->address, slot_size), slot->line)) return &console;
  }
  return named ? nullptr : probe_microvm(io_apics);
}

}  // namespace aegis::dev
