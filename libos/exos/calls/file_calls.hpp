// SPDX-License-Identifier: MIT
// What the file calls share.
#pragma once

#include "libos/exos/calls.hpp"
#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/fs/open_file.hpp"
#include "libos/exos/task.hpp"

namespace exos {

// Descriptors are C ints: the upper half of the register means nothing.
[[nodiscard]] inline Result<FileRef> file_of(std::uint64_t fd) { return current().files->get(static_cast<std::uint32_t>(fd)); }
[[nodiscard]] inline Result<FileRef> readable_file(std::uint64_t fd) {
  FileRef file = TRY(file_of(fd));
  if (!readable(*file) || file->kind == FileKind::path_only) return Fail{Errno::badf};
  return file;
}
[[nodiscard]] inline Result<FileRef> writable_file(std::uint64_t fd) {
  FileRef file = TRY(file_of(fd));
  if (!writable(*file) || file->kind == FileKind::path_only) return Fail{Errno::badf};
  return file;
}
[[nodiscard]] inline CallResult done(const Status& status) {
  if (!status.has_value()) return Fail{status.error()};
  return 0;
}
[[nodiscard]] inline std::uint32_t low(std::uint64_t argument) { return static_cast<std::uint32_t>(argument); }

// Adds a new file to the table; O_CLOEXEC in `flags` decides.
[[nodiscard]] inline CallResult install(FileRef file, std::uint32_t flags) {
  return current().files->add(std::move(file), (flags & o_cloexec) != 0);
}

// Sets the signal mask of ppoll, pselect6 and epoll_pwait for the time of the call.
class TemporaryMask {
 public:
  [[nodiscard]] Status set(std::uint64_t mask_address, std::uint64_t size);
  // With EINTR the mask stays until the signal has been delivered (SignalState::restore_mask).
  CallResult finish(CallResult result);

 private:
  bool active_ = false;
};

// Deadline of a relative timespec at `address` (0: forever); EINVAL for a bad one.
[[nodiscard]] Result<abi::Nanoseconds> deadline_from(std::uint64_t address);

}  // namespace exos
