// SPDX-License-Identifier: MIT
// Sending and receiving, with descriptors and credentials as control messages.
#include "libos/exos/calls/socket_calls.hpp"
#include "libos/exos/userfault.hpp"

namespace exos {
namespace {

struct MessageHeader {
  std::uint64_t name;
  std::uint32_t name_length, padding;
  std::uint64_t vectors, vector_count, control, control_length;
  std::uint32_t flags, padding2;
};
static_assert(sizeof(MessageHeader) == 56);
struct ControlHeader { std::uint64_t length; std::uint32_t level, type; };
static_assert(sizeof(ControlHeader) == 16);

constexpr std::uint32_t scm_rights = 1, scm_credentials = 2;
constexpr std::size_t most_rights = 253;   // in one message, as Linux has it
constexpr std::uint64_t most_control = 20480;

std::uint64_t padded(std::uint64_t size) { return base::align_up<std::uint64_t>(size, 8); }

// All pieces of a message in library memory.
class Pieces {
 public:
  [[nodiscard]] Status read(const MessageHeader& header) {
    constexpr std::uint64_t most = 1024, largest = 1024 * 1024;
    if (header.vector_count > most) return Fail{Errno::msgsize};
    TRY_VOID(list_.resize(static_cast<std::size_t>(header.vector_count)));
    TRY_VOID(copy_in(list_.data(), header.vectors, header.vector_count * sizeof(Iovec)));
    for (const Iovec& piece : list_) total_ += std::min(piece.length, largest - total_);
    return memory_.resize(static_cast<std::size_t>(total_));
  }
  [[nodiscard]] Buffer buffer() { return Buffer::memory(memory_.data(), memory_.size()); }
  [[nodiscard]] Status gather() {
    std::size_t at = 0;
    for (const Iovec& piece : list_) {
      const std::size_t n = std::min<std::size_t>(piece.length, memory_.size() - at);
      TRY_VOID(copy_in(memory_.data() + at, piece.base, n));
      at += n;
    }
    return {};
  }
  [[nodiscard]] Status scatter(std::size_t size) const {
    std::size_t at = 0;
    for (const Iovec& piece : list_) {
      const std::size_t n = std::min<std::size_t>(piece.length, size - at);
      TRY_VOID(copy_out(piece.base, memory_.data() + at, n));
      at += n;
    }
    return {};
  }

