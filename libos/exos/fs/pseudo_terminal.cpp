// SPDX-License-Identifier: MIT
// Pseudo-terminals: /dev/ptmx makes a pair, whose far end (the master) is the file that it gives and whose near end is
// /dev/pts/N as long as that file is open. [man pty(7), pts(4)]
#include "base/format.hpp"
#include "base/ring.hpp"
#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/fs/proc_nodes.hpp"
#include "libos/exos/fs/terminal_file.hpp"
#include "libos/exos/jobs.hpp"

namespace exos {

constinit FileSystem terminal_fs{make_device(0, 21), 0x1cd1, "devpts"};

namespace {

constexpr std::size_t shown_size = 16 * 1024, typed_size = 32 * 1024;   // on the way out; in, before the line discipline
constexpr std::size_t echo_room = 1024;                                 // kept from programs, for echo
constexpr std::uint32_t most_terminals = 4096;
constexpr std::uint32_t tty_group = 5;                                  // Debian's "tty"

class PseudoTerminal final : public Terminal {
 public:
  explicit PseudoTerminal(std::uint32_t number) : Terminal{make_device(136, number)}, number_{number} {}
  ~PseudoTerminal() override;
  [[nodiscard]] Status initialise();

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] bool is_open() const { return master_open_; }
  void opened() override { ++slaves_, slave_seen_ = true, changed.wake_all(); }
  void closed() override { --slaves_, changed.wake_all(); }

  // The master's side.
  [[nodiscard]] CallResult read_shown(Buffer& buffer, bool nonblocking);
  [[nodiscard]] CallResult type(Buffer& buffer, bool nonblocking);
  [[nodiscard]] std::uint32_t master_poll_state() const;
  [[nodiscard]] CallResult master_ioctl(std::uint64_t request, std::uint64_t argument);
  void close_master();
  bool locked = true;
  InodeRef node;
  base::ListLink in_all;

 protected:
  [[nodiscard]] std::size_t output_room() const override { return shown_.room() > echo_room ? shown_.room() - echo_room : 0; }
  void output(const std::uint8_t* bytes, std::size_t size) override;
  void input_wanted() override { pump(); }
  void flush_output() override { shown_.consume(shown_.used()); }
  [[nodiscard]] bool far_end_open() const override { return master_open_; }

 private:
  void pump();
  [[nodiscard]] bool slave_gone() const { return slave_seen_ && slaves_ == 0; }
  std::uint32_t number_, slaves_ = 0;
  bool master_open_ = true, slave_seen_ = false, packets_ = false, pumping_ = false;
  std::byte* memory_ = nullptr;
  base::ByteRing shown_, typed_;
};

constinit base::List<PseudoTerminal, &PseudoTerminal::in_all> pairs;

PseudoTerminal* find_pair(std::uint32_t number) {
  for (PseudoTerminal& pair : pairs) if (pair.number() == number) return &pair;
  return nullptr;
}

// /dev/pts/N.
class TerminalNode final : public SpecialInode {
 public:
  explicit TerminalNode(std::uint32_t number) : number_{number} {}
  Result<FileRef> open(std::uint32_t flags) override {
    if (rdev == make_device(5, 2)) return open_pseudo_terminal(*this, flags);
    PseudoTerminal* pair = find_pair(number_);
    if (pair == nullptr && console_terminal() != nullptr && number_ == 0) return open_terminal_file(*this, flags, *console_terminal());
    if (pair == nullptr || pair->locked || !pair->is_open()) return Fail{Errno::io};
    TRY_VOID(pair->check_exclusive());
    return open_terminal_file(*this, flags, *pair);
  }

