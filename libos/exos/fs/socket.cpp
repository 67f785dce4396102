// SPDX-License-Identifier: MIT
// What a Unix socket does with bytes: streams, packets, datagrams.
#include "libos/exos/fs/socket.hpp"

#include "base/format.hpp"
#include "libos/exos/task.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {
namespace {

constexpr std::size_t largest_piece = 32 * 1024;   // of a stream, in one message

CallResult broken_pipe(std::uint32_t message_flags) {
  if ((message_flags & msg_nosignal) == 0)
    send_signal(current(), SignalInfo{.signo = sig_pipe, .code = 0, .pid = static_cast<std::int32_t>(current_process().pid)});
  return Fail{Errno::pipe};
}

abi::Nanoseconds deadline_of(std::uint64_t timeout_ns) { return timeout_ns == 0 ? abi::forever : deadline_in(timeout_ns); }

// Descriptors are handed over with the first byte; a look hands out copies.
Status take_rights(Message& message, Incoming& incoming) {
  if ((incoming.flags & msg_peek) == 0) {
    incoming.rights = std::move(message.rights);
    return {};
  }
  for (const FileRef& file : message.rights) TRY_VOID(incoming.rights.push_back(file));
  return {};
}

}  // namespace

Result<FileRef> make_socket(EndpointRef endpoint, std::uint32_t flags) {
  InodeRef inode = TRY(make_anonymous_inode(mode_socket | 0777));
  FileRef file = TRY(make_file<SocketFile>(*inode, (flags & o_nonblock) | o_rdwr, std::move(endpoint)));
  base::Text<32> name{"socket:[{}]", inode->number};
  file->path = TRY(String::from(name.view()));
  return file;
}

CallResult SocketFile::read(Buffer& buffer) {
  Incoming incoming;
  return receive(buffer, incoming);
}
CallResult SocketFile::write(Buffer& buffer) {
  Outgoing outgoing;
  return send(buffer, outgoing);
}

Status SocketFile::wait_on(WaitQueue& queue, std::uint32_t message_flags, abi::Nanoseconds deadline) {
  if ((flags & o_nonblock) != 0 || (message_flags & msg_dontwait) != 0) return Fail{Errno::again};
  const Status waited = queue.wait(deadline);
  if (!waited.has_value() && waited.error() == Errno::timedout) return Fail{Errno::again};
  return waited;
}

// --- sending ----------------------------------------------------------------------------------------------------------

Result<Message*> SocketFile::make_message(Buffer& buffer, std::size_t size) {
  void* memory = allocate(sizeof(Message) + size);
  if (memory == nullptr) return Fail{Errno::nobufs};
  auto* message = ::new (memory) Message();
  message->size = static_cast<std::uint32_t>(size);
  message->sender = current_sender();
  Status filled = buffer.take(message->bytes(), size);
  if (filled.has_value() && !end().name.empty()) {
    Result<String> from = String::from(end().name.view());
    if (from.has_value()) message->from = std::move(*from);
    else filled = Fail{from.error()};
  }
  if (filled.has_value()) return message;
  destroy(message);
  return Fail{filled.error()};
}

CallResult SocketFile::send(Buffer& buffer, Outgoing& outgoing) {
  const abi::Nanoseconds deadline = deadline_of(send_timeout_ns);
  if (end().type == socket_stream) return send_stream(buffer, outgoing, deadline);
  return send_datagram(buffer, outgoing, deadline);
}

CallResult SocketFile::send_stream(Buffer& buffer, Outgoing& outgoing, abi::Nanoseconds deadline) {
  if (!end().connected) return Fail{Errno::notconn};
  std::uint64_t done = 0;
  while (buffer.left() > 0) {
    if (end().write_shut || end().peer == nullptr) return done > 0 ? CallResult{done} : broken_pipe(outgoing.flags);
    const std::size_t size = std::min(buffer.left(), largest_piece);
    if (!end().peer->has_room(size + sizeof(Message))) {
      const Status waited = wait_on(end().changed, outgoing.flags, deadline);
      if (waited.has_value()) continue;
      return done > 0 ? CallResult{done} : CallResult{Fail{waited.error()}};
    }
    const Result<Message*> message = make_message(buffer, size);
    if (!message.has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{message.error()}};
    (*message)->rights = std::move(outgoing.rights);
    end().peer->push(**message);
    done += size;
  }
  return done;
}

// A packet of a connection goes to the peer, a datagram where it is told to.
CallResult SocketFile::send_datagram(Buffer& buffer, Outgoing& outgoing, abi::Nanoseconds deadline) {
  const bool packets = end().type == socket_seqpacket;
  if (packets && !end().connected) return Fail{Errno::notconn};
  if (end().write_shut) return broken_pipe(outgoing.flags);
  const EndpointRef destination = packets ? EndpointRef{end().peer} : outgoing.destination ? outgoing.destination : end().target;
  if (!destination) return packets ? broken_pipe(outgoing.flags) : CallResult{Fail{Errno::notconn}};
  const std::size_t size = buffer.left();
  if (size + sizeof(Message) > socket_buffer) return Fail{Errno::msgsize};
  for (;;) {
    if (destination->closed) {
      if (packets) return broken_pipe(outgoing.flags);
      if (destination == end().target) end().target = {};
      return Fail{Errno::connrefused};
    }
    if (destination->read_shut) return broken_pipe(outgoing.flags);
    if (destination->target && destination->target.get() != &end()) return Fail{Errno::perm};   // it talks to another
    if (destination->has_room(size + sizeof(Message))) break;
    TRY_VOID(wait_on(packets ? end().changed : destination->changed, outgoing.flags, deadline));
  }
  Message* message = TRY(make_message(buffer, size));
  message->rights = std::move(outgoing.rights);
  destination->push(*message);
  return size;
}

