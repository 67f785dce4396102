// SPDX-License-Identifier: MIT
// One end of a Unix socket: what has come and is not read, whom it talks to, its name. The open file (socket.hpp) holds it;
// a connection that nobody has accepted yet is an end without a file.
#pragma once

#include "libos/exos/file.hpp"

namespace exos {

inline constexpr std::uint32_t socket_stream = 1, socket_datagram = 2, socket_seqpacket = 5;
inline constexpr std::size_t socket_buffer = 212'992;   // net.core.wmem_default

struct Sender { std::uint32_t pid = 0, uid = 0, gid = 0; };
[[nodiscard]] Sender current_sender();

// The bytes follow it. One of a stream is read in pieces.
struct Message {
  base::ListLink link;
  std::uint32_t size = 0, taken = 0;
  Sender sender;
  String from;                   // the sender's name, for datagrams
  Vector<FileRef> rights;        // SCM_RIGHTS
  [[nodiscard]] std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
  [[nodiscard]] std::size_t cost() const { return size + sizeof(Message); }
};

class Endpoint {
 public:
  explicit Endpoint(std::uint32_t kind) : type{kind} {}
  ~Endpoint() { close(); }
  std::uint32_t refs = 0;
  static void dispose(Endpoint* endpoint) { destroy(endpoint); }
  void close();                                        // its file is gone: the peer is told, what is queued goes
  void shut_down(bool reading, bool writing);
  void push(Message& message);
  void drop_first();                                   // of the queue
  [[nodiscard]] bool has_room(std::size_t size) const { return queued_ == 0 || queued_ + size <= socket_buffer; }
  [[nodiscard]] bool writable() const { return queued_ * 4 <= socket_buffer; }
  [[nodiscard]] bool connection_oriented() const { return type != socket_datagram; }
  [[nodiscard]] std::size_t readable_bytes();          // FIONREAD: a stream's all, otherwise the first message's

  const std::uint32_t type;
  base::List<Message, &Message::link> messages;
  WaitQueue changed;                                   // data, room at the peer, connections
  Endpoint* peer = nullptr;                            // of a connection; each clears the other's
  Ref<Endpoint> target;                                // where a datagram socket sends
  Vector<Ref<Endpoint>> pending;                       // connections that wait for accept
  std::uint32_t backlog = 0;
  bool listening = false, connected = false, reset = false, closed = false;
  bool read_shut = false, write_shut = false;
  Sender owner, peer_owner;                            // SO_PEERCRED
  String name;                                         // as in sun_path: an abstract one starts with a NUL
  InodeRef node;                                       // of a name in the file tree
  base::ListLink in_abstract;

 private:
  void purge();
  std::size_t queued_ = 0;
};
using EndpointRef = Ref<Endpoint>;

[[nodiscard]] Result<EndpointRef> make_endpoint(std::uint32_t type);
// Two ends that talk to each other.
void join(const EndpointRef& first, const EndpointRef& second);

// Names (socket_names.cpp). `address`: sun_path as far as the length says.
[[nodiscard]] Status bind_name(Endpoint& endpoint, std::string_view address);
[[nodiscard]] Result<EndpointRef> find_name(std::string_view address, std::uint32_t type);
void release_name(Endpoint& endpoint);

}  // namespace exos
