// SPDX-License-Identifier: MIT
// The socket calls. AF_UNIX pairs work; connecting to a name finds nobody; other families are not there (EAFNOSUPPORT).
#include "libos/exos/fs/socket.hpp"
#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

constexpr std::uint32_t family_unix = 1, type_mask = 0xf;

struct MessageHeader {
  std::uint64_t name;
  std::uint32_t name_length, padding;
  std::uint64_t vectors, vector_count, control, control_length;
  std::uint32_t flags, padding2;
};
static_assert(sizeof(MessageHeader) == 56);

Result<std::uint32_t> checked_type(const Arguments& arguments) {
  const std::uint32_t type = low(arguments.b) & type_mask;
  if ((low(arguments.b) & ~(type_mask | o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  if (low(arguments.a) != family_unix) return Fail{Errno::afnosupport};
  if (low(arguments.c) != 0 && low(arguments.c) != family_unix) return Fail{Errno::protonosupport};
  if (type != socket_stream && type != socket_datagram && type != socket_seqpacket) return Fail{Errno::socktnosupport};
  return type;
}

struct SocketRef {
  FileRef file;
  SocketFile* operator->() const { return static_cast<SocketFile*>(file.get()); }
};
Result<SocketRef> socket_of(std::uint64_t fd) {
  FileRef file = TRY(file_of(fd));
  if (file->kind != FileKind::socket) return Fail{Errno::notsock};
  return SocketRef{std::move(file)};
}

// Answers with an address that has only a family, as unnamed Unix sockets have.
CallResult write_unnamed(std::uint64_t address, std::uint64_t length_address) {
  const auto room = TRY(read_user<std::uint32_t>(length_address));
  const std::uint16_t family = family_unix;
  TRY_VOID(copy_out(address, &family, room < sizeof family ? room : sizeof family));
  TRY_VOID(write_user(length_address, static_cast<std::uint32_t>(sizeof family)));
  return 0;
}

// All pieces of a message in library memory.
class Pieces {
 public:
  [[nodiscard]] Status read(const MessageHeader& header) {
    constexpr std::uint64_t most = 1024, largest = 1024 * 1024;
    if (header.vector_count > most) return Fail{Errno::msgsize};
    TRY_VOID(list_.resize(static_cast<std::size_t>(header.vector_count)));
    TRY_VOID(copy_in(list_.data(), header.vectors, header.vector_count * sizeof(Iovec)));
    for (const Iovec& piece : list_) {
      if (piece.length > largest - total_) return Fail{Errno::msgsize};
      total_ += piece.length;
    }
    return memory_.resize(static_cast<std::size_t>(total_));
  }
  [[nodiscard]] Buffer buffer() { return Buffer::memory(memory_.data(), memory_.size()); }
  [[nodiscard]] Status gather() {
    std::size_t at = 0;
    for (const Iovec& piece : list_) {
      TRY_VOID(copy_in(memory_.data() + at, piece.base, static_cast<std::size_t>(piece.length)));
      at += static_cast<std::size_t>(piece.length);
    }
    return {};
  }
  [[nodiscard]] Status scatter(std::size_t size) const {
    std::size_t at = 0;
    for (const Iovec& piece : list_) {
      const std::size_t n = size - at < piece.length ? size - at : static_cast<std::size_t>(piece.length);
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

}  // namespace

CallResult linux_socket(const Arguments& arguments) {
  const std::uint32_t type = TRY(checked_type(arguments));
  return install(TRY(make_socket(type, low(arguments.b))), low(arguments.b));
}

CallResult linux_socketpair(const Arguments& arguments) {
  const std::uint32_t type = TRY(checked_type(arguments));
  FileRef first, second;
  TRY_VOID(make_socket_pair(type, low(arguments.b), first, second));
  Descriptors& table = *current().files;
  const std::uint64_t a = TRY(install(std::move(first), low(arguments.b)));
  const CallResult b = install(std::move(second), low(arguments.b));
  Status written = b.has_value() ? Status{} : Status{Fail{b.error()}};
  if (b.has_value()) written = write_user(arguments.d, std::array{static_cast<std::int32_t>(a), static_cast<std::int32_t>(*b)});
  if (written.has_value()) return 0;
  static_cast<void>(table.close(a));
  if (b.has_value()) static_cast<void>(table.close(*b));
  return Fail{written.error()};
}

CallResult linux_connect(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  std::array<char, 111> address{};   // sockaddr_un and a NUL
  const std::uint64_t length = low(arguments.c);
  if (length < 2 || length > 110) return Fail{Errno::inval};
  TRY_VOID(copy_in(address.data(), arguments.b, static_cast<std::size_t>(length)));
  if (address[0] != static_cast<char>(family_unix) || address[1] != 0) return Fail{Errno::inval};
  if (socket->connected()) return Fail{Errno::isconn};
  if (length == 2 || address[2] == '\0') return Fail{Errno::connrefused};   // abstract names: nobody has one
  const Walk walk = TRY(walk_at(at_fdcwd, std::string_view{address.data() + 2}, walk_follow));
  TRY_VOID(check_access(*walk.inode, may_write, current_credentials()));
  return Fail{Errno::connrefused};
}

CallResult linux_bind(const Arguments& arguments) {
  static_cast<void>(TRY(socket_of(arguments.a)));
  return Fail{Errno::addrnotavail};
}
CallResult linux_listen(const Arguments& arguments) {
  static_cast<void>(TRY(socket_of(arguments.a)));
  return Fail{Errno::inval};   // as for a socket that was not bound
}
CallResult linux_accept(const Arguments& arguments) {
  static_cast<void>(TRY(socket_of(arguments.a)));
  return Fail{Errno::inval};   // it does not listen
}
CallResult linux_accept4(const Arguments& arguments) { return linux_accept(arguments); }

CallResult linux_sendto(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  if (arguments.e != 0 && socket->connected() && socket->type() == socket_stream) return Fail{Errno::isconn};
  Buffer buffer = Buffer::user(arguments.b, static_cast<std::size_t>(arguments.c < max_io ? arguments.c : max_io));
  return socket->send(buffer, low(arguments.d));
}

CallResult linux_recvfrom(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  Buffer buffer = Buffer::user(arguments.b, static_cast<std::size_t>(arguments.c < max_io ? arguments.c : max_io));
  std::uint64_t whole = 0;
  const std::uint64_t got = TRY(socket->receive(buffer, low(arguments.d), &whole));
  if (arguments.e != 0 && arguments.f != 0) TRY_VOID(write_user(arguments.f, std::uint32_t{0}));
  return (low(arguments.d) & msg_truncated) != 0 && whole > got ? whole : got;
}

CallResult linux_sendmsg(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  const auto header = TRY(read_user<MessageHeader>(arguments.b));
  if (header.control_length != 0) return Fail{Errno::opnotsupp};
  Pieces pieces;
  TRY_VOID(pieces.read(header));
  TRY_VOID(pieces.gather());
  Buffer buffer = pieces.buffer();
  return socket->send(buffer, low(arguments.c));
}

CallResult linux_recvmsg(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  auto header = TRY(read_user<MessageHeader>(arguments.b));
  Pieces pieces;
  TRY_VOID(pieces.read(header));
  Buffer buffer = pieces.buffer();
  std::uint64_t whole = 0;
  const std::uint64_t got = TRY(socket->receive(buffer, low(arguments.c), &whole));
  TRY_VOID(pieces.scatter(static_cast<std::size_t>(got)));
  header.name_length = 0;
  header.control_length = 0;
  header.flags = whole > got ? msg_truncated : 0;
  TRY_VOID(write_user(arguments.b, header));
  return got;
}

CallResult linux_shutdown(const Arguments& arguments) {
  return done(TRY(socket_of(arguments.a))->shut_down(low(arguments.b)));
}
CallResult linux_getsockname(const Arguments& arguments) {
  static_cast<void>(TRY(socket_of(arguments.a)));
  return write_unnamed(arguments.b, arguments.c);
}
CallResult linux_getpeername(const Arguments& arguments) {
  if (!TRY(socket_of(arguments.a))->connected()) return Fail{Errno::notconn};
  return write_unnamed(arguments.b, arguments.c);
}

CallResult linux_setsockopt(const Arguments& arguments) {
  constexpr std::uint32_t level_socket = 1;
  static_cast<void>(TRY(socket_of(arguments.a)));
  if (low(arguments.b) != level_socket) return Fail{Errno::opnotsupp};
  if (arguments.e < sizeof(std::int32_t)) return Fail{Errno::inval};
  static_cast<void>(TRY(read_user<std::int32_t>(arguments.d)));
  return 0;
}

CallResult linux_getsockopt(const Arguments& arguments) {
  constexpr std::uint32_t level_socket = 1, so_type = 3, so_error = 4, so_sndbuf = 7, so_rcvbuf = 8, so_peercred = 17,
                          so_acceptconn = 30, so_protocol = 38, so_domain = 39;
  const SocketRef socket = TRY(socket_of(arguments.a));
  if (low(arguments.b) != level_socket) return Fail{Errno::opnotsupp};
  const auto room = TRY(read_user<std::uint32_t>(arguments.e));
  std::array<std::uint32_t, 3> value{};
  std::uint32_t size = sizeof(std::uint32_t);
  switch (low(arguments.c)) {
    case so_type: value[0] = socket->type(); break;
    case so_error: case so_acceptconn: case so_protocol: break;
    case so_sndbuf: case so_rcvbuf: value[0] = 212'992; break;
    case so_domain: value[0] = family_unix; break;
    case so_peercred:
      value = {socket->peer_pid, socket->peer_uid, socket->peer_gid};
      size = sizeof value;
      break;
    default: return Fail{Errno::noprotoopt};
  }
  if (size > room) size = room;
  TRY_VOID(copy_out(arguments.d, value.data(), size));
  TRY_VOID(write_user(arguments.e, size));
  return 0;
}

}  // namespace exos
