// SPDX-License-Identifier: MIT
// The container's own terminal. The host passes every byte on and edits nothing, but makes "\r\n" as the mode says; the rest is
// done here.
#include "libos/exos/link.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/terminal.hpp"

namespace exos {
namespace {

class ConsoleTerminal final : public Terminal {
 public:
  ConsoleTerminal(abi::link::Channel shown, bool has_input) : Terminal{make_device(136, 0)}, shown_{shown}, has_input_{has_input} {}

  void take_input() {
    if (!has_input_) return;
    if (link::input_ended()) return hang_up();
    std::uint8_t byte = 0;
    while (link::input_ready() > 0 && can_receive()) {
      link::take_input(&byte, 1);
      receive(byte);
    }
    link::want_input();
  }

 protected:
  [[nodiscard]] std::size_t output_room() const override { return 4096; }   // what does not fit waits in write_through
  void output(const std::uint8_t* bytes, std::size_t size) override { link::offer(shown_, bytes, size); }
  CallResult write_through(Buffer& buffer, bool nonblocking) override;
  [[nodiscard]] bool processes_output() const override { return false; }
  void input_wanted() override { take_input(); }
  void mode_changed() override {
    abi::link::Terminal message{mode.iflag, mode.oflag, mode.cflag, mode.lflag, {}};
    for (std::size_t i = 0; i < sizeof mode.cc; ++i) message.cc[i] = mode.cc[i];
    link::set_terminal(message);
  }
  [[nodiscard]] bool far_end_open() const override { return has_input_; }

 private:
  abi::link::Channel shown_;
  bool has_input_;
};

CallResult ConsoleTerminal::write_through(Buffer& buffer, bool) {
  std::array<std::uint8_t, 1024> piece;
  std::uint64_t done = 0;
  while (buffer.left() > 0) {
    const std::size_t n = buffer.left() < piece.size() ? buffer.left() : piece.size();
    if (!buffer.take(piece.data(), n).has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::fault}};
    const CallResult sent = link::send(shown_, 0, piece.data(), n);
    if (!sent.has_value()) return done > 0 ? CallResult{done} : sent;
    for (std::size_t i = 0; i < *sent; ++i) note_shown(piece[i]);
    done += *sent;
    if (*sent < n) break;
  }
  return done;
}

constinit ConsoleTerminal* console = nullptr;

}  // namespace

void console_start() {
  using abi::link::Channel;
  const RunDescription& run = run_description();
  if (!run.terminal[0] && !run.terminal[1] && !run.terminal[2]) return;
  // Where echo and /dev/tty are seen.
  const Channel shown = run.terminal[1] ? Channel::out : run.terminal[2] ? Channel::err : Channel::terminal;
  console = make<ConsoleTerminal>(shown, run.terminal[0]);
  if (console == nullptr) return;
  ++console->refs;   // never goes
  console->size = {run.rows != 0 ? run.rows : std::uint16_t{24}, run.columns != 0 ? run.columns : std::uint16_t{80}, 0, 0};
}

Terminal* console_terminal() { return console; }

void console_input() {
  if (console != nullptr) console->take_input();
}

void console_resized(std::uint16_t rows, std::uint16_t columns) {
  if (console != nullptr) console->resize({rows, columns, 0, 0});
}

}  // namespace exos
