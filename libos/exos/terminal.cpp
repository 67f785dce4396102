// SPDX-License-Identifier: MIT
// Terminal state; see the header. The first mode is what a Linux terminal has after login.
#include "libos/exos/terminal.hpp"

#include "libos/exos/link.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

constinit Termios mode{
    .iflag = 0x500,        // ICRNL IXON
    .oflag = 0x5,          // OPOST ONLCR
    .cflag = 0xbf,         // B38400 CS8 CREAD
    .lflag = 0x8a3b,       // ISIG ICANON ECHO ECHOE ECHOK ECHOCTL ECHOKE IEXTEN
    .line = 0,
    .cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0}};
constinit WindowSize size{24, 80, 0, 0};
constinit std::uint32_t group = 0;

void signal_group(std::uint32_t number) {
  for (Process& process : processes())
    if (process.group == group && !process.exited) send_signal(process, SignalInfo{.signo = static_cast<std::int32_t>(number), .code = 0x80});
}

CallResult set_mode(std::uint64_t argument) {
  mode = TRY(read_user<Termios>(argument));
  abi::link::Terminal message{mode.iflag, mode.oflag, mode.cflag, mode.lflag, {}};
  for (std::size_t i = 0; i < sizeof mode.cc; ++i) message.cc[i] = mode.cc[i];
  link::set_terminal(message);
  return 0;
}

}  // namespace

Termios& terminal_mode() { return mode; }
WindowSize& terminal_size() { return size; }
std::uint32_t terminal_group() { return group; }

void terminal_start() {
  const RunDescription& run = run_description();
  if (run.rows != 0) size.rows = run.rows;
  if (run.columns != 0) size.columns = run.columns;
}

CallResult terminal_ioctl(std::uint64_t request, std::uint64_t argument) {
  switch (request) {
    case tcgets: TRY_VOID(write_user(argument, mode)); return 0;
    case tcsets: case tcsetsw: case tcsetsf: return set_mode(argument);
    case tiocgwinsz: TRY_VOID(write_user(argument, size)); return 0;
    case tiocswinsz: {
      const WindowSize wanted = TRY(read_user<WindowSize>(argument));
      terminal_resized(wanted.rows, wanted.columns);
      size = wanted;
      return 0;
    }
    case tiocgpgrp: {
      const std::uint32_t answer = group != 0 ? group : current_process().group;
      TRY_VOID(write_user(argument, answer));
      return 0;
    }
    case tiocspgrp: {
      const auto wanted = TRY(read_user<std::int32_t>(argument));
      if (wanted < 0) return Fail{Errno::inval};
      for (Process& process : processes())
        if (process.group == static_cast<std::uint32_t>(wanted)) {
          if (process.session != current_process().session) return Fail{Errno::perm};
          group = static_cast<std::uint32_t>(wanted);
          return 0;
        }
      return Fail{Errno::srch};
    }
    case tiocgsid: TRY_VOID(write_user(argument, current_process().session)); return 0;
    case tiocsctty: case tiocnotty: case tiocexcl: case tiocnxcl: return 0;
    case tcsbrk: case tcxonc: case tcflsh: return 0;   // the host has the queues
    case tiocoutq: TRY_VOID(write_user(argument, std::int32_t{0})); return 0;
    default: return Fail{Errno::notty};
  }
}

void terminal_resized(std::uint16_t rows, std::uint16_t columns) {
  if (size.rows == rows && size.columns == columns) return;
  size = {rows, columns, 0, 0};
  signal_group(sig_winch);
}

void terminal_signal(std::uint32_t signal) {
  if (signal >= 1 && signal <= 64) signal_group(signal);
}

}  // namespace exos
