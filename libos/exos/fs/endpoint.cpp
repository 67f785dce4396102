// SPDX-License-Identifier: MIT
#include "libos/exos/fs/endpoint.hpp"

#include "libos/exos/task.hpp"

namespace exos {

Sender current_sender() {
  const Process& process = current_process();
  return {process.pid, process.euid, process.egid};
}

Result<EndpointRef> make_endpoint(std::uint32_t type) {
  auto* endpoint = make<Endpoint>(type);
  if (endpoint == nullptr) return Fail{Errno::nomem};
  endpoint->owner = current_sender();
  return EndpointRef{endpoint};
}

void join(const EndpointRef& first, const EndpointRef& second) {
  if (first->connection_oriented()) {
    first->peer = second.get();
    second->peer = first.get();
  } else {
    first->target = second;
    second->target = first;
  }
  first->connected = second->connected = true;
  first->peer_owner = second->owner;
  second->peer_owner = first->owner;
}

void Endpoint::push(Message& message) {
  queued_ += message.cost();
  messages.push_back(message);
  changed.wake_all();
}

void Endpoint::drop_first() {
  Message* gone = messages.pop_front();
  queued_ -= gone->cost();
  destroy(gone);
  if (peer != nullptr) peer->changed.wake_all();
  changed.wake_all();   // who sends datagrams here waits here
}

void Endpoint::purge() {
  while (Message* message = messages.pop_front()) destroy(message);
  queued_ = 0;
}

std::size_t Endpoint::readable_bytes() {
  std::size_t bytes = 0;
  for (const Message& message : messages) {
    bytes += message.size - message.taken;
    if (type != socket_stream) break;
  }
  return bytes;
}

void Endpoint::shut_down(bool reading, bool writing) {
  read_shut |= reading;
  write_shut |= writing;
  if (peer != nullptr) {
    peer->write_shut |= reading;
    peer->read_shut |= writing;
    peer->changed.wake_all();
  }
  changed.wake_all();
}

void Endpoint::close() {
  if (std::exchange(closed, true)) return;
  release_name(*this);
  if (Endpoint* other = std::exchange(peer, nullptr); other != nullptr) {
    other->peer = nullptr;
    other->read_shut = other->write_shut = true;
    other->reset |= !messages.empty();   // what the other had sent was never read
    other->changed.wake_all();
  }
  listening = false;
  target = {};
  for (const EndpointRef& waiting : pending) {
    if (waiting->peer != nullptr) waiting->peer->reset = true;
    waiting->close();
  }
  pending.clear();
  purge();
  changed.wake_all();
}

}  // namespace exos
