// SPDX-License-Identifier: MIT
// Called under the core's lock, but for console_interrupt(), which only acknowledges.
#include "kernel/dev/console.hpp"

#include "kernel/arch/x86_64/descriptors.hpp"
#include "kernel/arch/x86_64/instructions.hpp"
#include "kernel/core/traps.hpp"
#include "kernel/dev/io_apic.hpp"
#include "kernel/dev/serial.hpp"
#include "kernel/dev/virtio.hpp"

namespace aegis::dev {
namespace {

// One port without the multiport feature: queue 0 receives, queue 1 sends. [virtio 1.1 5.3]
class VirtioConsole {
 public:
  constexpr VirtioConsole() = default;

  [[nodiscard]] bool attach(VirtioTransport* transport) {
    if (transport == nullptr || !transport->negotiate(virtio::version_1)) return false;
    const auto place = [](auto& q) { return QueuePlace{q.size, q.descriptors(), q.driver_area(), q.device_area()}; };
    if (!transport->set_queue(receive_queue, place(receive_)) || !transport->set_queue(send_queue, place(send_)))
      return false;
    transport_ = transport;
    send_.want_interrupt(false);
    for (std::uint16_t id = 0; id < send_.size; ++id) free_[free_count_++] = id;
    transport->start();
    for (std::uint16_t id = 0; id < receive_.size; ++id) post(id);
    transport->notify(receive_queue);
    return true;
  }
  [[nodiscard]] bool attached() const { return transport_ != nullptr; }
  // The device has taken everything that was given to it.
  [[nodiscard]] bool sent() {
    reclaim();
    return free_count_ == free_.size();
  }
  void acknowledge() { transport_->acknowledge_interrupt(); }

  std::size_t write(std::span<const std::byte> bytes) {
    reclaim();
    std::size_t done = 0;
    while (done < bytes.size() && free_count_ > 0) {
      const std::uint16_t id = free_[--free_count_];
      const std::size_t rest = bytes.size() - done, n = rest < send_.buffer_size ? rest : send_.buffer_size;
      std::memcpy(send_.buffer(id), bytes.data() + done, n);
      send_.publish(id, static_cast<std::uint32_t>(n), Queue::Direction::to_device);
      done += n;
    }
    if (done > 0 && send_.wants_notice()) transport_->notify(send_queue);
    if (done < bytes.size()) {  // the caller waits for room: this is the only time that we want to hear of it
      send_.want_interrupt(true);
      if (done == 0 && send_.has_used()) return write(bytes);  // it came just before
    }
    return done;
  }

  std::size_t read(std::span<std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size()) {
      if (!current_ && !(current_ = receive_.take_used())) break;
      const std::size_t rest = bytes.size() - done, left = current_->length - current_at_,
                        n = rest < left ? rest : left;
      std::memcpy(bytes.data() + done, receive_.buffer(current_->id) + current_at_, n);
      done += n;
      current_at_ += n;
      if (current_at_ < current_->length) break;
      post(current_->id);
      if (receive_.wants_notice()) transport_->notify(receive_queue);
      current_.reset();
      current_at_ = 0;
    }
    return done;
  }

 private:
  using Queue = VirtQueue<8>;
  static constexpr std::uint16_t receive_queue = 0, send_queue = 1;

  void post(std::uint16_t id) { receive_.publish(id, receive_.buffer_size, Queue::Direction::from_device); }
  void reclaim() {
    while (const auto used = send_.take_used())
      if (free_count_ < free_.size()) free_[free_count_++] = used->id;
    send_.want_interrupt(false);
  }

  VirtioTransport* transport_ = nullptr;
  Queue receive_{}, send_{};
  std::array<std::uint16_t, Queue::size> free_{};
  std::size_t free_count_ = 0;
  std::optional<Queue::Used> current_{};
  std::size_t current_at_ = 0;
};

class SerialConsole {
 public:
  void attach() {
    if (!port_.initialise() || !route_interrupt(com2_line, arch::vector::console)) return;
    attached_ = true;
    port_.enable(Serial::Interrupts::received);
  }
  [[nodiscard]] bool attached() const { return attached_; }
  std::size_t write(std::span<const std::byte> bytes) {
    std::size_t done = 0;
    while (done < bytes.size() && port_.try_put(static_cast<char>(bytes[done]))) ++done;
    port_.enable(done < bytes.size() ? Serial::Interrupts::received_and_room : Serial::Interrupts::received);
    return done;
  }
  std::size_t read(std::span<std::byte> bytes) {
    std::size_t done = 0;
    for (; done < bytes.size(); ++done) {
      const auto byte = port_.try_get();
      if (!byte) break;
      bytes[done] = *byte;
    }
    return done;
  }

 private:
  static constexpr std::uint32_t com2_line = 3;
  Serial port_{0x2f8};
  bool attached_ = false;
};

constinit VirtioConsole virtio_console;
constinit SerialConsole serial_console;

}  // namespace

void find_console(std::string_view command_line, std::size_t io_apics) {
  if (virtio_console.attach(find_virtio_console_pci())) return;
  if (virtio_console.attach(find_virtio_console_mmio(command_line, io_apics))) return;
  serial_console.attach();
}

void drain_console() {
  if (!virtio_console.attached()) return;
  // The emulator takes the bytes when its own thread gets to it: on a loaded host long after the guest has gone on. This is only
  // for a device that has died; who gives up sooner loses the last words, the program's status among them.
  constexpr std::uint64_t patience_ns = 20'000'000'000;
  const std::uint64_t start = arch::now().raw();
  while (!virtio_console.sent() && arch::now().raw() - start < patience_ns) x86::pause();
}

bool console_interrupt() {
  if (virtio_console.attached()) virtio_console.acknowledge();
  return virtio_console.attached() || serial_console.attached();
}

}  // namespace aegis::dev

namespace aegis::arch {

std::size_t console_write(std::span<const std::byte> bytes) {
  if (dev::virtio_console.attached()) return dev::virtio_console.write(bytes);
  return dev::serial_console.attached() ? dev::serial_console.write(bytes) : 0;
}

std::size_t console_read(std::span<std::byte> bytes) {
  if (dev::virtio_console.attached()) return dev::virtio_console.read(bytes);
  return dev::serial_console.attached() ? dev::serial_console.read(bytes) : 0;
}

}  // namespace aegis::arch
