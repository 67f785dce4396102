// SPDX-License-Identifier: MIT
#include "exo/link_codec.hpp"

namespace exo {
namespace link = abi::link;

FrameDecoder::Step FrameDecoder::next(Frame& out) {
  const std::size_t left = bytes_.size() - at_;
  link::Header header{};
  if (left < sizeof header) {
    bytes_.erase(0, at_);
    at_ = 0;
    return Step::more;
  }
  std::memcpy(&header, bytes_.data() + at_, sizeof header);
  if (header.channel > link::Channel::core || header.reserved != 0 || header.size > link::max_payload)
    return Step::broken;
  if (left - sizeof header < header.size) {
    bytes_.erase(0, at_);
    at_ = 0;
    return Step::more;
  }
  out = Frame{header.channel, header.kind, bytes_.substr(at_ + sizeof header, header.size)};
  at_ += sizeof header + header.size;
  return Step::frame;
}

std::string encode_frame(link::Channel channel, std::uint8_t kind, std::string_view payload) {
  const link::Header header{.channel = channel, .kind = kind, .reserved = 0,
                            .size = static_cast<std::uint32_t>(payload.size())};
  std::string out{reinterpret_cast<const char*>(&header), sizeof header};
  return out.append(payload);
}

}  // namespace exo
