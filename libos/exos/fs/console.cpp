// SPDX-License-Identifier: MIT
// Standard input, output and error on the link, and /dev/tty and /dev/console, which are the same where there is a
// terminal.
#include "libos/exos/fs/console.hpp"

#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/terminal.hpp"

namespace exos {
namespace {

using abi::link::Channel;

class ConsoleFile final : public File {
 public:
  ConsoleFile(Channel channel, bool terminal) : channel_{channel}, terminal_{terminal} { kind = FileKind::console; }

  CallResult read(Buffer& buffer) override {
    if (buffer.left() == 0) return 0;
    while (link::input_ready() == 0) {
      if (link::input_ended()) {
        if (terminal_) link::input_end_seen();   // ^D ends one read, not the terminal
        return 0;
      }
      link::want_input();
      if ((flags & o_nonblock) != 0) return Fail{Errno::again};
      TRY_VOID(link::input_queue().wait());
    }
    std::array<std::byte, 1024> piece;
    std::uint64_t done = 0;
    while (buffer.left() > 0 && link::input_ready() > 0) {
      const std::size_t n = link::take_input(piece.data(), buffer.left() < piece.size() ? buffer.left() : piece.size());
      if (!buffer.put(piece.data(), n).has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::fault}};
      done += n;
    }
    return done;
  }
  CallResult write(Buffer& buffer) override {
    return link::send_from(channel_ == Channel::in ? Channel::out : channel_, 0, buffer);
  }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override {
    if (request == fionread) {
      link::want_input();
      TRY_VOID(write_user(argument, static_cast<std::int32_t>(link::input_ready())));
      return 0;
    }
    return terminal_ ? terminal_ioctl(request, argument) : Fail{Errno::notty};
  }
  std::uint32_t poll(Waiter* waiter) override {
    std::uint32_t state = 0;
    if (writable(*this)) state |= poll_writable;    // what does not fit waits in write(), not for long
    if (!readable(*this)) return state;
    if (link::input_ready() > 0) return state | poll_readable;
    if (link::input_ended()) return state | (terminal_ ? poll_readable : poll_hup);
    link::want_input();
    if (waiter != nullptr) link::input_queue().join(*waiter);
    return state;
  }

 private:
  Channel channel_;
  bool terminal_;
};

// A descriptor's inode: a terminal's character device, else a pipe, as the host's would look.
class ConsoleInode final : public SpecialInode {
 public:
  ConsoleInode(Channel channel, bool terminal) : channel_{channel}, terminal_{terminal} {}
  Result<FileRef> open(std::uint32_t flags) override { return make_file<ConsoleFile>(*this, flags, channel_, terminal_); }

 private:
  Channel channel_;
  bool terminal_;
};

}  // namespace

Result<FileRef> open_terminal(Inode& inode, std::uint32_t flags) {
  const RunDescription& run = run_description();
  if (!run.terminal[0] && !run.terminal[1] && !run.terminal[2]) return Fail{Errno::nxio};
  return make_file<ConsoleFile>(inode, flags, Channel::in, true);
}

Result<FileRef> open_console(std::uint32_t number) {
  constexpr std::array channels{Channel::in, Channel::out, Channel::err};
  const bool terminal = run_description().terminal[number];
  Inode* inode = make<ConsoleInode>(channels[number], terminal);
  if (inode == nullptr) return Fail{Errno::nomem};
  InodeRef owned{inode};
  initialise_inode(*inode, anonymous_fs, terminal ? mode_char | 0620u : mode_fifo | 0600u);
  inode->uid = run_description().uid;
  inode->gid = run_description().gid;
  if (terminal) inode->rdev = make_device(136, 0);
  FileRef file = TRY(inode->open(terminal ? o_rdwr : number == 0 ? o_rdonly : o_wronly));
  if (terminal) {
    file->path = TRY(String::from("/dev/pts/0"));
  } else {
    base::Text<32> name{"pipe:[{}]", inode->number};
    file->path = TRY(String::from(name.view()));
  }
  return file;
}

}  // namespace exos
