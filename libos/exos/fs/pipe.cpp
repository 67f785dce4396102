// SPDX-License-Identifier: MIT
// Pipes: writes up to PIPE_BUF are atomic, an end that goes wakes the other, a write without readers is EPIPE and SIGPIPE.
#include "libos/exos/fs/pipe.hpp"

#include "libos/exos/fs/file_system.hpp"
#include "libos/exos/fs/memory_fs.hpp"
#include "libos/exos/task.hpp"

namespace exos {

void Pipe::dispose(Pipe* pipe) {
  release_pages(pipe->memory_, base::pages_for(pipe->capacity_));
  destroy(pipe);
}

void Pipe::drop() {
  release_pages(memory_, base::pages_for(capacity_));
  memory_ = nullptr;
  ring_ = {};
  packet_count_ = 0;
}

Status Pipe::ensure_memory() {
  if (memory_ != nullptr) return {};
  memory_ = allocate_pages(base::pages_for(capacity_));
  if (memory_ == nullptr) return Fail{Errno::nomem};
  ring_ = base::ByteRing{std::span{static_cast<std::byte*>(memory_), capacity_}};
  return {};
}

[[gnu::noinline]] Status Pipe::wait_for_data(bool nonblocking) {
  while (used() == 0 && writers != 0) {
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(queue().wait());
  }
  return {};
}

// What the buffer has no room for is gone with the packet.
[[gnu::noinline]] CallResult Pipe::read_packet(Buffer& buffer) {
  std::uint32_t length = 0;
  static_cast<void>(peek(reinterpret_cast<std::byte*>(&length), sizeof length));
  std::array<std::byte, sizeof length + pipe_buf> packet;
  const std::size_t n = buffer.left() < length ? buffer.left() : length;
  static_cast<void>(peek(packet.data(), sizeof length + n));
  TRY_VOID(buffer.put(packet.data() + sizeof length, n));
  skip(sizeof length + length);
  --packet_count_;
  queue().wake_all(poll_writable);
  return n;
}

[[gnu::noinline]] CallResult Pipe::write_packets(Buffer& buffer, bool nonblocking) {
  std::uint64_t done = 0;
  while (buffer.left() > 0) {
    std::array<std::byte, sizeof(std::uint32_t) + pipe_buf> packet;
    const auto length = static_cast<std::uint32_t>(buffer.left() < pipe_buf ? buffer.left() : pipe_buf);
    std::memcpy(packet.data(), &length, sizeof length);
    Buffer piece = buffer.first(length);
    if (const Status taken = piece.take(packet.data() + sizeof length, length); !taken.has_value())
      return done > 0 ? CallResult{done} : CallResult{Fail{taken.error()}};
    while (room() < sizeof length + length) {
      Status waited = readers == 0 ? Status{Fail{Errno::pipe}} : nonblocking ? Status{Fail{Errno::again}} : queue().wait();
      if (!waited.has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{waited.error()}};
    }
    Buffer whole = Buffer::memory(packet.data(), sizeof length + length);
    static_cast<void>(TRY(write_bytes(whole, true)));   // there is room for it
    ++packet_count_;
    buffer.skip(length);
    done += length;
  }
  return done;
}

CallResult Pipe::copy_to(Pipe& to, std::size_t most, bool nonblocking) {
  TRY_VOID(wait_for_data(nonblocking));
  if (used() == 0) return 0;
  while (to.room() == 0) {
    if (to.readers == 0) return Fail{Errno::pipe};
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(to.queue().wait());
  }
  std::size_t n = most < used() ? most : used();
  if (n > to.room()) n = to.room();
  auto* piece = static_cast<std::byte*>(allocate(n));
  if (piece == nullptr) return Fail{Errno::nomem};
  static_cast<void>(peek(piece, n));
  Buffer bytes = Buffer::memory(piece, n);
  const CallResult moved = to.write(bytes, true);
  release(piece);
  return moved;
}

CallResult Pipe::read(Buffer& buffer, bool nonblocking) {
  if (buffer.left() == 0) return 0;
  if (used() == 0) {
    TRY_VOID(wait_for_data(nonblocking));
    if (used() == 0) return 0;
  }
  if (packets) [[unlikely]] return read_packet(buffer);
  std::uint64_t done = 0;
  do {
    const std::span window = ring_.read_window();
    const std::size_t n = buffer.left() < window.size() ? buffer.left() : window.size();
    if (!buffer.put(window.data(), n).has_value()) [[unlikely]] {
      if (done == 0) return Fail{Errno::fault};
      break;
    }
    ring_.consume(n);
    done += n;
  } while (buffer.left() > 0 && used() > 0);
  if (!queue().empty()) queue().wake_all(poll_writable);
  return done;
}

CallResult Pipe::write(Buffer& buffer, bool nonblocking) {
  if (readers == 0) return Fail{Errno::pipe};
  if (buffer.left() == 0) return 0;
  TRY_VOID(ensure_memory());
  return packets ? write_packets(buffer, nonblocking) : write_bytes(buffer, nonblocking);
}

CallResult Pipe::write_window(Buffer& buffer) {
  const std::size_t size = buffer.left();
  if (!buffer.take(ring_.write_window().data(), size)) [[unlikely]] return Fail{Errno::fault};
  ring_.commit(size);
  if (!queue().empty()) queue().wake_all(poll_readable);
  return size;
}

[[gnu::noinline]] CallResult Pipe::write_bytes(Buffer& buffer, bool nonblocking) {
  const bool atomic = packets || buffer.left() <= pipe_buf;
  std::uint64_t done = 0;
  while (buffer.left() > 0) {
    const std::size_t needed = atomic ? buffer.left() : 1;
    if (readers == 0) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::pipe}};
    if (room() < needed) {
      if (nonblocking) return done > 0 ? CallResult{done} : CallResult{Fail{Errno::again}};
      if (const Status waited = queue().wait(); !waited.has_value())
        return done > 0 ? CallResult{done} : CallResult{Fail{waited.error()}};
      continue;
    }
    // An atomic write may wrap around the ring's end: two windows, and a fault in the second takes back the first.
    base::ByteRing ahead = ring_;
    std::size_t moved = 0;
    bool faulted = false;
    while (buffer.left() > 0 && ahead.room() > 0 && !faulted) {
      const std::span window = ahead.write_window();
      const std::size_t n = buffer.left() < window.size() ? buffer.left() : window.size();
      faulted = !buffer.take(window.data(), n).has_value();
      if (faulted) break;
      ahead.commit(n);
      moved += n;
    }
    if (faulted && (atomic || (moved == 0 && done == 0))) return Fail{Errno::fault};
    ring_ = ahead;
    done += moved;
    if (!queue().empty()) queue().wake_all(poll_readable);
    if (faulted) break;
  }
  return done;
}

