// SPDX-License-Identifier: MIT
// Reading and writing a terminal, and what its far end does to it. The editing of lines is in line_discipline.cpp.
#include "libos/exos/terminal.hpp"

#include "libos/exos/jobs.hpp"

namespace exos {

void Terminal::dispose(Terminal* terminal) { destroy(terminal); }

// A process in the background is stopped; one that cannot be, gets an error.
Status Terminal::check_foreground_read() const {
  const Process& process = current_process();
  if (process.terminal.get() != this || group == 0 || process.group == group) return {};
  if (jobs::is_deaf(sig_ttin) || jobs::is_orphaned(process.group)) return Fail{Errno::io};
  jobs::signal_group(process.group, sig_ttin);
  return Fail{Errno::restart_sys};
}

Status Terminal::check_foreground_change() const {
  const Process& process = current_process();
  if (process.terminal.get() != this || group == 0 || process.group == group || jobs::is_deaf(sig_ttou)) return {};
  if (jobs::is_orphaned(process.group)) return Fail{Errno::io};
  jobs::signal_group(process.group, sig_ttou);
  return Fail{Errno::restart_sys};
}

// --- reading ----------------------------------------------------------------------------------------------------------
CallResult Terminal::read(Buffer& buffer, bool nonblocking) {
  if (hung_up_) return 0;
  TRY_VOID(check_foreground_read());
  if (buffer.left() == 0) return 0;
  const CallResult done = canonical() ? read_line(buffer, nonblocking) : read_raw(buffer, nonblocking);
  input_wanted();
  return done;
}

CallResult Terminal::read_line(Buffer& buffer, bool nonblocking) {
  while (!input_.has_line()) {
    input_wanted();
    if (input_.has_line()) break;
    if (hung_up_) return 0;
    if (!far_end_open()) return Fail{Errno::io};
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(changed.wait());
    TRY_VOID(check_foreground_read());
    if (!canonical()) return read_raw(buffer, nonblocking);
  }
  return input_.take_line(buffer);
}

// VMIN and VTIME: so many bytes, or what has come when so many tenths of a second passed without one (without VMIN: since the
// call).
CallResult Terminal::read_raw(Buffer& buffer, bool nonblocking) {
  constexpr std::uint64_t tenth = 100'000'000;
  const std::uint64_t least = mode.cc[termios::vmin], time = mode.cc[termios::vtime] * tenth;
  abi::Nanoseconds deadline = abi::forever;
  if (time != 0 && least == 0) deadline = abi::Nanoseconds{now().raw() + time};
  const std::uint64_t wanted = least < buffer.left() ? least : buffer.left();
  std::uint64_t done = 0;
  for (;;) {
    input_wanted();
    if (input_.used() > 0) {
      const CallResult taken = input_.take_bytes(buffer);
      if (!taken.has_value()) return done > 0 ? CallResult{done} : taken;
      done += *taken;
      if (time != 0 && least != 0) deadline = abi::Nanoseconds{now().raw() + time};
    }
    if ((done > 0 && done >= wanted) || buffer.left() == 0 || (least == 0 && (time == 0 || done > 0))) return done;
    if (hung_up_) return done;
    if (!far_end_open()) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::io}};
    if (nonblocking) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::again}};
    const Status waited = changed.wait(deadline);
    if (!waited.has_value() && waited.error() == Errno::timedout) return done;
    if (!waited.has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{waited.error()}};
  }
}

bool Terminal::input_available() const {
  if (canonical()) return input_.has_line();
  const std::size_t least = mode.cc[termios::vtime] == 0 && mode.cc[termios::vmin] != 0 ? mode.cc[termios::vmin] : 1;
  return input_.used() >= least;
}

std::uint32_t Terminal::poll_state() const {
  if (hung_up_) return poll_readable | poll_writable | poll_err | poll_hup;
  std::uint32_t state = input_available() ? poll_readable : 0;
  if (!far_end_open()) state |= poll_hup;
  if (!stopped_ && output_room() >= 256) state |= poll_writable;
  return state;
}

// --- writing ----------------------------------------------------------------------------------------------------------
CallResult Terminal::write(Buffer& buffer, bool nonblocking) {
  if (is(&Termios::lflag, termios::tostop)) TRY_VOID(check_foreground_change());
  while (stopped_ && !hung_up_) {
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(changed.wait());
  }
  if (hung_up_) return Fail{Errno::io};
  return write_through(buffer, nonblocking);
}

