// SPDX-License-Identifier: MIT
// Standard input, output and error: the container's terminal where the host's are one, otherwise pipes on the link.
#include "libos/exos/fs/console.hpp"

#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/link.hpp"
#include "libos/exos/run_description.hpp"
#include "libos/exos/fs/terminal_file.hpp"

namespace exos {
namespace {

using abi::link::Channel;

class ConsoleFile final : public File {
 public:
  explicit ConsoleFile(Channel channel) : channel_{channel} { kind = FileKind::console; }

  CallResult read(Buffer& buffer) override {
    if (buffer.left() == 0) return 0;
    while (link::input_ready() == 0) {
      if (link::input_ended()) return 0;
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
    return link::send_from(channel_, 0, buffer);
  }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override {
    if (request == fionread) {
      link::want_input();
      TRY_VOID(write_user(argument, static_cast<std::int32_t>(link::input_ready())));
      return 0;
    }
    return Fail{Errno::notty};
  }
  std::uint32_t poll(Waiter* waiter) override {
    std::uint32_t state = 0;
    if (writable(*this)) state |= poll_writable;    // what does not fit waits in write(), not for long
    if (!readable(*this)) return state;
    if (link::input_ready() > 0) return state | poll_readable;
    if (link::input_ended()) return state | poll_hup;
    link::want_input();
    if (waiter != nullptr) link::input_queue().join(*waiter);
    return state;
  }

 private:
  Channel channel_;
};

// A descriptor's inode: a pipe, as the host's would look.
class ConsoleInode final : public SpecialInode {
 public:
  explicit ConsoleInode(Channel channel) : channel_{channel} {}
  Result<FileRef> open(std::uint32_t flags) override { return make_file<ConsoleFile>(*this, flags, channel_); }

 private:
  Channel channel_;
};

}  // namespace

Result<FileRef> open_console(std::uint32_t number) {
  constexpr std::array channels{Channel::in, Channel::out, Channel::err};
  if (run_description().terminal[number]) {
    FileRef file = TRY(console_node()->open(o_rdwr | o_noctty));
    file->path = TRY(String::from("/dev/pts/0"));
    return file;
  }
  Inode* inode = make<ConsoleInode>(channels[number]);
  if (inode == nullptr) return Fail{Errno::nomem};
  InodeRef owned{inode};
  initialise_inode(*inode, anonymous_fs, mode_fifo | 0600u);
  inode->uid = run_description().uid;
  inode->gid = run_description().gid;
  FileRef file = TRY(inode->open(number == 0 ? o_rdonly : o_wronly));
  base::Text<32> name{"pipe:[{}]", inode->number};
  file->path = TRY(String::from(name.view()));
  return file;
}

}  // namespace exos