 private:
  std::uint32_t number_;
};

Result<InodeRef> make_node(std::uint32_t number, std::uint32_t mode, std::uint32_t device_number) {
  auto* node = make<TerminalNode>(number);
  if (node == nullptr) return Fail{Errno::nomem};
  initialise_inode(*node, terminal_fs, mode_char | mode);
  node->number = number + 3;
  node->rdev = device_number;
  return InodeRef{node};
}

PseudoTerminal::~PseudoTerminal() {
  in_all.unlink();
  release_pages(memory_, base::pages_for(shown_size + typed_size));
}

Status PseudoTerminal::initialise() {
  pairs.push_back(*this);
  memory_ = static_cast<std::byte*>(allocate_pages(base::pages_for(shown_size + typed_size)));
  if (memory_ == nullptr) return Fail{Errno::nomem};
  shown_ = base::ByteRing{std::span{memory_, shown_size}};
  typed_ = base::ByteRing{std::span{memory_ + shown_size, typed_size}};
  node = TRY(make_node(number_, 0620, device));
  const Credentials owner = current_credentials();
  node->uid = owner.uid;
  node->gid = tty_group;
  return {};
}

void PseudoTerminal::output(const std::uint8_t* bytes, std::size_t size) {
  while (size > 0 && shown_.room() > 0) {
    const std::span window = shown_.write_window();
    const std::size_t n = size < window.size() ? size : window.size();
    std::memcpy(window.data(), bytes, n);
    shown_.commit(n);
    bytes += n;
    size -= n;
  }
  changed.wake_all();
}

// What was typed goes on as far as the discipline takes it; the rest when something has been read.
void PseudoTerminal::pump() {
  if (std::exchange(pumping_, true)) return;
  bool moved = false;
  while (!typed_.empty() && can_receive()) {
    const auto byte = static_cast<std::uint8_t>(typed_.read_window()[0]);
    typed_.consume(1);
    moved = true;
    receive(byte);
  }
  pumping_ = false;
  if (moved) changed.wake_all();
}

CallResult PseudoTerminal::read_shown(Buffer& buffer, bool nonblocking) {
  if (buffer.left() == 0) return 0;
  while (shown_.empty()) {
    if (slave_gone()) return Fail{Errno::io};
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(changed.wait());
  }
  std::uint64_t done = 0;
  if (packets_) {
    TRY_VOID(buffer.put("", 1));   // TIOCPKT_DATA
    ++done;
  }
  while (buffer.left() > 0 && !shown_.empty()) {
    const std::span window = shown_.read_window();
    const std::size_t n = buffer.left() < window.size() ? buffer.left() : window.size();
    if (!buffer.put(window.data(), n).has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::fault}};
    shown_.consume(n);
    done += n;
  }
  changed.wake_all();
  return done;
}

CallResult PseudoTerminal::type(Buffer& buffer, bool nonblocking) {
  std::uint64_t done = 0;
  const auto ended = [&](Errno why) { return done > 0 ? CallResult{done} : CallResult{Fail{why}}; };
  while (buffer.left() > 0) {
    if (slave_gone()) return ended(Errno::io);
    if (typed_.room() == 0) {
      if (nonblocking) return ended(Errno::again);
      if (const Status waited = changed.wait(); !waited.has_value()) return ended(waited.error());
      continue;
    }
    const std::span window = typed_.write_window();
    const std::size_t n = buffer.left() < window.size() ? buffer.left() : window.size();
    if (!buffer.take(window.data(), n).has_value()) return ended(Errno::fault);
    typed_.commit(n);
    done += n;
    pump();
  }
  return done;
}

std::uint32_t PseudoTerminal::master_poll_state() const {
  std::uint32_t state = shown_.empty() ? 0 : poll_readable;
  if (slave_gone()) state |= poll_hup;
  if (typed_.room() >= 256) state |= poll_writable;
  return state;
}

CallResult PseudoTerminal::master_ioctl(std::uint64_t request, std::uint64_t argument) {
  constexpr std::uint64_t get_number = 0x80045430, set_lock = 0x40045431, get_lock = 0x80045439, open_peer = 0x5441, packet = 0x5420,
                          send = 0x40045436;
  const auto answer = [&](std::int32_t value) -> CallResult {
    TRY_VOID(write_user(argument, value));
    return 0;
  };
  switch (request) {
    case get_number: return answer(static_cast<std::int32_t>(number_));
    case set_lock: locked = TRY(read_user<std::int32_t>(argument)) != 0; return 0;
    case get_lock: return answer(locked ? 1 : 0);
    case packet: packets_ = TRY(read_user<std::int32_t>(argument)) != 0; return 0;
    case open_peer: {
      // Without a look at the lock: who holds the master may.
      FileRef file = TRY(open_terminal_file(*node, static_cast<std::uint32_t>(argument), *this));
      base::Text<32> name{"/dev/pts/{}", number_};
      file->path = TRY(String::from(name.view()));
      return current().files->add(std::move(file), (argument & o_cloexec) != 0);
    }
    case send: {
      if (argument != sig_int && argument != sig_quit && argument != sig_tstp) return Fail{Errno::inval};
      jobs::signal_group(group, static_cast<std::uint32_t>(argument));
      return 0;
    }
    case fionread: return answer(static_cast<std::int32_t>(shown_.used()));
    case tiocgpgrp: return answer(static_cast<std::int32_t>(group));
    case tiocgsid: return session == 0 ? CallResult{Fail{Errno::notty}} : answer(static_cast<std::int32_t>(session));
    case tiocnotty: return Fail{Errno::notty};
    default: return ioctl(request, argument, true);
  }
}

