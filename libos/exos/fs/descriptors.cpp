// SPDX-License-Identifier: MIT
// Descriptor tables and path contexts. A slot is taken from the lowest free number on, as POSIX asks.
#include "libos/exos/fs/locks.hpp"
#include "libos/exos/task.hpp"

namespace exos {
namespace {

constexpr std::uint32_t rlimit_nofile = 7;
constexpr std::uint64_t default_limit = 1024, hard_limit = 1 << 20;

std::uint64_t descriptor_limit() {
  Task* task = current_or_null();
  if (task == nullptr) return default_limit;
  const std::uint64_t limit = task->process->limits[rlimit_nofile][0];
  return limit < hard_limit ? limit : hard_limit;
}

}  // namespace

void Descriptors::dispose(Descriptors* table) {
  table->close_all();
  destroy(table);
}

Result<FileRef> Descriptors::get(std::uint64_t fd) const {
  if (fd >= slots.size() || !slots[fd].file) return Fail{Errno::badf};
  return slots[fd].file;
}

CallResult Descriptors::add(FileRef file, bool close_on_exec, std::uint64_t lowest) {
  const std::uint64_t limit = descriptor_limit();
  std::uint64_t fd = lowest;
  while (fd < slots.size() && slots[fd].file) ++fd;
  if (fd >= limit) return Fail{Errno::mfile};
  if (fd >= slots.size()) TRY_VOID(slots.resize(fd + 1));
  slots[fd].file = std::move(file);
  slots[fd].close_on_exec = close_on_exec;
  return fd;
}

Status Descriptors::put(std::uint64_t fd, FileRef file, bool close_on_exec) {
  if (fd >= descriptor_limit()) return Fail{Errno::badf};
  if (fd >= slots.size()) TRY_VOID(slots.resize(fd + 1));
  if (slots[fd].file) static_cast<void>(close(fd));
  slots[fd].file = std::move(file);
  slots[fd].close_on_exec = close_on_exec;
  return {};
}

Status Descriptors::close(std::uint64_t fd) {
  if (fd >= slots.size() || !slots[fd].file) return Fail{Errno::badf};
  FileRef gone = std::move(slots[fd].file);
  slots[fd].close_on_exec = false;
  // Closing any descriptor of a file ends all record locks that this table holds on it.
  if (gone->inode && gone->inode->locks != nullptr) release_owner_locks(*gone->inode, this);
  return {};
}

Result<Ref<Descriptors>> Descriptors::copy() const {
  auto* table = make<Descriptors>();
  if (table == nullptr) return Fail{Errno::nomem};
  Ref<Descriptors> fresh{table};
  std::size_t used = slots.size();
  while (used > 0 && !slots[used - 1].file) --used;
  TRY_VOID(table->slots.resize(used));
  for (std::size_t fd = 0; fd < used; ++fd) table->slots[fd] = slots[fd];
  return fresh;
}

void Descriptors::close_for_exec() {
  for (std::size_t fd = 0; fd < slots.size(); ++fd)
    if (slots[fd].file && slots[fd].close_on_exec) static_cast<void>(close(fd));
}

void Descriptors::close_all() {
  for (std::size_t fd = 0; fd < slots.size(); ++fd)
    if (slots[fd].file) static_cast<void>(close(fd));
}

void PathContext::dispose(PathContext* context) { destroy(context); }

Result<Ref<PathContext>> PathContext::copy() const {
  auto* context = make<PathContext>();
  if (context == nullptr) return Fail{Errno::nomem};
  Ref<PathContext> fresh{context};
  context->root = root;
  context->cwd = cwd;
  context->cwd_path = TRY(String::from(cwd_path.view()));
  context->umask = umask;
  return fresh;
}

}  // namespace exos
