// SPDX-License-Identifier: MIT
#include "exo/link_codec.hpp"

#include <gtest/gtest.h>

namespace exo {
namespace link = abi::link;

TEST(FrameDecoder, TakesFramesThatComeByteByByte) {
  const std::string bytes = encode_frame(link::Channel::out, 0, "hello") + encode_frame(link::Channel::in, 0, "") +
                            encode_frame(link::Channel::control, 3, std::string(4, '\7'));
  FrameDecoder decoder;
  std::vector<Frame> frames;
  for (const char c : bytes) {
    decoder.feed({&c, 1});
    Frame frame;
    while (decoder.next(frame) == FrameDecoder::Step::frame) frames.push_back(frame);
  }
  ASSERT_EQ(frames.size(), 3u);
  EXPECT_EQ(frames[0].payload, "hello");
  EXPECT_EQ(frames[1].payload, "");
  EXPECT_EQ(payload_as<std::uint32_t>(frames[2]), 0x07070707u);
  EXPECT_FALSE(payload_as<std::uint64_t>(frames[2]));
}

TEST(FrameDecoder, RefusesWhatIsNoFrame) {
  Frame frame;
  for (const link::Header header : {link::Header{link::Channel{9}, 0, 0, 1}, link::Header{link::Channel::out, 0, 1, 1},
                                    link::Header{link::Channel::out, 0, 0, link::max_payload + 1}}) {
    FrameDecoder decoder;
    decoder.feed({reinterpret_cast<const char*>(&header), sizeof header});
    EXPECT_EQ(decoder.next(frame), FrameDecoder::Step::broken);
  }
}

}  // namespace exo
