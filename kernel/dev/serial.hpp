// SPDX-License-Identifier: MIT
// A 16550 UART. COM1 carries the kernel's log, polled; COM2 is the console of last resort.
#pragma once

#include "base/std.hpp"

namespace aegis::dev {

class Serial {
 public:
  explicit constexpr Serial(std::uint16_t port) : port_{port} {}
  bool initialise();                     // false: there is no UART at the port
  [[nodiscard]] bool present() const { return present_; }
  void put(char c);                      // waits for room, but not for ever
  bool try_put(char c);
  std::optional<std::byte> try_get();
  enum class Interrupts : std::uint8_t { none = 0, received = 1, received_and_room = 3 };
  void enable(Interrupts which);

 private:
  std::uint16_t port_;
  bool present_ = false;
};

[[nodiscard]] Serial& log_serial();

}  // namespace aegis::dev
