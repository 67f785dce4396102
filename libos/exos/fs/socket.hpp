// SPDX-License-Identifier: MIT
// Unix sockets as far as they go without listening: pairs, and unconnected ones that find nobody.
#pragma once

#include "libos/exos/fs/pipe.hpp"

namespace exos {

inline constexpr std::uint32_t socket_stream = 1, socket_datagram = 2, socket_seqpacket = 5;
inline constexpr std::uint32_t msg_peek = 2, msg_truncated = 0x20, msg_dontwait = 0x40, msg_waitall = 0x100, msg_nosignal = 0x4000;

// What the two ends share: a pipe each way and one queue.
struct SocketPair {
  std::uint32_t refs = 0;
  static void dispose(SocketPair* pair) { destroy(pair); }
  ~SocketPair() { for (Pipe& pipe : pipes) pipe.drop(); }
  Pipe pipes[2];
  WaitQueue changed;
};

class SocketFile final : public File {
 public:
  explicit SocketFile(std::uint32_t type) : type_{type} { kind = FileKind::socket; }
  ~SocketFile() override;
  void connect(const Ref<SocketPair>& pair, std::uint32_t side);

  CallResult read(Buffer& buffer) override { return receive(buffer, 0, nullptr); }
  CallResult write(Buffer& buffer) override { return send(buffer, 0); }
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override;
  std::uint32_t poll(Waiter* waiter) override;

  // `whole`: the message's full length, of which the buffer may have got a part.
  [[nodiscard]] CallResult receive(Buffer& buffer, std::uint32_t message_flags, std::uint64_t* whole);
  [[nodiscard]] CallResult send(Buffer& buffer, std::uint32_t message_flags);
  [[nodiscard]] Status shut_down(std::uint32_t how);
  [[nodiscard]] bool connected() const { return static_cast<bool>(pair_); }
  [[nodiscard]] std::uint32_t type() const { return type_; }
  std::uint32_t peer_pid = 0, peer_uid = 0, peer_gid = 0;

 private:
  [[nodiscard]] Pipe& in() { return pair_->pipes[side_]; }
  [[nodiscard]] Pipe& out() { return pair_->pipes[1 - side_]; }
  [[nodiscard]] CallResult send_message(Buffer& buffer, bool nonblocking);
  [[nodiscard]] CallResult receive_message(Buffer& buffer, bool peek, bool nonblocking, std::uint64_t* whole);
  Ref<SocketPair> pair_;
  std::uint32_t type_, side_ = 0;
  bool reads_ = false, writes_ = false;
};

[[nodiscard]] Result<FileRef> make_socket(std::uint32_t type, std::uint32_t flags);
[[nodiscard]] Status make_socket_pair(std::uint32_t type, std::uint32_t flags, FileRef& first, FileRef& second);

}  // namespace exos
