// SPDX-License-Identifier: MIT
#include "exo/session.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <vector>

namespace exo {
namespace link = abi::link;
namespace {

constexpr std::size_t tail_size = 64 * 1024;  // of the log that is kept

void keep_tail(std::string& tail, std::string_view more) {
  tail.append(more);
  if (tail.size() > 2 * tail_size) tail.erase(0, tail.size() - tail_size);
}

std::int64_t now_ms() {
  using namespace std::chrono;
  return duration_cast<milliseconds>(steady_clock::now().time_since_epoch()).count();
}

// Signals that end the guest or tell of the terminal. One that our starter made ignored stays so (nohup, background
// jobs).
sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) {
    struct sigaction action{};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler != SIG_IGN) ::sigaddset(&set, signal);
  }
  return set;
}

std::string announce_start(const link::BootFigures& figures, const std::string& rest) {
  constexpr double frame_mib = 4096.0 / (1 << 20);
  std::array<char, 160> text{};
  const auto used = figures.kernel_frames + figures.library_frames + figures.program_frames;
  std::snprintf(text.data(), text.size(), "exo: started in %.1f ms of the guest's time, %.1f MiB in use, ",
                static_cast<double>(figures.boot_ns) / 1e6, static_cast<double>(used) * frame_mib);
  return text.data() + rest + "\n";
}

}  // namespace

Session::Session(Machine& machine, const SessionPlan& plan)
    : machine_{machine}, plan_{plan}, cores_{plan.core_folder}, out_{plan.out}, err_{plan.err}, same_{same_file(plan.out, plan.err)} {
  const sigset_t signals = watched_signals();
  ::sigprocmask(SIG_BLOCK, &signals, &old_mask_);
  signals_ = Descriptor{::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK)};
  ::signal(SIGPIPE, SIG_IGN);
  if (!plan_.title.empty()) watchers_.emplace(plan_.title);
  if (plan_.timeout_ms >= 0) deadline_ms_ = now_ms() + plan_.timeout_ms;
}

Session::~Session() { ::sigprocmask(SIG_SETMASK, &old_mask_, nullptr); }

// QEMU's console throws bytes away when its socket is full, but only because it makes the socket non-blocking. The mode
// belongs to the open file, which we share: once QEMU has set it (before the guest runs), it is taken back, and a guest
// that is faster than its reader waits.
void Session::make_link_blocking() {
  if (!machine_.guest_link) return;
  const int flags = ::fcntl(machine_.guest_link.get(), F_GETFL);
  if ((flags & O_NONBLOCK) == 0) return;
  ::fcntl(machine_.guest_link.get(), F_SETFL, flags & ~O_NONBLOCK);
  machine_.guest_link.reset();
}

SessionEnd Session::run() {
  terminal_.take_over();
  while (!ended_ && step()) {}
  if (end_.kind != SessionEnd::Kind::reader_gone && end_.kind != SessionEnd::Kind::signalled) {
    out_.drain_all();
    err().drain_all();
  }
  if (end_.kind == SessionEnd::Kind::exited && out_.closed()) end_.kind = SessionEnd::Kind::reader_gone;
  terminal_.restore();
  machine_.qemu.kill();
  return std::move(end_);
}

