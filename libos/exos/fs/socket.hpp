// SPDX-License-Identifier: MIT
// Open files of Unix sockets.
#pragma once

#include "libos/exos/fs/endpoint.hpp"
#include "libos/exos/fs/open_file.hpp"

namespace exos {

inline constexpr std::uint32_t msg_peek = 2, msg_control_truncated = 8, msg_truncated = 0x20, msg_dontwait = 0x40, msg_waitall = 0x100,
                               msg_nosignal = 0x4000, msg_close_on_exec = 0x4000'0000;

struct Outgoing {
  std::uint32_t flags = 0;         // MSG_*
  EndpointRef destination;         // of a datagram; empty: where it is connected to
  Vector<FileRef> rights;
};
struct Incoming {
  std::uint32_t flags = 0;         // MSG_*
  Vector<FileRef> rights;          // what came with the bytes
  String from;
  Sender sender;
  std::uint64_t whole = 0;         // the message's full length, of which the buffer may have got a part
};

class SocketFile final : public File {
 public:
  explicit SocketFile(EndpointRef endpoint) : endpoint_{std::move(endpoint)} { kind = FileKind::socket; }
  ~SocketFile() override { endpoint_->close(); }

  CallResult read(Buffer& buffer) override;
  CallResult write(Buffer& buffer) override;
  CallResult ioctl(std::uint64_t request, std::uint64_t argument) override;
  std::uint32_t poll(Waiter* waiter) override;

  [[nodiscard]] CallResult receive(Buffer& buffer, Incoming& incoming);
  [[nodiscard]] CallResult send(Buffer& buffer, Outgoing& outgoing);
  [[nodiscard]] Status connect(std::string_view address);
  [[nodiscard]] Result<EndpointRef> accept();
  [[nodiscard]] Endpoint& end() const { return *endpoint_; }

  std::uint64_t receive_timeout_ns = 0, send_timeout_ns = 0;   // 0: for ever
  bool pass_credentials = false;

 private:
  [[nodiscard]] CallResult receive_stream(Buffer& buffer, Incoming& incoming, abi::Nanoseconds deadline);
  [[nodiscard]] CallResult receive_message(Buffer& buffer, Incoming& incoming, abi::Nanoseconds deadline);
  [[nodiscard]] CallResult send_stream(Buffer& buffer, Outgoing& outgoing, abi::Nanoseconds deadline);
  [[nodiscard]] CallResult send_datagram(Buffer& buffer, Outgoing& outgoing, abi::Nanoseconds deadline);
  [[nodiscard]] Result<bool> wait_for_message(std::uint32_t message_flags, abi::Nanoseconds deadline);   // false: the end
  [[nodiscard]] Status wait_on(WaitQueue& queue, std::uint32_t message_flags, abi::Nanoseconds deadline);
  [[nodiscard]] Result<Message*> make_message(Buffer& buffer, std::size_t size);
  EndpointRef endpoint_;
};

[[nodiscard]] Result<FileRef> make_socket(EndpointRef endpoint, std::uint32_t flags);

}  // namespace exos
