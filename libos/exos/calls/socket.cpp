// SPDX-License-Identifier: MIT
// Sockets, their names and connections. AF_UNIX only: other families are not there (EAFNOSUPPORT).
#include "libos/exos/calls/socket_calls.hpp"

namespace exos {
namespace {

constexpr std::uint32_t type_mask = 0xf, raw = 3;
constexpr std::uint64_t longest_address = 110;

// SOCK_RAW of this family is a datagram socket.
Result<std::uint32_t> checked_type(const Arguments& arguments) {
  const std::uint32_t type = low(arguments.b) & type_mask;
  if ((low(arguments.b) & ~(type_mask | o_nonblock | o_cloexec)) != 0 || type == 0 || type > 10) return Fail{Errno::inval};
  constexpr std::uint32_t known_families = 46;
  if (low(arguments.a) != family_unix) {
    if (low(arguments.a) < known_families) tell_missing("socket of family", low(arguments.a), Errno::afnosupport);
    return Fail{Errno::afnosupport};
  }
  if (low(arguments.c) != 0 && low(arguments.c) != family_unix) return Fail{Errno::protonosupport};
  if (type == raw) return socket_datagram;
  if (type != socket_stream && type != socket_datagram && type != socket_seqpacket) return Fail{Errno::socktnosupport};
  return type;
}

}  // namespace

Result<SocketRef> socket_of(std::uint64_t fd) {
  FileRef file = TRY(file_of(fd));
  if (file->kind != FileKind::socket) return Fail{file->kind == FileKind::path_only ? Errno::badf : Errno::notsock};
  return SocketRef{std::move(file)};
}

Result<String> read_address(std::uint64_t address, std::uint64_t length) {
  std::array<char, longest_address> bytes;
  if (low(length) < sizeof(std::uint16_t) || low(length) > longest_address) return Fail{Errno::inval};
  TRY_VOID(copy_in(bytes.data(), address, low(length)));
  if (bytes[0] != static_cast<char>(family_unix) || bytes[1] != 0) return Fail{Errno::inval};
  return String::from({bytes.data() + 2, low(length) - 2});
}

CallResult write_address(std::string_view name, std::uint64_t address, std::uint64_t length_address) {
  const auto room = TRY(read_user<std::int32_t>(length_address));
  if (room < 0) return Fail{Errno::inval};
  std::array<char, longest_address + 1> bytes{static_cast<char>(family_unix)};
  std::memcpy(bytes.data() + 2, name.data(), name.size());
  const bool path = !name.empty() && name[0] != '\0';
  const std::size_t size = 2 + name.size() + (path ? 1 : 0);
  TRY_VOID(copy_out(address, bytes.data(), std::min<std::size_t>(size, static_cast<std::size_t>(room))));
  TRY_VOID(write_user(length_address, static_cast<std::uint32_t>(size)));
  return 0;
}

CallResult linux_socket(const Arguments& arguments) {
  const std::uint32_t type = TRY(checked_type(arguments));
  return install(TRY(make_socket(TRY(make_endpoint(type)), low(arguments.b))), low(arguments.b));
}

CallResult linux_socketpair(const Arguments& arguments) {
  const std::uint32_t type = TRY(checked_type(arguments));
  const EndpointRef ends[2]{TRY(make_endpoint(type)), TRY(make_endpoint(type))};
  join(ends[0], ends[1]);
  FileRef first = TRY(make_socket(ends[0], low(arguments.b))), second = TRY(make_socket(ends[1], low(arguments.b)));
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

CallResult linux_bind(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  const String address = TRY(read_address(arguments.b, arguments.c));
  return done(bind_name(socket->end(), address.view()));
}

CallResult linux_connect(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  const String address = TRY(read_address(arguments.b, arguments.c));
  return done(socket->connect(address.view()));
}

CallResult linux_listen(const Arguments& arguments) {
  constexpr std::uint32_t most = 4096;   // net.core.somaxconn
  const SocketRef socket = TRY(socket_of(arguments.a));
  Endpoint& end = socket->end();
  if (!end.connection_oriented()) return Fail{Errno::opnotsupp};
  if (end.name.empty() || end.connected) return Fail{Errno::inval};
  end.backlog = low(arguments.b) < most ? low(arguments.b) : most;
  end.owner = current_sender();
  end.listening = true;
  end.changed.wake_all();
  return 0;
}

CallResult accept_on(const SocketRef& socket, std::uint64_t address, std::uint64_t length_address, std::uint32_t flags) {
  const EndpointRef accepted = TRY(socket->accept());
  const std::uint64_t fd = TRY(install(TRY(make_socket(accepted, flags)), flags));
  if (address == 0) return fd;
  const std::string_view peer = accepted->peer != nullptr ? accepted->peer->name.view() : std::string_view{};
  const CallResult told = write_address(peer, address, length_address);
  if (told.has_value()) return fd;
  static_cast<void>(current().files->close(fd));
  return told;
}
CallResult linux_accept4(const Arguments& arguments) {
  if ((low(arguments.d) & ~(o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  return accept_on(TRY(socket_of(arguments.a)), arguments.b, arguments.c, low(arguments.d));
}
CallResult linux_accept(const Arguments& arguments) { return linux_accept4({arguments.a, arguments.b, arguments.c, 0, 0, 0}); }

CallResult linux_shutdown(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  if (low(arguments.b) > 2) return Fail{Errno::inval};
  socket->end().shut_down(low(arguments.b) != 1, low(arguments.b) != 0);
  return 0;
}

CallResult linux_getsockname(const Arguments& arguments) {
  return write_address(TRY(socket_of(arguments.a))->end().name.view(), arguments.b, arguments.c);
}
CallResult linux_getpeername(const Arguments& arguments) {
  const SocketRef socket = TRY(socket_of(arguments.a));
  const Endpoint& end = socket->end();
  const Endpoint* other = end.connection_oriented() ? end.peer : end.target.get();
  if (other == nullptr) return Fail{Errno::notconn};
  return write_address(other->name.view(), arguments.b, arguments.c);
}

}  // namespace exos