std::size_t Pipe::peek(std::byte* to, std::size_t size) const {
  base::ByteRing ahead = ring_;
  std::size_t done = 0;
  while (done < size && !ahead.empty()) {
    const std::span window = ahead.read_window();
    const std::size_t n = size - done < window.size() ? size - done : window.size();
    std::memcpy(to + done, window.data(), n);
    ahead.consume(n);
    done += n;
  }
  return done;
}

Status Pipe::resize(std::size_t bytes) {
  constexpr std::size_t largest = 1024 * 1024;
  const std::size_t wanted = std::bit_ceil(bytes < base::page_size ? base::page_size : bytes);
  if (wanted > largest) return Fail{Errno::perm};
  if (wanted < used()) return Fail{Errno::busy};
  if (wanted == capacity_) return {};
  if (memory_ != nullptr) {
    void* fresh = allocate_pages(base::pages_for(wanted));
    if (fresh == nullptr) return Fail{Errno::nomem};
    base::ByteRing ring{std::span{static_cast<std::byte*>(fresh), wanted}};
    while (!ring_.empty()) {
      const std::span from = ring_.read_window(), to = ring.write_window();
      const std::size_t n = from.size() < to.size() ? from.size() : to.size();
      std::memcpy(to.data(), from.data(), n);
      ring_.consume(n);
      ring.commit(n);
    }
    release_pages(memory_, base::pages_for(capacity_));
    memory_ = fresh;
    ring_ = ring;
  }
  capacity_ = wanted;
  queue().wake_all();
  return {};
}

namespace {

class PipeFile final : public File {
 public:
  explicit PipeFile(PipeRef pipe) : pipe_{std::move(pipe)} { kind = FileKind::pipe; }
  ~PipeFile() override {
    if (!counted_) return;
    if (readable(*this)) --pipe_->readers;
    if (writable(*this)) --pipe_->writers;
    if (pipe_->readers == 0 && pipe_->writers == 0) pipe_->drop();
    pipe_->queue().wake_all();
  }
  // Once the flags are known.
  void count() {
    counted_ = true;
    if (readable(*this)) { ++pipe_->readers; ++pipe_->reader_opens; }
    if (writable(*this)) { ++pipe_->writers; ++pipe_->writer_opens; }
    pipe_->queue().wake_all();
  }
  [[nodiscard]] Pipe& pipe() { return *pipe_; }

