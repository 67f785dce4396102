// SPDX-License-Identifier: MIT
#include "exo/options.hpp"

#include <gtest/gtest.h>

#include "exo/size.hpp"

namespace exo {

TEST(Reclaim, UnderstandsWhatPeopleWrite) {
  const auto size = Reclaim::parse("32M@2s");
  ASSERT_TRUE(size.has_value());
  EXPECT_EQ(size->bytes, 32 * mib);
  EXPECT_EQ(size->at_ns, 2'000'000'000u);
  EXPECT_EQ(size->grace_ns, 2'000'000'000u);
  const auto share = Reclaim::parse("50%@1.5:250ms");
  ASSERT_TRUE(share.has_value());
  EXPECT_EQ(share->percent, 50u);
  EXPECT_EQ(share->at_ns, 1'500'000'000u);
  EXPECT_EQ(share->grace_ns, 250'000'000u);
}

TEST(Reclaim, SaysItToInitInPagesAndNanoseconds) {
  EXPECT_EQ(Reclaim::parse("8M@0:1s")->for_init(), "2048@0:1000000000");
  EXPECT_EQ(Reclaim::parse("5%@10ms")->for_init(), "5%@10000000:2000000000");
}

TEST(Reclaim, RefusesTheRest) {
  for (const char* text : {"", "@", "32M", "32M@", "@2s", "0%@1s", "101%@1s", "x%@1s", "1%@", "32M@2h", "32M@-1s", "32M@1s:", "32M@1s:x",
                           "1b@1s", "50%@1..2", "50%@nan"})
    EXPECT_FALSE(Reclaim::parse(text).has_value()) << text;
}

TEST(RunOptions, GuardIsAskedForOrNot) {
  EXPECT_FALSE((*parse_run_options("run", {"--", "true"}))->guard.has_value());
  EXPECT_EQ((*parse_run_options("run", {"--guard", "--", "true"}))->guard, true);
  EXPECT_EQ((*parse_run_options("gdb", {"--no-guard", "--", "true"}))->guard, false);
}

TEST(RunOptions, SwapCanBeNone) {
  const auto none = parse_run_options("run", {"--swap", "0", "--", "true"});
  ASSERT_TRUE(none.has_value());
  EXPECT_EQ((*none)->swap, 0u);
  const auto default_swap = parse_run_options("run", {"-m", "64M", "--", "true"});
  ASSERT_TRUE(default_swap.has_value());
  EXPECT_FALSE((*default_swap)->swap.has_value());
}

TEST(RunOptions, BadSwapAndReclaimAreOneLine) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"--swap", "much", "--", "true"}, {"--swap", "-1", "--", "true"}, {"--reclaim", "half", "--", "true"}}) {
    const auto options = parse_run_options("run", words);
    ASSERT_FALSE(options.has_value());
    EXPECT_EQ(options.error().text.find('\n'), std::string::npos);
  }
  std::vector<std::string> many;
  for (int i = 0; i < 17; ++i) many.insert(many.end(), {"--reclaim", "1%@1s"});
  many.insert(many.end(), {"--", "true"});
  EXPECT_FALSE(parse_run_options("run", many).has_value());
}

}  // namespace exo
