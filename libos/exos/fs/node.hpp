// SPDX-License-Identifier: MIT
// Inodes without contents of their own: what they stand for is made when they are opened. Makers return nullptr without
// memory.
#pragma once

#include "libos/exos/fs/path.hpp"

namespace exos {

// Base of all that neither read nor map as a file does.
class SpecialInode : public Inode {
 public:
  CallResult read(std::uint64_t, Buffer&) override { return Fail{Errno::inval}; }
  CallResult write(std::uint64_t, Buffer&) override { return Fail{Errno::inval}; }
  Status truncate(std::uint64_t) override { return Fail{Errno::inval}; }
  Result<FilePage> page(std::uint64_t, bool) override { return Fail{Errno::nodev}; }
  [[nodiscard]] std::uint64_t blocks() const override { return 0; }
};

[[nodiscard]] Inode* make_fifo_inode();     // pipe.cpp
[[nodiscard]] Inode* make_socket_inode();   // socket_names.cpp: the node of a bound socket
[[nodiscard]] Inode* make_device_inode();   // device.cpp: by its rdev

// An inode outside any tree, for pipes, sockets, event files. `mode` with its type.
[[nodiscard]] Result<InodeRef> make_anonymous_inode(std::uint32_t mode);
void initialise_anonymous(Inode& inode, std::uint32_t mode);

}  // namespace exos