CallResult Terminal::write_through(Buffer& buffer, bool nonblocking) {
  std::array<std::uint8_t, 256> piece;
  std::uint64_t done = 0;
  const auto ended = [&](Errno why) { return done > 0 ? CallResult{done} : CallResult{Fail{why}}; };
  while (buffer.left() > 0) {
    if (hung_up_ || !far_end_open()) return ended(Errno::io);
    std::size_t n = output_room() / OutputProcessor::longest;
    if (n == 0 || stopped_) {
      if (nonblocking) return ended(Errno::again);
      if (const Status waited = changed.wait(); !waited.has_value()) return ended(waited.error());
      continue;
    }
    if (n > piece.size()) n = piece.size();
    if (n > buffer.left()) n = buffer.left();
    if (!buffer.take(piece.data(), n).has_value()) return ended(Errno::fault);
    OutputProcessor processor{*this};
    for (std::size_t i = 0; i < n; ++i) processor.put(piece[i]);
    done += n;
  }
  return done;
}

void OutputProcessor::add(std::uint8_t byte) {
  if (used_ == bytes_.size()) flush();
  bytes_[used_++] = byte;
}

void OutputProcessor::flush() {
  if (used_ > 0) terminal_.output(bytes_.data(), used_);
  used_ = 0;
}

void OutputProcessor::put(std::uint8_t byte) {
  if (!terminal_.is(&Termios::oflag, termios::opost)) return add(byte);
  if (terminal_.processes_output()) return process(byte);
  terminal_.note_shown(byte);
  add(byte);
}

void Terminal::note_shown(std::uint8_t byte) {
  switch (byte) {
    case '\n':
      if (is(&Termios::oflag, termios::onlcr) || is(&Termios::oflag, termios::onlret)) column_ = 0;
      return;
    case '\r': column_ = 0; return;
    case '\t': column_ += 8 - (column_ & 7); return;
    case '\b': if (column_ > 0) --column_; return;
    default: break;
  }
  const bool control = byte < 0x20 || byte == 0x7f;
  const bool continuation = (byte & 0xc0) == 0x80 && is(&Termios::iflag, termios::iutf8);
  if (!control && !continuation) ++column_;
}

void OutputProcessor::process(std::uint8_t byte) {
  const auto has = [&](std::uint32_t bit) { return terminal_.is(&Termios::oflag, bit); };
  if (byte == '\r') {
    if (has(termios::onocr) && terminal_.column_ == 0) return;
    if (has(termios::ocrnl)) {
      if (has(termios::onlret)) terminal_.column_ = 0;
      return add('\n');
    }
  }
  if (byte == '\t' && has(termios::tab_spaces)) {
    do process(' ');
    while ((terminal_.column_ & 7) != 0);
    return;
  }
  if (byte == '\n' && has(termios::onlcr)) add('\r');
  terminal_.note_shown(byte);
  if (has(termios::olcuc) && byte >= 'a' && byte <= 'z') byte = static_cast<std::uint8_t>(byte - 'a' + 'A');
  add(byte);
}

// --- the far end ------------------------------------------------------------------------------------------------------
void Terminal::resize(const WindowSize& wanted) {
  const auto same = [&] { return size.rows == wanted.rows && size.columns == wanted.columns && size.x == wanted.x && size.y == wanted.y; };
  if (same()) return;
  size = wanted;
  jobs::signal_group(group, sig_winch);
}

void Terminal::adopt(bool readable) {
  const Process& self = current_process();
  if (readable && !hung_up_ && session == 0 && self.session == self.pid && !self.terminal) static_cast<void>(take_over(false, readable));
}

Status Terminal::check_exclusive() const {
  if (exclusive_ && current_process().euid != 0) return Fail{Errno::busy};
  return {};
}

void Terminal::hang_up() {
  if (std::exchange(hung_up_, true)) return;
  input_.flush();
  stopped_ = false;
  const std::uint32_t ended_session = std::exchange(session, 0), ended_group = std::exchange(group, 0);
  if (Process* leader = ended_session == 0 ? nullptr : find_process(ended_session); leader != nullptr && !leader->exited) {
    send_signal(*leader, {.signo = static_cast<std::int32_t>(sig_hup), .code = 0x80});
    send_signal(*leader, {.signo = static_cast<std::int32_t>(sig_cont), .code = 0x80});
  }
  jobs::signal_group(ended_group, sig_hup);
  if (ended_session != 0) jobs::forget_terminal(ended_session);
  changed.wake_all();
}

}  // namespace exos
