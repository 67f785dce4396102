// SPDX-License-Identifier: MIT
// virtio: the split queue, and how a device is reached (PCI, or memory-mapped where the legacy interface serves too).
#pragma once

#include "kernel/arch/x86_64/address.hpp"

namespace aegis::dev {

// Writes by us and by the device are ordered by these; x86 keeps loads and stores in order but for store-load.
inline void order_stores() { asm volatile("" : : : "memory"); }
inline void order_store_before_load() { asm volatile("mfence" : : : "memory"); }

// A split queue [virtio 1.1 2.6] whose every descriptor owns one page of buffer. The device reads and writes this
// memory by itself, so what it wrote is checked before use and counts only as data.
template <std::uint16_t Size>
class VirtQueue {
 public:
  static constexpr std::uint16_t size = Size;
  static constexpr std::uint32_t buffer_size = 4096;
  static constexpr std::uint32_t legacy_alignment = 64;
  struct Used { std::uint16_t id; std::uint32_t length; };

  constexpr VirtQueue() = default;
  [[nodiscard]] std::uint64_t descriptors() const { return arch::physical(descriptors_.data()).raw(); }
  [[nodiscard]] std::uint64_t driver_area() const { return arch::physical(&available_).raw(); }
  [[nodiscard]] std::uint64_t device_area() const { return arch::physical(&used_).raw(); }
  [[nodiscard]] std::byte* buffer(std::uint16_t id) { return buffers_[id].data(); }

  enum class Direction : std::uint16_t { to_device = 0, from_device = 2 };
  void publish(std::uint16_t id, std::uint32_t length, Direction direction) {
    descriptors_[id] = {arch::physical(buffer(id)).raw(), length, static_cast<std::uint16_t>(direction), 0};
    available_.ring[available_.index % Size] = id;
    order_stores();  // the entry before the index that shows it
    set(available_.index, static_cast<std::uint16_t>(available_.index + 1));
  }
  [[nodiscard]] std::optional<Used> take_used() {
    if (get(used_.index) == seen_) return std::nullopt;
    order_stores();
    const auto element = used_.ring[seen_++ % Size];
    return Used{static_cast<std::uint16_t>(element.id % Size),
                element.length < buffer_size ? element.length : buffer_size};
  }
  [[nodiscard]] bool has_used() const { return get(used_.index) != seen_; }
  // A hint to the device: it may interrupt all the same. [virtio 1.1 2.6.7]
  void want_interrupt(bool wanted) {
    set(available_.flags, wanted ? 0 : 1);
    order_store_before_load();
  }
  // Whether the device asks to be told. [virtio 1.1 2.6.10]
  [[nodiscard]] bool wants_notice() const {
    order_store_before_load();
    return (get(used_.flags) & 1) == 0;
  }

 private:
  static std::uint16_t get(const std::uint16_t& field) { return *const_cast<const volatile std::uint16_t*>(&field); }
  static void set(std::uint16_t& field, std::uint16_t value) { *const_cast<volatile std::uint16_t*>(&field) = value; }

  struct Descriptor { std::uint64_t address; std::uint32_t length; std::uint16_t flags, next; };
  struct UsedElement { std::uint32_t id, length; };
  // In this order and with this alignment the three are also one legacy queue, as virtio_mmio.cpp says to the device.
  alignas(4096) std::array<Descriptor, Size> descriptors_{};
  struct alignas(2) { std::uint16_t flags, index, ring[Size], used_event; } available_{};
  struct alignas(legacy_alignment) {
    std::uint16_t flags, index;
    UsedElement ring[Size];
    std::uint16_t available_event;
  } used_{};
  alignas(4096) std::array<std::array<std::byte, buffer_size>, Size> buffers_{};
  std::uint16_t seen_ = 0;
};

struct QueuePlace {
  std::uint16_t size;
  std::uint64_t descriptors, driver_area, device_area;
};

// One device, reached one way. Order of use: negotiate, set_queue for each, start. [virtio 1.1 3.1.1]
class VirtioTransport {
 public:
  [[nodiscard]] virtual bool negotiate(std::uint64_t features) = 0;  // all of them, or false
  [[nodiscard]] virtual bool set_queue(std::uint16_t index, const QueuePlace& place) = 0;
  virtual void start() = 0;
  virtual void notify(std::uint16_t queue) = 0;
  virtual void acknowledge_interrupt() = 0;

 protected:
  ~VirtioTransport() = default;
};

namespace virtio {
inline constexpr std::uint8_t acknowledge = 1, driver = 2, driver_ok = 4, features_ok = 8;  // status [virtio 1.1 2.1]
inline constexpr std::uint64_t version_1 = std::uint64_t{1} << 32;
inline constexpr std::uint32_t console_device = 3;
}  // namespace virtio

// The first virtio console on PCI bus 0 or in a memory-mapped slot, with its interrupt led to vector::console; nullptr:
// there is none. `command_line` may name slots as Linux has them: virtio_mmio.device=512@0xfeb00e00:12
[[nodiscard]] VirtioTransport* find_virtio_console_pci();
[[nodiscard]] VirtioTransport* find_virtio_console_mmio(std::string_view command_line, std::size_t io_apics);

}  // namespace aegis::dev
