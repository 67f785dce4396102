// SPDX-License-Identifier: MIT
#include "exo/plot.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Plot, TakesItsLinesFromTheLog) {
  const auto plots =
      exo::read_plots("boot\nplot shares a 1 2\nplot shares b 1 3.5\nplot shares a 2 4\nplot other a 0 0\n");
  ASSERT_EQ(plots.size(), 2u);
  EXPECT_EQ(exo::plot_csv(plots.at("shares")), "series,x,y\na,1,2\na,2,4\nb,1,3.5\n");
}

TEST(Plot, LeavesOutWhatIsNoPoint) {
  EXPECT_TRUE(exo::read_plots("plot\nplot ../x a 1 2\nplot x <a> 1 2\nplot x a one 2\nplot x a 1\n").empty());
}

TEST(Plot, DrawsEachSeriesWithItsName) {
  const std::string svg = exo::plot_svg("shares", {{"a", {{0, 0}, {10, 5}}}, {"b", {{3, 3}}}});
  EXPECT_NE(svg.find("50,350 680,50 "), std::string::npos) << svg;  // the ends of `a`: the corners of the field
  EXPECT_NE(svg.find(">b</text>"), std::string::npos);
}

}  // namespace
