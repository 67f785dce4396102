// SPDX-License-Identifier: MIT
// signalfd: the pending signals of whoever reads it, as a file.
#pragma once

#include "libos/exos/fs/open_file.hpp"

namespace exos {

class SignalFile final : public File {
 public:
  explicit SignalFile(std::uint64_t set) : set_{set} { kind = FileKind::signals; }
  CallResult read(Buffer& buffer) override;
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  std::uint32_t poll(Waiter* waiter) override;
  void change(std::uint64_t set) { set_ = set; }

 private:
  std::uint64_t set_;
};

[[nodiscard]] Result<FileRef> make_signal_file(std::uint64_t set, std::uint32_t flags);

}  // namespace exos