bool Session::step() {
  make_link_blocking();
  enum { at_link, at_log, at_words, at_child, at_signal, at_watcher, at_in, at_out, at_err, count };
  std::array<pollfd, count> ready{};
  ready.fill({.fd = -1, .events = 0, .revents = 0});
  const bool has_room = !out_.is_full() && !err().is_full();
  const short link_events = static_cast<short>((has_room ? POLLIN : 0) | (to_guest_.empty() ? 0 : POLLOUT));
  if (link_events != 0) ready[at_link] = {machine_.link.get(), link_events, 0};
  ready[at_log] = {machine_.log.get(), POLLIN, 0};
  ready[at_words] = {machine_.words.get(), POLLIN, 0};
  if (has_room) ready[at_child] = {machine_.qemu.ready_fd(), POLLIN, 0};
  ready[at_signal] = {signals_.get(), POLLIN, 0};
  if (watchers_ && end_.figures) ready[at_watcher] = {watchers_->fd(), POLLIN, 0};   // the program runs
  if (wanted_ > 0 && !input_ended_) ready[at_in] = {plan_.in, POLLIN, 0};
  if (!out_.empty()) ready[at_out] = {out_.fd(), POLLOUT, 0};
  if (!err_.empty()) ready[at_err] = {err_.fd(), POLLOUT, 0};

  int timeout = machine_.guest_link ? 1 : -1;
  if (deadline_ms_ >= 0) {
    const auto left = static_cast<int>(std::max<std::int64_t>(deadline_ms_ - now_ms(), 0));
    if (left == 0) {
      finish(SessionEnd::Kind::timed_out);
      return false;
    }
    timeout = timeout < 0 ? left : std::min(timeout, left);
  }
  if (::poll(ready.data(), ready.size(), timeout) < 0) return errno == EINTR;

  if (ready[at_signal].revents != 0) read_signal();
  if (ready[at_watcher].revents != 0) meet_watcher();
  if (ready[at_out].revents != 0) out_.drain_some();
  if (ready[at_err].revents != 0) err_.drain_some();
  if (out_.closed()) finish(SessionEnd::Kind::reader_gone);
  if ((ready[at_link].revents & POLLOUT) != 0) flush_link();
  if (ready[at_in].revents != 0) read_input();
  if (ready[at_log].revents != 0) read_log();
  if (ready[at_words].revents != 0) read_words();
  if (has_room && (ready[at_link].revents & (POLLIN | POLLHUP)) != 0) read_link();
  if (!ended_ && ready[at_child].revents != 0) machine_ended();
  return !ended_;
}

void Session::read_link() {
  static thread_local std::array<char, 256 * 1024> buffer;
  const ssize_t n = ::read(machine_.link.get(), buffer.data(), buffer.size());
  if (n <= 0) return;
  decoder_.feed({buffer.data(), static_cast<std::size_t>(n)});
  Frame frame;
  while (!ended_) {
    const auto step = decoder_.next(frame);
    if (step == FrameDecoder::Step::more) return;
    if (step == FrameDecoder::Step::broken) return finish(SessionEnd::Kind::broken_link);
    take(frame);
  }
}

void Session::take(const Frame& frame) {
  switch (frame.channel) {
    case link::Channel::control: return take_control(frame);
    case link::Channel::out: return out_.push(frame.payload);
    case link::Channel::err: case link::Channel::log: return err().push(frame.payload);
    case link::Channel::terminal: return to_terminal(frame.payload);
    case link::Channel::files: end_.volumes[frame.kind].append(frame.payload); return;
    case link::Channel::crash: end_.crash.append(frame.payload); return;
    case link::Channel::core: return take_core(frame);
    case link::Channel::in: return finish(SessionEnd::Kind::broken_link);  // goes the other way only
  }
}

void Session::take_core(const Frame& frame) {
  const CoreReceiver::Taken taken = cores_.take(frame);
  if (!taken.has_value()) return finish(SessionEnd::Kind::broken_link);
  if (!taken->empty()) err().push("exo: " + *taken + "\n");
}

