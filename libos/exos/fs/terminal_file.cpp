// SPDX-License-Identifier: MIT
#include "libos/exos/fs/terminal_file.hpp"

#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

class TerminalFile final : public File {
 public:
  explicit TerminalFile(Terminal& terminal) : terminal_{&terminal} {
    kind = FileKind::terminal;
    terminal_->opened();
  }
  ~TerminalFile() override { terminal_->closed(); }

  CallResult read(Buffer& buffer) override { return terminal_->read(buffer, (flags & o_nonblock) != 0); }
  CallResult write(Buffer& buffer) override { return terminal_->write(buffer, (flags & o_nonblock) != 0); }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override {
    return terminal_->ioctl(request, argument, readable(*this));
  }
  std::uint32_t poll(Waiter* waiter) override {
    if (waiter != nullptr) terminal_->changed.join(*waiter);
    return terminal_->poll_state();
  }

 private:
  TerminalRef terminal_;
};

}  // namespace

Result<FileRef> open_terminal_file(Inode& inode, std::uint32_t flags, Terminal& terminal) {
  FileRef file = TRY(make_file<TerminalFile>(inode, flags, terminal));
  if ((flags & o_noctty) == 0 && current_or_null() != nullptr) terminal.adopt(readable(*file));
  return file;
}

Result<FileRef> open_own_terminal(Inode& inode, std::uint32_t flags) {
  Terminal* own = current_process().terminal.get();
  if (own == nullptr) return Fail{Errno::nxio};
  return open_terminal_file(inode, flags | o_noctty, *own);
}

Result<FileRef> open_console_terminal(Inode& inode, std::uint32_t flags) {
  Terminal* console = console_terminal();
  if (console == nullptr) return Fail{Errno::nxio};
  return open_terminal_file(inode, flags | o_noctty, *console);
}

}  // namespace exos