 private:
  Vector<Iovec> list_;
  Vector<std::byte> memory_;
  std::uint64_t total_ = 0;
};

Status read_rights(std::uint64_t address, std::uint64_t size, Outgoing& outgoing) {
  for (std::uint64_t at = 0; at + sizeof(std::int32_t) <= size; at += sizeof(std::int32_t)) {
    if (outgoing.rights.size() == most_rights) return Fail{Errno::inval};
    TRY_VOID(outgoing.rights.push_back(TRY(file_of(TRY(read_user<std::uint32_t>(address + at))))));
  }
  return {};
}

// Somebody else's credentials are root's to claim.
Status check_credentials(std::uint64_t address) {
  const auto claimed = TRY(read_user<Sender>(address));
  const Process& self = current_process();
  const bool own = claimed.pid == self.pid && (claimed.uid == self.uid || claimed.uid == self.euid) &&
                   (claimed.gid == self.gid || claimed.gid == self.egid);
  return own || self.euid == 0 ? Status{} : Status{Fail{Errno::perm}};
}

Status read_control(const MessageHeader& header, Outgoing& outgoing) {
  if (header.control_length > most_control) return Fail{Errno::nobufs};
  const std::uint64_t end = header.control + header.control_length;
  for (std::uint64_t at = header.control; at + sizeof(ControlHeader) <= end;) {
    const auto control = TRY(read_user<ControlHeader>(at));
    if (control.length < sizeof control || control.length > end - at) return Fail{Errno::inval};
    const std::uint64_t size = control.length - sizeof control, data = at + sizeof control;
    if (control.level == level_socket) {
      if (control.type == scm_rights) TRY_VOID(read_rights(data, size, outgoing));
      else if (control.type == scm_credentials && size == sizeof(Sender)) TRY_VOID(check_credentials(data));
      else return Fail{Errno::inval};
    }
    at += padded(control.length);
  }
  return {};
}

Result<Outgoing> outgoing_to(const SocketRef& socket, std::uint64_t name, std::uint64_t length, std::uint32_t flags) {
  Outgoing outgoing{.flags = flags, .destination = {}, .rights = {}};
  if (name == 0 || length == 0) return outgoing;
  const Endpoint& end = socket->end();
  if (end.connection_oriented()) return Fail{end.connected ? Errno::isconn : Errno::opnotsupp};
  const String address = TRY(read_address(name, length));
  outgoing.destination = TRY(find_name(address.view(), end.type));
  return outgoing;
}

CallResult send_message(const SocketRef& socket, const MessageHeader& header, std::uint32_t flags) {
  Outgoing outgoing = TRY(outgoing_to(socket, header.name, header.name_length, flags));
  if (header.control != 0) TRY_VOID(read_control(header, outgoing));
  Pieces pieces;
  TRY_VOID(pieces.read(header));
  TRY_VOID(pieces.gather());
  Buffer buffer = pieces.buffer();
  return socket->send(buffer, outgoing);
}

// Writes control messages into the room that the program gave.
class ControlWriter {
 public:
  explicit ControlWriter(const MessageHeader& header) : at_{header.control}, left_{header.control_length} {}
  // How many whole items of `item` bytes would fit behind a header.
  [[nodiscard]] std::size_t fits(std::size_t item) const {
    return left_ < sizeof(ControlHeader) ? 0 : static_cast<std::size_t>((left_ - sizeof(ControlHeader)) / item);
  }
  [[nodiscard]] Status add(std::uint32_t type, const void* data, std::size_t size) {
    TRY_VOID(write_user(at_, ControlHeader{sizeof(ControlHeader) + size, level_socket, type}));
    TRY_VOID(copy_out(at_ + sizeof(ControlHeader), data, size));
    const std::uint64_t step = std::min(padded(sizeof(ControlHeader) + size), left_);
    at_ += step;
    left_ -= step;
    written_ += step;
    return {};
  }
  [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
  std::uint64_t at_, left_, written_ = 0;
};

// Descriptors for which there is no room are closed, and MSG_CTRUNC says so.
Status deliver_rights(Incoming& incoming, ControlWriter& control, std::uint32_t& flags) {
  if (incoming.rights.empty()) return {};
  const std::size_t count = std::min(control.fits(sizeof(std::int32_t)), incoming.rights.size());
  Vector<std::int32_t> numbers;
  const std::uint32_t descriptor_flags = (incoming.flags & msg_close_on_exec) != 0 ? o_cloexec : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const CallResult fd = install(incoming.rights[i], descriptor_flags);
    if (!fd.has_value()) break;
    TRY_VOID(numbers.push_back(static_cast<std::int32_t>(*fd)));
  }
  if (numbers.size() < incoming.rights.size()) flags |= msg_control_truncated;
  if (numbers.empty()) return {};
  return control.add(scm_rights, numbers.data(), numbers.size() * sizeof(std::int32_t));
}

Status write_sender(std::string_view name, std::uint64_t address, std::uint64_t length_at) {
  if (name.empty()) return write_user(length_at, std::uint32_t{0});
  static_cast<void>(TRY(write_address(name, address, length_at)));
  return {};
}

CallResult receive_message(const SocketRef& socket, std::uint64_t header_at, std::uint32_t flags) {
  auto header = TRY(read_user<MessageHeader>(header_at));
  Pieces pieces;
  TRY_VOID(pieces.read(header));
  Buffer buffer = pieces.buffer();
  Incoming incoming{.flags = flags, .rights = {}, .from = {}, .sender = {}, .whole = 0};
  const std::uint64_t got = TRY(socket->receive(buffer, incoming));
  TRY_VOID(pieces.scatter(static_cast<std::size_t>(got)));
  header.flags = incoming.whole > got ? msg_truncated : 0;
  header.flags |= flags & msg_close_on_exec;
  ControlWriter control{header};
  if (socket->pass_credentials) {
    if (control.fits(sizeof(Sender)) > 0) TRY_VOID(control.add(scm_credentials, &incoming.sender, sizeof(Sender)));
    else header.flags |= msg_control_truncated;
  }
  TRY_VOID(deliver_rights(incoming, control, header.flags));
  header.control_length = control.written();
  TRY_VOID(write_user(header_at, header));
  if (header.name != 0)
    TRY_VOID(write_sender(incoming.from.view(), header.name, header_at + offsetof(MessageHeader, name_length)));
  return (flags & msg_truncated) != 0 && incoming.whole > got ? incoming.whole : got;
}

constexpr std::uint64_t multiple_size = 64;   // struct mmsghdr: a header, a length, padding

}  // namespace

CallResult linux_sendto(const Arguments& a) {
  const SocketRef socket = TRY(socket_of(a.a));
  Outgoing outgoing = TRY(outgoing_to(socket, a.e, a.f, low(a.d)));
  return transfer_awaited(*socket.file, a.b, a.c < max_io ? a.c : max_io, poll_out, [&](Buffer& buffer, std::uint64_t) { return socket->send(buffer, outgoing); });
}

CallResult linux_recvfrom(const Arguments& a) {
  const SocketRef socket = TRY(socket_of(a.a));
  Incoming incoming{.flags = low(a.d), .rights = {}, .from = {}, .sender = {}, .whole = 0};
  const std::uint32_t more = (low(a.d) & msg_peek) != 0 ? 0 : poll_in;   // a second look would see the same again
  const std::uint64_t got = TRY(transfer_awaited(*socket.file, a.b, a.c < max_io ? a.c : max_io, more, [&](Buffer& buffer, std::uint64_t) { return socket->receive(buffer, incoming); }));
  if (a.e != 0 && a.f != 0) {
    if (incoming.from.empty()) TRY_VOID(write_user(a.f, std::uint32_t{0}));
    else static_cast<void>(TRY(write_address(incoming.from.view(), a.e, a.f)));
  }
  return (low(a.d) & msg_truncated) != 0 && incoming.whole > got ? incoming.whole : got;
}

CallResult linux_sendmsg(const Arguments& a) {
  const SocketRef socket = TRY(socket_of(a.a));
  return send_message(socket, TRY(read_user<MessageHeader>(a.b)), low(a.c));
}
CallResult linux_recvmsg(const Arguments& a) { return receive_message(TRY(socket_of(a.a)), a.b, low(a.c)); }

CallResult linux_sendmmsg(const Arguments& a) {
  const SocketRef socket = TRY(socket_of(a.a));
  const std::uint64_t count = std::min<std::uint64_t>(low(a.c), 1024);
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t at = a.b + i * multiple_size;
    const auto header = read_user<MessageHeader>(at);
    CallResult sent = header.has_value() ? send_message(socket, *header, low(a.d)) : CallResult{Fail{header.error()}};
    if (sent.has_value()) {
      const Status told = write_user(at + sizeof(MessageHeader), static_cast<std::uint32_t>(*sent));
      if (!told.has_value()) sent = Fail{told.error()};
    }
    if (!sent.has_value()) return i > 0 ? CallResult{i} : sent;
  }
  return count;
}

CallResult linux_recvmmsg(const Arguments& a) {
  constexpr std::uint32_t wait_for_one = 0x10000;
  const SocketRef socket = TRY(socket_of(a.a));
  const abi::Nanoseconds deadline = TRY(deadline_from(a.e));
  const std::uint64_t count = std::min<std::uint64_t>(low(a.c), 1024);
  std::uint32_t flags = low(a.d) & ~wait_for_one;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (i > 0 && now() >= deadline) return i;   // looked at between the messages only, as on Linux
    const std::uint64_t at = a.b + i * multiple_size;
    CallResult got = receive_message(socket, at, flags);
    if (got.has_value()) {
      const Status told = write_user(at + sizeof(MessageHeader), static_cast<std::uint32_t>(*got));
      if (!told.has_value()) got = Fail{told.error()};
    }
    if (!got.has_value()) return i > 0 ? CallResult{i} : got;
    if ((low(a.d) & wait_for_one) != 0) flags |= msg_dontwait;
  }
  return count;
}

}  // namespace exos
