// SPDX-License-Identifier: MIT
// Directories as the path walk and getdents64 see them, whatever file system they are of.
#pragma once

#include "libos/exos/fs/linux_abi.hpp"

namespace exos {

// Takes the entries of a directory one by one.
class EntrySink {
 public:
  // `next`: the position behind this entry. False: no more, thank you (and this one was not taken).
  virtual bool entry(std::string_view name, std::uint64_t number, std::uint32_t mode, std::uint64_t next) = 0;

 protected:
  ~EntrySink() = default;
};

struct Process;

class Directory : public Inode {
 public:
  InodeRef parent;     // itself for the root; kept after removal, as Linux does
  String name;         // in the parent
  bool removed = false;

  CallResult read(std::uint64_t, Buffer&) override { return Fail{Errno::isdir}; }
  CallResult write(std::uint64_t, Buffer&) override { return Fail{Errno::isdir}; }
  Status truncate(std::uint64_t) override { return Fail{Errno::isdir}; }
  Result<FilePage> page(std::uint64_t, bool) override { return Fail{Errno::nodev}; }
  Result<FileRef> open(std::uint32_t flags) override;

  // Changes; refused (EPERM, as /proc does) unless overridden. The caller has checked permissions and what is there.
  virtual Result<InodeRef> create(std::string_view entry, std::uint32_t new_mode, std::uint32_t device_number,
                                  std::string_view target);       // makes an inode and enters it
  virtual Result<InodeRef> create_nameless(std::uint32_t new_mode);  // O_TMPFILE
  [[nodiscard]] virtual bool fixed() const { return true; }        // its entries are nobody's to change
  virtual Status enter(std::string_view entry, Inode& inode);     // the name must be free
  virtual void replace(std::string_view entry, Inode& inode);     // the name must be there
  virtual void remove(std::string_view entry);
  [[nodiscard]] virtual bool empty() const { return false; }
  // Whom /proc/PID is about: ESRCH when that is gone; other directories EBADF.
  [[nodiscard]] virtual Result<Process*> process() const { return Fail{Errno::badf}; }

  // Positions 0 and 1 are "." and "..", which list() gives too. Stable under insertion and removal.
  virtual Status list(std::uint64_t position, EntrySink& sink) = 0;

 protected:
  bool list_dots(std::uint64_t& position, EntrySink& sink);
};

[[nodiscard]] inline Directory* as_directory(Inode* inode) {
  return inode != nullptr && inode->is(mode_directory) ? static_cast<Directory*>(inode) : nullptr;
}

// The absolute path of a directory below `root`; ENOENT once it was removed.
[[nodiscard]] Result<String> path_of(Directory& directory, Inode& root);

}  // namespace exos
