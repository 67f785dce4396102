// SPDX-License-Identifier: MIT
// What a terminal does with each byte from its far end: signals, flow control, the editing of lines, echo. As Linux's N_TTY has
// it (POSIX 11.1 leaves open what is shown), without ECHOPRT, EXTPROC and PARMRK.
#include "libos/exos/jobs.hpp"
#include "libos/exos/terminal.hpp"

namespace exos {
namespace {

bool is_control(std::uint8_t byte) { return byte < 0x20 || byte == 0x7f; }
bool is_continuation(std::uint8_t byte) { return (byte & 0xc0) == 0x80; }
bool is_word(std::uint8_t byte) {
  return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || byte == '_' || byte >= 0xc0;
}

}  // namespace

// A line that has no room for its end would never end: its last byte gives way.
bool Terminal::can_receive() const { return input_.room() > 1 || (canonical() && !input_.has_line()); }

void Terminal::keep(std::uint8_t byte) {
  if (input_.room() > 0) input_.put(byte);
  else input_.replace_last(byte);
}

void Terminal::receive(std::uint8_t byte) {
  using namespace termios;
  if (hung_up_) return;
  if (is(&Termios::iflag, istrip)) byte &= 0x7f;
  if (!std::exchange(literal_, false)) {
    if (is(&Termios::iflag, ixon) && is_character(byte, vstart)) return static_cast<void>(flow(1));
    if (is(&Termios::iflag, ixon) && is_character(byte, vstop)) return static_cast<void>(flow(0));
    if (receive_signal(byte)) return;
    if (stopped_ && is(&Termios::iflag, ixon) && is(&Termios::iflag, ixany)) static_cast<void>(flow(1));
    if (byte == '\r') {
      if (is(&Termios::iflag, igncr)) return;
      if (is(&Termios::iflag, icrnl)) byte = '\n';
    } else if (byte == '\n' && is(&Termios::iflag, inlcr)) {
      byte = '\r';
    }
    if (canonical() && (receive_edit(byte) || receive_end(byte))) return;
  }
  if (is(&Termios::lflag, echo)) {
    if (input_.edited() == 0) line_column_ = column_;
    if (byte == '\n') echo_text("\n");
    else echo_control(byte);
  }
  keep(byte);
  if (!canonical()) changed.wake_all();
}

bool Terminal::receive_signal(std::uint8_t byte) {
  using namespace termios;
  if (!is(&Termios::lflag, isig)) return false;
  const std::uint32_t signal = is_character(byte, vintr) ? sig_int : is_character(byte, vquit) ? sig_quit : is_character(byte, vsusp) ? sig_tstp : 0;
  if (signal == 0) return false;
  if (!is(&Termios::lflag, noflsh)) {
    input_.flush();
    flush_output();
  }
  if (is(&Termios::iflag, ixon)) static_cast<void>(flow(1));
  if (is(&Termios::lflag, echo)) echo_control(byte);
  jobs::signal_group(group, signal);
  changed.wake_all();
  return true;
}

bool Terminal::receive_edit(std::uint8_t byte) {
  using namespace termios;
  const bool extended = is(&Termios::lflag, iexten);
  if (is_character(byte, verase) || is_character(byte, vkill) || (extended && is_character(byte, vwerase))) {
    erase(byte);
    return true;
  }
  if (extended && is_character(byte, vlnext)) {
    literal_ = true;
    if (is(&Termios::lflag, echo)) echo_text(is(&Termios::lflag, echoctl) ? "^\b" : "");
    return true;
  }
  if (extended && is(&Termios::lflag, echo) && is_character(byte, vreprint)) {
    reprint();
    return true;
  }
  return false;
}

bool Terminal::receive_end(std::uint8_t byte) {
  using namespace termios;
  if (is_character(byte, veof)) {
    if (input_.room() == 0) input_.drop_last();
    input_.end_file();
  } else if (byte == '\n') {
    if (is(&Termios::lflag, echo) || is(&Termios::lflag, echonl)) echo_text("\n");
    keep(byte);
    input_.end_line();
  } else if (is_character(byte, veol) || (is_character(byte, veol2) && is(&Termios::lflag, iexten))) {
    if (is(&Termios::lflag, echo)) echo_control(byte);
    keep(byte);
    input_.end_line();
  } else {
    return false;
  }
  changed.wake_all();
  return true;
}

// The last character, word or the whole line, as `kind` is VERASE, VWERASE or VKILL.
void Terminal::erase(std::uint8_t kind) {
  using namespace termios;
  const bool shows = is(&Termios::lflag, echo), line = mode.cc[vkill] == kind, character = mode.cc[verase] == kind;
  const bool visibly = shows && is(&Termios::lflag, echoe);
  if (input_.edited() == 0) return;
  if (line && !(visibly && is(&Termios::lflag, echok) && is(&Termios::lflag, echoke))) {
    while (input_.edited() > 0) input_.drop_last();
    if (!shows) return;
    echo_control(kind);
    if (is(&Termios::lflag, echok)) echo_text("\n");
    return;
  }
  bool in_word = false;
  while (input_.edited() > 0) {
    std::size_t at = input_.edited() - 1;
    const bool utf8 = is(&Termios::iflag, iutf8);
    while (utf8 && at > 0 && is_continuation(input_.edited_byte(at))) --at;
    const std::uint8_t byte = input_.edited_byte(at);
    if (utf8 && is_continuation(byte)) return;   // no character begins here
    if (!character && !line) {
      if (is_word(byte)) in_word = true;
      else if (in_word) return;
    }
    while (input_.edited() > at) input_.drop_last();
    if (shows && character && !visibly) echo_control(kind);
    else if (shows) erase_shown(byte);
    if (character) return;
  }
}

// The cursor's column behind what is left of the edited line.
std::uint32_t Terminal::column_of_edit() const {
  std::uint32_t column = line_column_;
  for (std::size_t i = 0; i < input_.edited(); ++i) {
    const std::uint8_t byte = input_.edited_byte(i);
    if (byte == '\t') column += 8 - (column & 7);
    else if (is_control(byte)) column += is(&Termios::lflag, termios::echoctl) ? 2 : 0;
    else if (!is_continuation(byte) || !is(&Termios::iflag, termios::iutf8)) ++column;
  }
  return column;
}

void Terminal::erase_shown(std::uint8_t byte) {
  if (byte == '\t') {
    for (std::uint32_t left = 8 - (column_of_edit() & 7); left > 0; --left) echo_text("\b");
    return;
  }
  if (is_control(byte) && !is(&Termios::lflag, termios::echoctl)) return;
  echo_text("\b \b");
  if (is_control(byte)) echo_text("\b \b");
}

void Terminal::reprint() {
  echo_control(mode.cc[termios::vreprint]);
  echo_text("\n");
  line_column_ = column_;
  for (std::size_t i = 0; i < input_.edited(); ++i) echo_control(input_.edited_byte(i));
}

void Terminal::echo_control(std::uint8_t byte) {
  if (is_control(byte) && byte != '\t' && is(&Termios::lflag, termios::echoctl)) {
    const char text[2] = {'^', static_cast<char>(byte ^ 0x40)};
    return echo_text({text, 2});
  }
  const char text = static_cast<char>(byte);
  echo_text({&text, 1});
}

void Terminal::echo_text(std::string_view text) {
  OutputProcessor processor{*this};
  for (const char c : text) processor.put(static_cast<std::uint8_t>(c));
}

}  // namespace exos
