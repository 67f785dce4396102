// SPDX-License-Identifier: MIT
// virtio over PCI, the modern interface. [virtio 1.1 4.1]
#include "kernel/arch/x86_64/descriptors.hpp"
#include "kernel/arch/x86_64/paging.hpp"
#include "kernel/dev/pci.hpp"
#include "kernel/dev/virtio.hpp"

namespace aegis::dev {
namespace {

constexpr std::uint16_t virtio_vendor = 0x1af4, console_transitional = 0x1003, console_modern = 0x1043;
constexpr std::uint8_t vendor_capability = 0x09;
enum class Part : std::uint8_t { common = 1, notify = 2 };

struct CommonConfiguration {  // [virtio 1.1 4.1.4.3]
  std::uint32_t device_feature_select, device_feature, driver_feature_select, driver_feature;
  std::uint16_t msix_config, num_queues;
  std::uint8_t device_status, config_generation;
  std::uint16_t queue_select, queue_size, queue_msix_vector, queue_enable, queue_notify_off;
  std::uint32_t queue_desc[2], queue_driver[2], queue_device[2];
};
static_assert(sizeof(CommonConfiguration) == 0x38 && offsetof(CommonConfiguration, queue_desc) == 0x20);

void write_address(volatile std::uint32_t (&field)[2], std::uint64_t value) {
  field[0] = static_cast<std::uint32_t>(value);
  field[1] = static_cast<std::uint32_t>(value >> 32);
}

class VirtioPci final : public VirtioTransport {
 public:
  constexpr VirtioPci() = default;

  [[nodiscard]] bool attach(const PciFunction& function) {
    for (std::uint8_t at = function.capability(vendor_capability); at != 0;
         at = function.capability(vendor_capability, at)) {
      const auto field = [&](std::uint8_t offset) { return static_cast<std::uint8_t>(at + offset); };
      const auto part = static_cast<Part>(function.read8(field(3)));
      if (part != Part::common && part != Part::notify) continue;
      const std::uint64_t bar = function.memory_bar(function.read8(field(4)));
      const std::uint32_t offset = function.read32(field(8)), length = function.read32(field(12));
      if (bar == 0 || length > 0x10'0000) return false;
      if (part == Part::common && common_ == nullptr && length >= sizeof(CommonConfiguration))
        common_ = arch::map_device<CommonConfiguration>(bar + offset, length);
      if (part == Part::notify && notify_ == nullptr) {
        notify_ = arch::map_device<std::byte>(bar + offset, length);
        notify_length_ = length;
        notify_multiplier_ = function.read32(field(16));
      }
    }
    if (common_ == nullptr || notify_ == nullptr) return false;
    function.enable_memory_and_master();
    return function.enable_message(arch::vector::console);
  }

  bool negotiate(std::uint64_t features) override {
    common_->device_status = 0;
    while (common_->device_status != 0) {}  // reset is done when it reads 0 [virtio 1.1 4.1.4.3.2]
    common_->device_status = virtio::acknowledge;
    common_->device_status = virtio::acknowledge | virtio::driver;
    for (std::uint32_t half = 0; half < 2; ++half) {
      const auto wanted = static_cast<std::uint32_t>(features >> 32 * half);
      common_->device_feature_select = half;
      if ((common_->device_feature & wanted) != wanted) return false;
      common_->driver_feature_select = half;
      common_->driver_feature = wanted;
    }
    common_->device_status = virtio::acknowledge | virtio::driver | virtio::features_ok;
    constexpr std::uint16_t no_vector = 0xffff;
    common_->msix_config = no_vector;
    return (common_->device_status & virtio::features_ok) != 0;
  }

  bool set_queue(std::uint16_t index, const QueuePlace& place) override {
    common_->queue_select = index;
    if (index >= notify_offset_.size() || common_->queue_size < place.size) return false;
    common_->queue_size = place.size;
    common_->queue_msix_vector = 0;
    if (common_->queue_msix_vector != 0) return false;
    write_address(common_->queue_desc, place.descriptors);
    write_address(common_->queue_driver, place.driver_area);
    write_address(common_->queue_device, place.device_area);
    notify_offset_[index] = common_->queue_notify_off * notify_multiplier_;
    if (notify_offset_[index] + sizeof(std::uint16_t) > notify_length_) return false;
    common_->queue_enable = 1;
    return true;
  }

  void start() override {
    common_->device_status = virtio::acknowledge | virtio::driver | virtio::features_ok | virtio::driver_ok;
  }
  void notify(std::uint16_t queue) override {
    *reinterpret_cast<volatile std::uint16_t*>(notify_ + notify_offset_[queue]) = queue;
  }
  void acknowledge_interrupt() override {}  // a message needs none

 private:
  volatile CommonConfiguration* common_ = nullptr;
  volatile std::byte* notify_ = nullptr;
  std::uint32_t notify_length_ = 0, notify_multiplier_ = 0;
  std::array<std::uint32_t, 2> notify_offset_{};
};

constinit VirtioPci console;

}  // namespace

VirtioTransport* find_virtio_console_pci() {
  const auto function = find_pci([](const PciFunction& f) {
    return f.vendor() == virtio_vendor && (f.device() == console_modern || f.device() == console_transitional);
  });
  return function && console.attach(*function) ? &console : nullptr;
}

}  // namespace aegis::dev
