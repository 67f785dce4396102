// SPDX-License-Identifier: MIT
// /proc/PID/mem: a process's memory as a file, for who may trace it; and /proc/PID/auxv. [proc(5)]
#include "libos/exos/fs/proc_nodes.hpp"
#include "libos/exos/memory_visit.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/trace/trace.hpp"

namespace exos {
namespace {

class MemoryOfProcess final : public File {
 public:
  explicit MemoryOfProcess(const Process& process) : pid_{process.pid}, start_ns_{process.start_ns}, memory_{process.memory.get()} {}

  CallResult read(Buffer& buffer) override { return advance(read_at(position, buffer)); }
  CallResult write(Buffer& buffer) override { return advance(write_at(position, buffer)); }
  CallResult read_at(std::uint64_t offset, Buffer& buffer) override {
    return move(offset, buffer, [&](std::uint64_t at, std::byte* piece, std::size_t n) -> Status {
      if (!read_memory(*memory_, piece, at, n)) return Fail{Errno::io};
      return buffer.put(piece, n);
    });
  }
  CallResult write_at(std::uint64_t offset, Buffer& buffer) override {
    return move(offset, buffer, [&](std::uint64_t at, std::byte* piece, std::size_t n) -> Status {
      TRY_VOID(buffer.take(piece, n));
      if (!poke_memory(*memory_, at, piece, n)) return Fail{Errno::io};
      return {};
    });
  }
  CallResult seek(std::int64_t offset, std::uint32_t whence) override {
    constexpr std::uint32_t from_start = 0, from_here = 1;
    if (whence != from_start && whence != from_here) return Fail{Errno::inval};
    position = static_cast<std::uint64_t>(offset) + (whence == from_here ? position : 0);
    return position;
  }

 private:
  CallResult advance(CallResult moved) {
    if (moved) position += *moved;
    return moved;
  }
  // The process has not ended, and runs the program that it ran when this was opened.
  bool is_there() const {
    const Process* process = find_process(pid_);
    return process != nullptr && process->start_ns == start_ns_ && process->memory.get() == memory_;
  }
  // Page by page, up to the first that is not there.
  template <typename Piece>
  CallResult move(std::uint64_t offset, Buffer& buffer, Piece piece) {
    std::byte bytes[512];
    std::uint64_t done = 0;
    while (buffer.left() > 0 && is_there()) {
      const std::uint64_t at = offset + done;
      const std::size_t n = std::min({buffer.left(), sizeof bytes, static_cast<std::size_t>(abi::page_size - at % abi::page_size)});
      if (const Status moved = piece(at, bytes, n); !moved) return done > 0 ? CallResult{done} : CallResult{Fail{moved.error()}};
      done += n;
    }
    return done;
  }

  std::uint32_t pid_;
  std::uint64_t start_ns_;
  Memory* memory_;
};

class MemoryInode final : public SpecialInode {
 public:
  explicit MemoryInode(std::uint32_t pid) : pid_{pid} {}
  Result<FileRef> open(std::uint32_t flags) override {
    Process* process = find_process(pid_);
    if (process == nullptr) return Fail{Errno::srch};
    if (!trace::may_access(*process)) return Fail{Errno::acces};
    return make_file<MemoryOfProcess>(*this, flags, *process);
  }

 private:
  std::uint32_t pid_;
};

}  // namespace

Result<InodeRef> make_memory_inode(FileSystem& fs, const Subject& subject) {
  auto* inode = make<MemoryInode>(subject.pid);
  if (inode == nullptr) return Fail{Errno::nomem};
  InodeRef owned{inode};
  initialise_inode(*inode, fs, mode_regular | 0600);
  return owned;
}

Status make_auxiliary(Report& out, const Subject& subject) {
  Process* process = find_process(subject.pid);
  if (process == nullptr) return Fail{Errno::srch};
  if (!process->memory) return {};
  Memory& memory = *process->memory;
  char bytes[1024];
  const std::size_t size = std::min<std::size_t>(memory.auxv_end - memory.auxv_start, sizeof bytes);
  TRY_VOID(read_memory(memory, bytes, memory.auxv_start, size));
  out.add({bytes, size});
  return {};
}

}  // namespace exos
