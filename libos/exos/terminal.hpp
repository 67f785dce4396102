// SPDX-License-Identifier: MIT
// Terminals: the line discipline, mode and size, the session that a terminal controls and its foreground group. The container's
// own one (console_terminal.cpp) and pseudo-terminals (fs/pseudo_terminal.cpp) differ in where output goes and input comes from.
#pragma once

#include "libos/exos/fs/linux_abi.hpp"
#include "libos/exos/line_input.hpp"

namespace exos {

struct Process;

// What the bits of Termios mean. [linux asm-generic/termbits.h]
namespace termios {
inline constexpr std::uint32_t istrip = 0x20, inlcr = 0x40, igncr = 0x80, icrnl = 0x100, ixon = 0x400, ixany = 0x800, iutf8 = 0x4000;
inline constexpr std::uint32_t opost = 1, olcuc = 2, onlcr = 4, ocrnl = 8, onocr = 0x10, onlret = 0x20, tab_spaces = 0x1800;
inline constexpr std::uint32_t isig = 1, icanon = 2, echo = 8, echoe = 0x10, echok = 0x20, echonl = 0x40, noflsh = 0x80,
                               tostop = 0x100, echoctl = 0x200, echoke = 0x800, iexten = 0x8000;
inline constexpr std::size_t vintr = 0, vquit = 1, verase = 2, vkill = 3, veof = 4, vtime = 5, vmin = 6, vstart = 8, vstop = 9,
                             vsusp = 10, veol = 11, vreprint = 12, vwerase = 14, vlnext = 15, veol2 = 16;
}  // namespace termios

class Terminal {
 public:
  explicit Terminal(std::uint32_t device_number) : device{device_number} {}
  virtual ~Terminal() = default;
  std::uint32_t refs = 0;
  static void dispose(Terminal* terminal);

  std::uint32_t device;                    // 136:N
  std::uint32_t session = 0, group = 0;    // whose controlling terminal it is; in the foreground. 0: none
  Termios mode{.iflag = 0x500,             // what a Linux terminal starts with: ICRNL IXON,
               .oflag = 0x5,               // OPOST ONLCR,
               .cflag = 0xbf,              // B38400 CS8 CREAD,
               .lflag = 0x8a3b,            // ISIG ICANON ECHO ECHOE ECHOK ECHOCTL ECHOKE IEXTEN
               .line = 0,
               .cc = {3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0}};
  WindowSize size{};
  WaitQueue changed;                       // input, room for output, the far end came or went

  // Of a file that is this terminal. Each first looks whether a background process may do it (SIGTTIN, SIGTTOU).
  [[nodiscard]] CallResult read(Buffer& buffer, bool nonblocking);
  [[nodiscard]] CallResult write(Buffer& buffer, bool nonblocking);
  [[nodiscard]] std::uint32_t poll_state() const;
  [[nodiscard]] CallResult ioctl(std::uint64_t request, std::uint64_t argument, bool readable);

  // From the far end. The caller sees to it that it can_receive().
  [[nodiscard]] bool can_receive() const;
  void receive(std::uint8_t byte);
  void resize(const WindowSize& wanted);
  void hang_up();                          // nothing comes or goes any more; SIGHUP to its session

  // Files of the near end come and go.
  virtual void opened() {}
  virtual void closed() {}
  void adopt(bool readable);               // the current process, if it is a session leader without a terminal
  [[nodiscard]] Status check_exclusive() const;   // EBUSY

 protected:
  [[nodiscard]] bool is(std::uint32_t Termios::* word, std::uint32_t bit) const { return (mode.*word & bit) != 0; }
  void note_shown(std::uint8_t byte);      // the cursor goes on

  // Where output goes: so many bytes can be taken now, more are lost.
  [[nodiscard]] virtual std::size_t output_room() const = 0;
  virtual void output(const std::uint8_t* bytes, std::size_t size) = 0;
  virtual CallResult write_through(Buffer& buffer, bool nonblocking);
  virtual void input_wanted() {}           // there is room: bytes that wait at the far end may come by receive()
  virtual void flush_output() {}
  virtual void mode_changed() {}
  [[nodiscard]] virtual bool far_end_open() const { return true; }
  [[nodiscard]] virtual bool processes_output() const { return true; }   // false: the far end does what OPOST asks for

 private:
  friend class OutputProcessor;
  [[nodiscard]] bool canonical() const { return is(&Termios::lflag, termios::icanon); }
  [[nodiscard]] bool is_character(std::uint8_t byte, std::size_t which) const { return byte != 0 && mode.cc[which] == byte; }
  [[nodiscard]] bool input_available() const;
  [[nodiscard]] CallResult read_raw(Buffer& buffer, bool nonblocking);
  [[nodiscard]] CallResult read_line(Buffer& buffer, bool nonblocking);
  [[nodiscard]] Status check_foreground_read() const;
  [[nodiscard]] Status check_foreground_change() const;
  [[nodiscard]] CallResult set_mode(std::uint64_t request, std::uint64_t argument);
  [[nodiscard]] CallResult set_group(std::uint64_t argument);
  [[nodiscard]] CallResult flow(std::uint64_t action);
  [[nodiscard]] CallResult flush(std::uint64_t queues);
  [[nodiscard]] Status take_over(bool by_force, bool readable);

  bool receive_signal(std::uint8_t byte);
  bool receive_edit(std::uint8_t byte);
  bool receive_end(std::uint8_t byte);
  void keep(std::uint8_t byte);
  void erase(std::uint8_t kind);
  void erase_shown(std::uint8_t byte);
  void reprint();
  void echo_control(std::uint8_t byte);    // "^C"
  void echo_text(std::string_view text);   // through the output's own processing
  [[nodiscard]] std::uint32_t column_of_edit() const;

  LineInput input_;
  std::uint32_t column_ = 0, line_column_ = 0;   // of the cursor; where the edited line began
  bool literal_ = false, stopped_ = false, hung_up_ = false, exclusive_ = false;
};
using TerminalRef = Ref<Terminal>;

// Bytes of a program made what a terminal shows (OPOST). One object for one burst.
class OutputProcessor {
 public:
  explicit OutputProcessor(Terminal& terminal) : terminal_{terminal} {}
  ~OutputProcessor() { flush(); }
  OutputProcessor(const OutputProcessor&) = delete;
  OutputProcessor& operator=(const OutputProcessor&) = delete;
  static constexpr std::size_t longest = 8;      // of what one byte becomes: a tab
  void put(std::uint8_t byte);

 private:
  void process(std::uint8_t byte);
  void add(std::uint8_t byte);
  void flush();
  Terminal& terminal_;
  std::array<std::uint8_t, 256> bytes_;
  std::size_t used_ = 0;
};

// The container's own terminal, if one of its standard descriptors is one (console_terminal.cpp).
void console_start();                                // from the run description
[[nodiscard]] Terminal* console_terminal();          // null: none
void console_input();                                // link.cpp: bytes came, or their end
void console_resized(std::uint16_t rows, std::uint16_t columns);

}  // namespace exos
