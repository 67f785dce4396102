// SPDX-License-Identifier: MIT
// What outlives a process for those who hold a descriptor of it: whether it is there, and a queue that is told of its end.
#pragma once

#include "libos/exos/fs/open_file.hpp"

namespace exos {

struct Process;

struct ProcessHandle {
  std::uint32_t refs = 0;
  Process* process = nullptr;      // null once it was waited for
  WaitQueue changed;
  static void dispose(ProcessHandle* handle) { destroy(handle); }
};

class ProcessFile final : public File {
 public:
  explicit ProcessFile(Ref<ProcessHandle> handle) : handle_{std::move(handle)} { kind = FileKind::process; }
  CallResult read(Buffer&) override { return Fail{Errno::inval}; }
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  std::uint32_t poll(Waiter* waiter) override;
  [[nodiscard]] Process* process() const { return handle_->process; }

 private:
  Ref<ProcessHandle> handle_;
};

[[nodiscard]] Result<FileRef> make_process_file(Process& process, std::uint32_t flags);
[[nodiscard]] Result<Process*> process_of_descriptor(std::uint64_t fd);   // EBADF; ESRCH when it is gone
[[nodiscard]] Result<Process*> process_to_signal(std::uint64_t fd);       // the same; /proc/PID too

}  // namespace exos