  CallResult read(Buffer& buffer) override { return pipe_->read(buffer, (flags & o_nonblock) != 0); }
  CallResult write(Buffer& buffer) override {
    if (pipe_->fits_window(buffer.left())) [[likely]] return pipe_->write_window(buffer);
    return write_slowly(buffer);
  }
  [[gnu::noinline]] CallResult write_slowly(Buffer& buffer) {
    const CallResult done = pipe_->write(buffer, (flags & o_nonblock) != 0);
    if (!done.has_value() && done.error() == Errno::pipe)
      send_signal(current(), SignalInfo{.signo = sig_pipe, .code = 0, .pid = static_cast<std::int32_t>(current_process().pid)});
    return done;
  }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override {
    if (request != fionread) return Fail{Errno::notty};
    TRY_VOID(write_user(argument, static_cast<std::int32_t>(pipe_->payload())));
    return 0;
  }
  std::uint32_t poll(Waiter* waiter) override {
    if (waiter != nullptr) pipe_->queue().join(*waiter);
    std::uint32_t state = 0;
    if (readable(*this)) {
      if (pipe_->used() > 0) state |= poll_readable;
      if (pipe_->writers == 0 && pipe_->writer_opens > 0) state |= poll_hup;
    }
    if (writable(*this)) {
      if (pipe_->room() >= pipe_buf) state |= poll_writable;
      if (pipe_->readers == 0) state |= poll_err;
    }
    return state;
  }

 private:
  PipeRef pipe_;
  bool counted_ = false;
};

class PipeInode final : public SpecialInode {
 public:
  enum class Name { none, in_tree };
  explicit PipeInode(Name name) : name_{name} {}
  // For /proc/self/fd/N: the same pipe again. Only a FIFO with a name waits for the other side.
  Result<FileRef> open(std::uint32_t flags) override;
  [[nodiscard]] Result<PipeRef> pipe() {
    if (!pipe_) {
      Pipe* fresh = make<Pipe>();
      if (fresh == nullptr) return Fail{Errno::nomem};
      pipe_ = PipeRef{fresh};
    }
    return pipe_;
  }

 private:
  PipeRef pipe_;
  Name name_;
};

Result<FileRef> PipeInode::open(std::uint32_t flags) {
  PipeRef shared = TRY(pipe());
  FileRef file = TRY(make_file<PipeFile>(*this, flags, shared));
  const bool nonblocking = (flags & o_nonblock) != 0;
  const bool reads = readable(*file), writes = writable(*file);
  if (name_ == Name::in_tree && writes && !reads && nonblocking && shared->readers == 0) return Fail{Errno::nxio};
  static_cast<PipeFile&>(*file).count();
  if ((reads && writes) || name_ == Name::none) return file;
  // The other side's count of opens is watched, not its presence: it may come and go before we run.
  const std::uint32_t& other = reads ? shared->writer_opens : shared->reader_opens;
  const std::uint32_t& present = reads ? shared->writers : shared->readers;
  const std::uint32_t seen = other;
  while (!nonblocking && present == 0 && other == seen) TRY_VOID(shared->queue().wait());
  return file;
}

}  // namespace

Inode* make_fifo_inode() { return make<PipeInode>(PipeInode::Name::in_tree); }

Result<PipeEnds> make_pipe(std::uint32_t flags) {
  PipeInode* inode = make<PipeInode>(PipeInode::Name::none);
  if (inode == nullptr) return Fail{Errno::nomem};
  InodeRef owned{inode};
  initialise_inode(*inode, anonymous_fs, mode_fifo | 0600);
  const Credentials owner = current_credentials();
  inode->uid = owner.uid;
  inode->gid = owner.gid;
  PipeRef shared = TRY(inode->pipe());
  shared->packets = (flags & o_direct) != 0;
  PipeEnds ends;
  ends.reader = TRY(make_file<PipeFile>(*inode, flags | o_rdonly, shared));
  ends.writer = TRY(make_file<PipeFile>(*inode, flags | o_wronly, shared));
  static_cast<PipeFile&>(*ends.reader).count();
  static_cast<PipeFile&>(*ends.writer).count();
  base::Text<32> name{"pipe:[{}]", inode->number};
  ends.reader->path = TRY(String::from(name.view()));
  ends.writer->path = TRY(String::from(name.view()));
  return ends;
}

Pipe* pipe_of(File& file) { return file.kind == FileKind::pipe ? &static_cast<PipeFile&>(file).pipe() : nullptr; }

}  // namespace exos