// Echo, when nothing but standard input is a terminal.
void Session::to_terminal(std::string_view bytes) const {
  while (::isatty(plan_.in) != 0 && !bytes.empty()) {
    const ssize_t n = ::write(plan_.in, bytes.data(), bytes.size());
    if (n <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void Session::take_control(const Frame& frame) {
  switch (static_cast<link::Control>(frame.kind)) {
    case link::Control::started:
      end_.figures = payload_as<link::BootFigures>(frame);
      if (end_.figures && plan_.announce) err().push(announce_start(*end_.figures, plan_.announcement));
      return;
    case link::Control::want_input:
      wanted_ = std::min(payload_as<std::uint32_t>(frame).value_or(0), link::max_payload);
      if (input_ended_ && wanted_ > 0) {
        send(link::Channel::in, 0, {});
        wanted_ = 0;
      }
      return;
    case link::Control::exited:
      return finish(SessionEnd::Kind::exited, static_cast<int>(payload_as<std::uint32_t>(frame).value_or(1) & 0xff));
    case link::Control::set_terminal:
      if (const auto mode = payload_as<link::Terminal>(frame)) terminal_.apply(*mode);
      return;
    case link::Control::processes:
      if (!watchers_ || !watchers_->take(frame.payload)) return finish(SessionEnd::Kind::broken_link);
      return;
    default: return finish(SessionEnd::Kind::broken_link);
  }
}

void Session::send(link::Channel channel, std::uint8_t kind, std::string_view payload) {
  to_guest_.append(encode_frame(channel, kind, payload));
  flush_link();
}

void Session::flush_link() {
  while (!to_guest_.empty()) {
    const ssize_t n = ::send(machine_.link.get(), to_guest_.data(), to_guest_.size(), MSG_NOSIGNAL);
    if (n <= 0) return;  // full, or QEMU is gone, which its own descriptor tells
    to_guest_.erase(0, static_cast<std::size_t>(n));
  }
}

// Only what was asked for: the rest stays for whoever reads this descriptor after us.
void Session::read_input() {
  std::string bytes(wanted_, '\0');
  const ssize_t n = ::read(plan_.in, bytes.data(), bytes.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  // A terminal can go on after an end of file; anything else cannot.
  if (bytes.empty() && ::isatty(plan_.in) == 0) input_ended_ = true;
  wanted_ = 0;
  if (terminal_.is_taken()) look_for_escape(bytes);
  send(link::Channel::in, 0, bytes);
}

// Ctrl-C is the guest's own; a guest that does not hear ends with three times Ctrl-].
void Session::look_for_escape(std::string_view bytes) {
  constexpr char escape = 0x1d;
  constexpr int enough = 3;
  for (const char c : bytes) {
    escapes_ = c == escape ? escapes_ + 1 : 0;
    if (escapes_ == enough) return finish(SessionEnd::Kind::signalled, SIGTERM);
  }
}

void Session::read_signal() {
  signalfd_siginfo signal{};
  if (::read(signals_.get(), &signal, sizeof signal) != sizeof signal) return;
  if (signal.ssi_signo != SIGWINCH) return finish(SessionEnd::Kind::signalled, static_cast<int>(signal.ssi_signo));
  if (const auto size = Terminal::size()) {
    const std::array<std::uint16_t, 2> payload{size->rows, size->columns};
    send(link::Channel::control, static_cast<std::uint8_t>(link::Control::window_size),
         {reinterpret_cast<const char*>(payload.data()), sizeof payload});
  }
}

void Session::meet_watcher() {
  if (watchers_->accept()) send(link::Channel::control, static_cast<std::uint8_t>(link::Control::want_processes), {});
}

void Session::read_log() {
  std::array<char, 16 * 1024> buffer;
  const ssize_t n = ::read(machine_.log.get(), buffer.data(), buffer.size());
  if (n == 0) machine_.log.reset();
  if (n <= 0) return;
  const std::string_view text{buffer.data(), static_cast<std::size_t>(n)};
  keep_tail(end_.log, text);
  if (plan_.show_log) err().push(text);
  else if (!plan_.told.empty()) tell_lines(text);
}

void Session::tell_lines(std::string_view text) {
  constexpr std::size_t longest = 1024;
  for (const char c : text) {
    if (c != '\n') {
      if (log_line_.size() < longest && c != '\r') log_line_ += c;
      continue;
    }
    if (log_line_.starts_with(plan_.told)) err().push("exo: " + log_line_.substr(plan_.told.size()) + "\n");
    log_line_.clear();
  }
}

void Session::read_words() {
  std::array<char, 4096> buffer;
  const ssize_t n = ::read(machine_.words.get(), buffer.data(), buffer.size());
  if (n == 0) machine_.words.reset();
  if (n > 0) keep_tail(end_.qemu_words, {buffer.data(), static_cast<std::size_t>(n)});
}

// QEMU is gone: what it left in the sockets still counts.
void Session::machine_ended() {
  const auto drained = [](int fd) {
    pollfd ready{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, 0) <= 0 || (ready.revents & POLLIN) == 0;
  };
  machine_.guest_link.reset();
  char byte = 0;
  while (!ended_ && !drained(machine_.link.get()) && ::recv(machine_.link.get(), &byte, 1, MSG_PEEK) > 0) {
    read_link();
    if (out_.is_full() || err().is_full()) return;  // again when there is room
  }
  while (machine_.log && !drained(machine_.log.get())) read_log();
  while (machine_.words && !drained(machine_.words.get())) read_words();
  end_.wait_status = machine_.qemu.wait(0).value_or(0);
  if (!ended_) finish(SessionEnd::Kind::machine_died);
}

void Session::finish(SessionEnd::Kind kind, int status) {
  if (ended_) return;
  ended_ = true;
  end_.kind = kind;
  end_.status = status;
}

}  // namespace exo
