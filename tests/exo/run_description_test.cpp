// SPDX-License-Identifier: MIT
#include "exo/run_description.hpp"

#include <gtest/gtest.h>

namespace exo {

TEST(RunDescription, EveryByteSurvives) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  RunDescription run;
  run.add("arg", all);
  run.add("arg", "");
  run.add("uid", std::uint64_t{1000});
  const auto pairs = RunDescription::parse(run.text());
  ASSERT_TRUE(pairs);
  ASSERT_EQ(pairs->size(), 3u);
  EXPECT_EQ((*pairs)[0].second, all);
  EXPECT_EQ((*pairs)[1].second, "");
  EXPECT_EQ((*pairs)[2], (std::pair<std::string, std::string>{"uid", "1000"}));
}

TEST(RunDescription, EscapesWhatTheFormatSays) {
  EXPECT_EQ(escape("a b%c\n\x7f\xff~!"), "a%20b%25c%0A%7F%FF~!");
}

TEST(RunDescription, RefusesDamage) {
  for (const char* text : {"a=b", "ab\n", "a=%\n", "a=%4\n", "a=%4g\n"})
    EXPECT_FALSE(RunDescription::parse(text)) << text;
}

}  // namespace exo
