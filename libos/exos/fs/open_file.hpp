// SPDX-License-Identifier: MIT
// How open files are made, and the kinds that are nothing but an inode and a position.
#pragma once

#include "libos/exos/fs/node.hpp"

namespace exos {

// A fresh file description over an inode; ENFILE-like exhaustion is ENOMEM, as memory is what ends.
template <typename T, typename... Args>
[[nodiscard]] Result<FileRef> make_file(Inode& inode, std::uint32_t flags, Args&&... args) {
  T* file = make<T>(std::forward<Args>(args)...);
  if (file == nullptr) return Fail{Errno::nomem};
  file->flags = flags & ~(o_creat | o_excl | o_noctty | o_trunc | o_cloexec);
  file->inode = InodeRef{&inode};
  return FileRef{file};
}

[[nodiscard]] inline bool readable(const File& file) { return (file.flags & o_accmode) != o_wronly; }
[[nodiscard]] inline bool writable(const File& file) { return (file.flags & o_accmode) != o_rdonly; }

// lseek without data and holes. `end` is what SEEK_END counts from.
[[nodiscard]] CallResult move_position(std::uint64_t& position, std::int64_t offset, std::uint32_t whence, std::uint64_t end);

[[nodiscard]] Result<FileRef> open_regular(Inode& inode, std::uint32_t flags);

// A text made when it is opened, and again whenever its start is read anew: who looks twice keeps it open (procps' `top`).
class TextFile : public File {
 public:
  CallResult read(Buffer& buffer) override;
  CallResult write(Buffer&) override { return Fail{Errno::badf}; }
  CallResult read_at(std::uint64_t offset, Buffer& buffer) override;
  CallResult seek(std::int64_t offset, std::uint32_t whence) override;

 protected:
  [[nodiscard]] Status refresh();

 private:
  virtual Result<String> make_text() = 0;
  String text_;
  bool unread_ = false;   // as it was made last
};

}  // namespace exos
