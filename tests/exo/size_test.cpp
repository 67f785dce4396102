// SPDX-License-Identifier: MIT
#include "exo/size.hpp"

#include <gtest/gtest.h>

namespace exo {

TEST(Size, UnderstandsWhatPeopleWrite) {
  EXPECT_EQ(parse_size("256M"), 256 * mib);
  EXPECT_EQ(parse_size("256"), 256 * mib);
  EXPECT_EQ(parse_size("64MiB"), 64 * mib);
  EXPECT_EQ(parse_size("1.5g"), 1536 * mib);
  EXPECT_EQ(parse_size("4096k"), 4 * mib);
  EXPECT_EQ(parse_size("512b"), 512u);
}

TEST(Size, RefusesTheRest) {
  for (const char* text : {"", "M", "-1M", "12X", "1..2M", "1M ", "0", "99999999999G", "1e9", "nan"})
    EXPECT_FALSE(parse_size(text)) << text;
}

TEST(Size, IsShownInMiB) {
  EXPECT_EQ(show_size(64 * mib), "64 MiB");
  EXPECT_EQ(show_size(mib + mib / 2), "1.5 MiB");
}

}  // namespace exo
