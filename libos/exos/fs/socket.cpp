// SPDX-License-Identifier: MIT
// Socket pairs: two pipes with one queue. Messages lie in a pipe behind a length each, and are written and taken whole.
#include "libos/exos/fs/socket.hpp"

#include "libos/exos/task.hpp"

namespace exos {
namespace {

class SocketInode final : public SpecialInode {
  Result<FileRef> open(std::uint32_t) override { return Fail{Errno::nxio}; }
};

CallResult broken_pipe(std::uint32_t message_flags) {
  if ((message_flags & msg_nosignal) == 0)
    send_signal(current(), SignalInfo{.signo = sig_pipe, .code = 0, .pid = static_cast<std::int32_t>(current_process().pid)});
  return Fail{Errno::pipe};
}

}  // namespace

Inode* make_socket_inode() { return make<SocketInode>(); }

SocketFile::~SocketFile() {
  if (pair_) static_cast<void>(shut_down(2));
}

void SocketFile::connect(const Ref<SocketPair>& pair, std::uint32_t side) {
  pair_ = pair;
  side_ = side;
  reads_ = writes_ = true;
  in().shared_queue = out().shared_queue = &pair->changed;
  in().readers = 1;
  out().writers = 1;
}

Status SocketFile::shut_down(std::uint32_t how) {
  if (how > 2) return Fail{Errno::inval};
  if (!pair_) return Fail{Errno::notconn};
  if (how != 1 && std::exchange(reads_, false)) --in().readers;
  if (how != 0 && std::exchange(writes_, false)) --out().writers;
  pair_->changed.wake_all();
  return {};
}

CallResult SocketFile::send(Buffer& buffer, std::uint32_t message_flags) {
  if (!pair_) return Fail{Errno::notconn};
  const bool nonblocking = (flags & o_nonblock) != 0 || (message_flags & msg_dontwait) != 0;
  if (!writes_) return broken_pipe(message_flags);
  const CallResult sent = type_ == socket_stream ? out().write(buffer, nonblocking) : send_message(buffer, nonblocking);
  if (!sent.has_value() && sent.error() == Errno::pipe) return broken_pipe(message_flags);
  return sent;
}

CallResult SocketFile::send_message(Buffer& buffer, bool nonblocking) {
  const auto length = static_cast<std::uint32_t>(buffer.left());
  if (buffer.left() > out().capacity() - sizeof length) return Fail{Errno::msgsize};
  auto* copy = static_cast<std::byte*>(allocate(sizeof length + length));
  if (copy == nullptr) return Fail{Errno::nobufs};
  std::memcpy(copy, &length, sizeof length);
  CallResult result = 0;
  if (const Status taken = buffer.take(copy + sizeof length, length); !taken.has_value()) result = Fail{taken.error()};
  while (result.has_value() && out().readers > 0 && out().room() < sizeof length + length) {
    if (nonblocking) result = Fail{Errno::again};
    else if (const Status waited = out().queue().wait(); !waited.has_value()) result = Fail{waited.error()};
  }
  if (result.has_value()) {
    Buffer message = Buffer::memory(copy, sizeof length + length);
    result = out().write(message, true);
    if (result.has_value()) result = length;
  }
  release(copy);
  return result;
}

CallResult SocketFile::receive(Buffer& buffer, std::uint32_t message_flags, std::uint64_t* whole) {
  if (!pair_) return Fail{type_ == socket_stream ? Errno::inval : Errno::notconn};
  const bool nonblocking = (flags & o_nonblock) != 0 || (message_flags & msg_dontwait) != 0;
  if (!reads_) return 0;
  const bool peek = (message_flags & msg_peek) != 0;
  if (type_ != socket_stream) return receive_message(buffer, peek, nonblocking, whole);
  if (!peek) {
    std::uint64_t got = TRY(in().read(buffer, nonblocking));
    while ((message_flags & msg_waitall) != 0 && got > 0 && buffer.left() > 0) {
      const CallResult more = in().read(buffer, nonblocking);
      if (!more.has_value() || *more == 0) break;
      got += *more;
    }
    return got;
  }
  while (in().used() == 0) {
    if (in().writers == 0) return 0;
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(in().queue().wait());
  }
  std::array<std::byte, 512> piece;
  const std::size_t n = in().peek(piece.data(), buffer.left() < piece.size() ? buffer.left() : piece.size());
  TRY_VOID(buffer.put(piece.data(), n));
  return n;
}

CallResult SocketFile::receive_message(Buffer& buffer, bool peek, bool nonblocking, std::uint64_t* whole) {
  while (in().used() == 0) {
    if (in().writers == 0) return 0;
    if (nonblocking) return Fail{Errno::again};
    TRY_VOID(in().queue().wait());
  }
  std::uint32_t length = 0;
  static_cast<void>(in().peek(reinterpret_cast<std::byte*>(&length), sizeof length));
  if (whole != nullptr) *whole = length;
  const std::size_t wanted = buffer.left() < length ? buffer.left() : length;
  auto* copy = static_cast<std::byte*>(allocate(sizeof length + wanted));
  if (copy == nullptr) return Fail{Errno::nomem};
  static_cast<void>(in().peek(copy, sizeof length + wanted));
  const Status moved = buffer.put(copy + sizeof length, wanted);
  release(copy);
  if (!moved.has_value()) return Fail{moved.error()};
  if (!peek) {
    in().skip(sizeof length + length);
    in().queue().wake_all();
  }
  return wanted;
}

CallResult SocketFile::ioctl(std::uint64_t request, std::uint64_t argument) {
  if (request != fionread) return Fail{Errno::notty};
  TRY_VOID(write_user(argument, static_cast<std::int32_t>(pair_ ? in().used() : 0)));
  return 0;
}

std::uint32_t SocketFile::poll(Waiter* waiter) {
  if (!pair_) return poll_out | poll_wrnorm | poll_hup;
  if (waiter != nullptr) pair_->changed.join(*waiter);
  std::uint32_t state = 0;
  if (in().used() > 0 || in().writers == 0) state |= poll_readable;
  if (in().writers == 0) state |= poll_rdhup;
  if (out().readers == 0 || out().room() >= pipe_buf) state |= poll_writable;
  if (in().writers == 0 && out().readers == 0) state |= poll_hup;
  return state;
}

Result<FileRef> make_socket(std::uint32_t type, std::uint32_t flags) {
  InodeRef inode = TRY(make_anonymous_inode(mode_socket | 0777));
  FileRef file = TRY(make_file<SocketFile>(*inode, (flags & o_nonblock) | o_rdwr, type));
  base::Text<32> name{"socket:[{}]", inode->number};
  file->path = TRY(String::from(name.view()));
  return file;
}

Status make_socket_pair(std::uint32_t type, std::uint32_t flags, FileRef& first, FileRef& second) {
  first = TRY(make_socket(type, flags));
  second = TRY(make_socket(type, flags));
  auto* pair = make<SocketPair>();
  if (pair == nullptr) return Fail{Errno::nomem};
  const Ref<SocketPair> shared{pair};
  const Process& process = current_process();
  std::uint32_t side = 0;
  for (FileRef* file : {&first, &second}) {
    auto& end = static_cast<SocketFile&>(**file);
    end.connect(shared, side++);
    end.peer_pid = process.pid;
    end.peer_uid = process.euid;
    end.peer_gid = process.egid;
  }
  return {};
}

}  // namespace exos