// --- receiving --------------------------------------------------------------------------------------------------------

Result<bool> SocketFile::wait_for_message(std::uint32_t message_flags, abi::Nanoseconds deadline) {
  while (end().messages.empty()) {
    if (std::exchange(end().reset, false)) return Fail{Errno::connreset};
    if (end().read_shut) return false;
    TRY_VOID(wait_on(end().changed, message_flags, deadline));
  }
  return true;
}

CallResult SocketFile::receive(Buffer& buffer, Incoming& incoming) {
  const abi::Nanoseconds deadline = deadline_of(receive_timeout_ns);
  if (end().connection_oriented() && !end().connected) return Fail{end().type == socket_stream ? Errno::inval : Errno::notconn};
  return end().type == socket_stream ? receive_stream(buffer, incoming, deadline) : receive_message(buffer, incoming, deadline);
}

CallResult SocketFile::receive_stream(Buffer& buffer, Incoming& incoming, abi::Nanoseconds deadline) {
  const bool peek = (incoming.flags & msg_peek) != 0;
  std::uint64_t done = 0;
  if (buffer.left() == 0) return 0;
  do {
    const Result<bool> there = wait_for_message(incoming.flags, deadline);
    if (!there.has_value()) return done > 0 ? CallResult{done} : CallResult{Fail{there.error()}};
    if (!*there) break;
    for (auto at = end().messages.begin(); buffer.left() > 0 && at != end().messages.end();) {
      Message& message = *at;
      ++at;   // before it may go
      // What came with descriptors, or from somebody else when that is told, is read by itself.
      const bool apart = !message.rights.empty() || (pass_credentials && message.sender.pid != incoming.sender.pid);
      if (done > 0 && apart) return done;
      const std::size_t n = std::min<std::size_t>(buffer.left(), message.size - message.taken);
      if (const Status moved = buffer.put(message.bytes() + message.taken, n); !moved.has_value())
        return done > 0 ? CallResult{done} : CallResult{Fail{moved.error()}};
      done += n;
      incoming.sender = message.sender;
      const bool had_rights = !message.rights.empty();
      TRY_VOID(take_rights(message, incoming));
      if (!peek) {
        message.taken += static_cast<std::uint32_t>(n);
        if (message.taken == message.size) end().drop_first();
      }
      if (had_rights) return done;
    }
  } while ((incoming.flags & msg_waitall) != 0 && !peek && buffer.left() > 0);
  return done;
}

CallResult SocketFile::receive_message(Buffer& buffer, Incoming& incoming, abi::Nanoseconds deadline) {
  if (!TRY(wait_for_message(incoming.flags, deadline))) return 0;
  Message& message = *end().messages.front();
  incoming.whole = message.size;
  incoming.sender = message.sender;
  const std::size_t n = std::min<std::size_t>(buffer.left(), message.size);
  TRY_VOID(buffer.put(message.bytes(), n));
  incoming.from = TRY(String::from(message.from.view()));
  TRY_VOID(take_rights(message, incoming));
  if ((incoming.flags & msg_peek) == 0) end().drop_first();
  return n;
}

// --- connections ------------------------------------------------------------------------------------------------------

Status SocketFile::connect(std::string_view address) {
  if (!end().connection_oriented()) {
    end().target = TRY(find_name(address, end().type));
    end().connected = true;
    return {};
  }
  if (end().listening) return Fail{Errno::inval};
  if (end().connected) return Fail{Errno::isconn};
  const EndpointRef server = TRY(find_name(address, end().type));
  const abi::Nanoseconds deadline = deadline_of(send_timeout_ns);
  while (server->listening && server->pending.size() > server->backlog) TRY_VOID(wait_on(server->changed, 0, deadline));
  if (!server->listening) return Fail{Errno::connrefused};
  EndpointRef other = TRY(make_endpoint(end().type));
  other->owner = server->owner;
  other->name = TRY(String::from(server->name.view()));
  TRY_VOID(server->pending.push_back(other));
  // point of no return
  end().owner = current_sender();
  join(endpoint_, other);
  server->changed.wake_all();
  return {};
}

Result<EndpointRef> SocketFile::accept() {
  if (!end().connection_oriented()) return Fail{Errno::opnotsupp};
  const abi::Nanoseconds deadline = deadline_of(receive_timeout_ns);
  while (end().pending.empty()) {
    if (!end().listening || end().read_shut) return Fail{Errno::inval};
    TRY_VOID(wait_on(end().changed, 0, deadline));
  }
  EndpointRef accepted = end().pending[0];
  end().pending.erase(0);
  end().changed.wake_all();   // those whom the full queue made wait
  return accepted;
}

CallResult SocketFile::ioctl(std::uint64_t request, std::uint64_t argument) {
  if (request != fionread) return Fail{Errno::notty};
  if (end().listening) return Fail{Errno::inval};
  TRY_VOID(write_user(argument, static_cast<std::int32_t>(end().readable_bytes())));
  return 0;
}

std::uint32_t SocketFile::poll(Waiter* waiter) {
  Endpoint& own = end();
  if (waiter != nullptr) own.changed.join(*waiter);
  if (own.listening) return own.pending.empty() ? 0 : poll_readable;
  std::uint32_t state = 0;
  if (!own.messages.empty() || own.read_shut) state |= poll_readable;
  if (own.read_shut) state |= poll_rdhup;
  if ((own.read_shut && own.write_shut) || (own.connection_oriented() && !own.connected)) state |= poll_hup;
  if (own.reset) state |= poll_err;
  const Endpoint* other = own.connection_oriented() ? own.peer : own.target.get();
  if (other == nullptr || other->writable()) state |= poll_writable;
  return state;
}

}  // namespace exos
