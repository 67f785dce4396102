// SPDX-License-Identifier: MIT
// The container's side of the byte link to `exo` (abi/link.hpp): frames out, frames in, both without waiting in the kernel.
#pragma once

#include "abi/link.hpp"
#include "libos/exos/errno.hpp"
#include "libos/exos/wait.hpp"

namespace exos { class Buffer; }

namespace exos::link {

void start();
// Sends bytes on a channel, waiting (as a task) while the host does not take them. Returns bytes sent: all, or fewer after a signal.
CallResult send(abi::link::Channel channel, std::uint8_t kind, const void* bytes, std::size_t size);
CallResult send_from(abi::link::Channel channel, std::uint8_t kind, Buffer& buffer);   // bytes of a program
// The same before there are tasks and for last words: spins in env_sleep instead of waiting as a task.
void send_now(abi::link::Channel channel, std::uint8_t kind, const void* bytes, std::size_t size);
// A few bytes that are lost when there is no room: a terminal's echo.
void offer(abi::link::Channel channel, const void* bytes, std::size_t size);
// A control frame of at most 16 KiB; false: there is no room now, and the root env is woken when there is.
[[nodiscard]] bool offer_control(abi::link::Control kind, std::span<const std::byte> bytes);
// Called by the root env's loop when the console woke it: reads frames, fills the input buffer, wakes queues.
void service();

// Standard input: bytes that came and were not read yet; end of file once seen.
[[nodiscard]] std::size_t input_ready();
[[nodiscard]] bool input_ended();
std::size_t take_input(void* to, std::size_t size);
void set_terminal(const abi::link::Terminal& terminal);
void want_input();               // asks the host for some if nothing is here and nothing was asked for
WaitQueue& input_queue();
WaitQueue& output_queue();

// One line to the person, prefixed by nothing; truncated at 512 bytes.
void log_line(std::string_view line);

}  // namespace exos::link
