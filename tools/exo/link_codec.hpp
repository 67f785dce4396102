// SPDX-License-Identifier: MIT
// Takes the guest's byte stream apart into frames (abi/link.hpp), and makes frames for it.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "abi/link.hpp"

namespace exo {

struct Frame {
  abi::link::Channel channel{};
  std::uint8_t kind = 0;
  std::string payload;
};

class FrameDecoder {
 public:
  enum class Step { frame, more, broken };
  void feed(std::string_view bytes) { bytes_.append(bytes); }
  // `broken`: the guest does not speak the link's language; nothing after that can be trusted.
  [[nodiscard]] Step next(Frame& out);

 private:
  std::string bytes_;
  std::size_t at_ = 0;  // of the first byte not yet handed out
};

[[nodiscard]] std::string encode_frame(abi::link::Channel channel, std::uint8_t kind, std::string_view payload);

// The payload as a plain struct, if it has its size.
template <typename T>
[[nodiscard]] std::optional<T> payload_as(const Frame& frame) {
  if (frame.payload.size() != sizeof(T)) return std::nullopt;
  T value{};
  std::memcpy(&value, frame.payload.data(), sizeof value);
  return value;
}

}  // namespace exo