void PseudoTerminal::close_master() {
  master_open_ = false;
  hang_up();
  changed.wake_all();
}

class MasterFile final : public File {
 public:
  explicit MasterFile(Ref<PseudoTerminal> pair) : pair_{std::move(pair)} { kind = FileKind::terminal; }
  ~MasterFile() override { pair_->close_master(); }
  CallResult read(Buffer& buffer) override { return pair_->read_shown(buffer, (flags & o_nonblock) != 0); }
  CallResult write(Buffer& buffer) override { return pair_->type(buffer, (flags & o_nonblock) != 0); }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override { return pair_->master_ioctl(request, argument); }
  std::uint32_t poll(Waiter* waiter) override {
    if (waiter != nullptr) pair_->changed.join(*waiter);
    return pair_->master_poll_state();
  }

 private:
  Ref<PseudoTerminal> pair_;
};

Result<std::uint32_t> free_number() {
  for (std::uint32_t number = console_terminal() != nullptr ? 1 : 0; number < most_terminals; ++number)
    if (find_pair(number) == nullptr) return number;
  return Fail{Errno::nospc};
}

constinit InodeRef console_inode, maker;

class TerminalDirectory final : public SyntheticDirectory {
 public:
  Result<InodeRef> lookup(std::string_view entry) override {
    if (entry == "ptmx") return maker;
    const Result<std::uint32_t> number = number_from(entry);
    if (!number.has_value() || (entry.size() > 1 && entry[0] == '0')) return Fail{Errno::noent};
    if (*number == 0 && console_inode) return console_inode;
    const PseudoTerminal* pair = find_pair(*number);
    if (pair == nullptr || !pair->is_open()) return Fail{Errno::noent};
    return pair->node;
  }
  Status list(std::uint64_t position, EntrySink& sink) override {
    if (!list_dots(position, sink)) return {};
    constexpr std::uint64_t first = 2;   // ptmx; number N behind it
    if (position == first && !sink.entry("ptmx", maker->number, mode_char, first + 1)) return {};
    if (position == first) ++position;
    for (std::uint64_t number = position - first - 1; number < most_terminals; ++number) {
      const PseudoTerminal* pair = find_pair(static_cast<std::uint32_t>(number));
      if (!(number == 0 && console_inode) && (pair == nullptr || !pair->is_open())) continue;
      base::Text<16> name{"{}", number};
      if (!sink.entry(name.view(), number + 3, mode_char, first + 2 + number)) return {};
    }
    return {};
  }
};

}  // namespace

Result<FileRef> open_pseudo_terminal(Inode& inode, std::uint32_t flags) {
  const std::uint32_t number = TRY(free_number());
  auto* pair = make<PseudoTerminal>(number);
  if (pair == nullptr) return Fail{Errno::nomem};
  Ref<PseudoTerminal> owned{pair};
  TRY_VOID(pair->initialise());
  return make_file<MasterFile>(inode, flags, std::move(owned));
}

Result<InodeRef> make_terminal_directory() {
  auto* directory = make<TerminalDirectory>();
  if (directory == nullptr) return Fail{Errno::nomem};
  InodeRef owned{directory};
  directory->initialise(terminal_fs, 0755, {});
  maker = TRY(make_node(0, 0, make_device(5, 2)));
  maker->number = 2;
  if (console_terminal() != nullptr) {
    console_inode = TRY(make_node(0, 0620, make_device(136, 0)));
    console_inode->gid = tty_group;
  }
  return owned;
}

InodeRef console_node() { return console_inode; }

}  // namespace exos
