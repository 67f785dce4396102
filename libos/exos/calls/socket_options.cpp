// SPDX-License-Identifier: MIT
// getsockopt and setsockopt: what has an effect, and what is accepted because it makes no difference here.
#include "libos/exos/calls/socket_calls.hpp"
#include "libos/exos/missing_requests.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {
namespace {

enum Option : std::uint32_t {
  so_debug = 1, so_reuseaddr, so_type, so_error, so_dontroute, so_broadcast, so_sndbuf, so_rcvbuf, so_keepalive, so_oobinline, so_no_check,
  so_priority, so_linger, so_passcred = 16, so_peercred, so_rcvlowat, so_sndlowat, so_rcvtimeo, so_sndtimeo, so_timestamp = 29,
  so_acceptconn = 30, so_peersec = 31, so_sndbufforce = 32, so_rcvbufforce = 33, so_passsec = 34, so_protocol = 38, so_domain = 39,
};

bool is_accepted(std::uint32_t option) {
  switch (option) {
    case so_debug: case so_reuseaddr: case so_dontroute: case so_broadcast: case so_sndbuf: case so_rcvbuf: case so_keepalive:
    case so_oobinline: case so_no_check: case so_priority: case so_rcvlowat: case so_timestamp: case so_sndbufforce: case so_rcvbufforce:
    case so_passsec: return true;
    default: return false;
  }
}

// 0 is for ever; one that is not is at least a nanosecond.
Result<std::uint64_t> timeout_from(const Arguments& a) {
  if (a.e < sizeof(Timeval)) return Fail{Errno::inval};
  const auto time = TRY(read_user<Timeval>(a.d));
  if (time.microseconds < 0 || time.microseconds >= 1'000'000) return Fail{Errno::dom};
  if (time.seconds < 0) return 1;
  return to_ns(time);
}

CallResult answer(const Arguments& a, const void* value, std::uint32_t size) {
  const auto room = TRY(read_user<std::int32_t>(a.e));
  if (room < 0) return Fail{Errno::inval};
  if (size > static_cast<std::uint32_t>(room)) size = static_cast<std::uint32_t>(room);
  TRY_VOID(copy_out(a.d, value, size));
  TRY_VOID(write_user(a.e, size));
  return 0;
}

}  // namespace

CallResult linux_setsockopt(const Arguments& a) {
  const SocketRef socket = TRY(socket_of(a.a));
  if (low(a.b) != level_socket) return Fail{Errno::opnotsupp};
  const std::uint32_t option = low(a.c);
  if (option == so_rcvtimeo || option == so_sndtimeo) {
    (option == so_rcvtimeo ? socket->receive_timeout_ns : socket->send_timeout_ns) = TRY(timeout_from(a));
    return 0;
  }
  if (static_cast<std::int32_t>(a.e) < static_cast<std::int32_t>(sizeof(std::int32_t))) return Fail{Errno::inval};
  const auto value = TRY(read_user<std::int32_t>(a.d));
  if (option == so_passcred) {
    socket->pass_credentials = value != 0;
    return 0;
  }
  if (option == so_linger) return a.e < 8 ? CallResult{Fail{Errno::inval}} : CallResult{0};
  return is_accepted(option) ? CallResult{0} : missing_socket_option(option, Errno::noprotoopt);
}

CallResult linux_getsockopt(const Arguments& a) {
  const SocketRef socket = TRY(socket_of(a.a));
  if (low(a.b) != level_socket) return Fail{Errno::opnotsupp};
  const Endpoint& end = socket->end();
  const auto number = [&](std::uint32_t value) { return answer(a, &value, sizeof value); };
  switch (low(a.c)) {
    case so_type: return number(end.type);
    case so_error: return number(std::exchange(socket->end().reset, false) ? static_cast<std::uint32_t>(Errno::connreset) : 0);
    case so_acceptconn: return number(end.listening ? 1 : 0);
    case so_protocol: return number(0);
    case so_domain: return number(family_unix);
    case so_sndbuf: case so_rcvbuf: return number(socket_buffer);
    case so_rcvlowat: case so_sndlowat: return number(1);
    case so_passcred: return number(socket->pass_credentials ? 1 : 0);
    case so_peercred: return answer(a, &end.peer_owner, sizeof end.peer_owner);
    case so_linger: { const std::uint32_t off[2]{}; return answer(a, off, sizeof off); }
    case so_rcvtimeo: case so_sndtimeo: {
      const Timeval time = to_timeval(low(a.c) == so_rcvtimeo ? socket->receive_timeout_ns : socket->send_timeout_ns);
      return answer(a, &time, sizeof time);
    }
    default: return is_accepted(low(a.c)) ? number(0) : missing_socket_option(low(a.c), Errno::noprotoopt);
  }
}

}  // namespace exos
