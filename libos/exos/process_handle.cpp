// SPDX-License-Identifier: MIT
#include "libos/exos/process_handle.hpp"

#include "libos/exos/fs/directory.hpp"
#include "libos/exos/task.hpp"

namespace exos {

Result<FileRef> make_process_file(Process& process, std::uint32_t flags) {
  if (!process.handle) {
    auto* handle = make<ProcessHandle>();
    if (handle == nullptr) return Fail{Errno::nomem};
    handle->process = &process;
    process.handle = Ref<ProcessHandle>{handle};
  }
  InodeRef inode = TRY(make_anonymous_inode(0600));
  FileRef file = TRY(make_file<ProcessFile>(*inode, (flags & o_nonblock) | o_rdwr, process.handle));
  file->path = TRY(String::from("anon_inode:[pidfd]"));
  return file;
}

std::uint32_t ProcessFile::poll(Waiter* waiter) {
  if (waiter != nullptr) handle_->changed.join(*waiter);
  if (handle_->process == nullptr) return poll_readable | poll_hup;
  return handle_->process->exited ? poll_readable : 0;
}

Result<Process*> process_of_descriptor(std::uint64_t fd) {
  const FileRef file = TRY(current().files->get(static_cast<std::uint32_t>(fd)));
  if (file->kind != FileKind::process) return Fail{Errno::badf};
  Process* process = static_cast<ProcessFile&>(*file).process();
  if (process == nullptr) return Fail{Errno::srch};
  return process;
}

Result<Process*> process_to_signal(std::uint64_t fd) {
  const FileRef file = TRY(current().files->get(static_cast<std::uint32_t>(fd)));
  if (file->kind != FileKind::directory) return process_of_descriptor(fd);
  return static_cast<const Directory&>(*file->inode).process();
}

}  // namespace exos
