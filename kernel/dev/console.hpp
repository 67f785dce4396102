// SPDX-License-Identifier: MIT
// The byte link to the host: a virtio console, or the second serial port. arch::console_write and console_read.
#pragma once

#include "base/std.hpp"

namespace aegis::dev {

void find_console(std::string_view command_line, std::size_t io_apics);
// Waits, within a bound, until the device has taken what was written: before the machine is switched off under it.
void drain_console();
// Its interrupt: true when there may be something to read or room to write.
[[nodiscard]] bool console_interrupt();

}  // namespace aegis::dev
