// SPDX-License-Identifier: MIT
// The terminal that the container may have: its mode, size and foreground group. The host does the line discipline; this
// side keeps what programs ask for and sends changes of the mode.
#pragma once

#include "libos/exos/fs/linux_abi.hpp"

namespace exos {

[[nodiscard]] Termios& terminal_mode();
[[nodiscard]] WindowSize& terminal_size();
[[nodiscard]] std::uint32_t terminal_group();        // foreground process group; 0: none yet
void terminal_start();                               // from the run description

// ioctl of any file that is the terminal.
[[nodiscard]] CallResult terminal_ioctl(std::uint64_t request, std::uint64_t argument);

// From the host, by link.cpp.
void terminal_resized(std::uint16_t rows, std::uint16_t columns);
void terminal_signal(std::uint32_t signal);          // to the foreground group

}  // namespace exos
