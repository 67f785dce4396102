// SPDX-License-Identifier: MIT
// The host's half of `exo bench`: what rows say of themselves, what guests say of them, and what becomes of the figures.
#include <gtest/gtest.h>

#include "exo/bench_app.hpp"
#include "exo/bench_guard.hpp"
#include "exo/bench_guest.hpp"
#include "exo/bench_kernel.hpp"
#include "exo/bench_statistics.hpp"

namespace exo {
namespace {

TEST(BenchRows, SayWhatTheyMeasureInTheirFirstComment) {
  const auto row = read_row("getpid", "// SPDX\n/* row\ntitle = \"getpid\"\nwhy = \"w\"\nsource = \"M1\"\naim = 10\n*/\n#include");
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->title, "getpid");
  EXPECT_EQ(row->source, "M1");
  EXPECT_EQ(row->aim, 10);
  EXPECT_FALSE(row->guard);
  EXPECT_TRUE(read_row("a", "/* row\ntitle = \"t\"\nwhy = \"w\"\nsource = \"s\"\nguard = true\n*/")->guard);
}

TEST(BenchRows, AreRefusedWithTheReason) {
  EXPECT_NE(read_row("a", "int main").error().text.find("no comment"), std::string::npos);
  EXPECT_NE(read_row("a", "/* row\ntitle = \"t\"\nwhy = \"w\"\n*/").error().text.find("no source"), std::string::npos);
  EXPECT_NE(read_row("a", "/* row\ntitle = \"t\"\nwhy = \"w\"\nsource = \"s\"\ngoal = 3\n*/").error().text.find("goal"), std::string::npos);
  EXPECT_FALSE(read_row("a", "/* row\ntitle = \n*/").has_value());
}

TEST(BenchApps, SayWhatTheyRunAndHowItIsChecked) {
  const std::string right = "title = \"t\"\nwhy = \"w\"\nsource = \"s\"\ncopies = [\"tar\"]\nrun = \"r\"\n";
  const auto app = read_app("a", right + "check = \"c\"");
  ASSERT_TRUE(app.has_value());
  EXPECT_EQ(app->copies, std::vector<std::string>{"tar"});
  EXPECT_EQ(app->driver, "script");
  EXPECT_EQ(app->files.at("run"), "r");
  EXPECT_FALSE(read_app("a", right).has_value());  // nothing would say that the answer is right
  EXPECT_FALSE(read_app("a", right + "check = \"c\"\nchekc = 1").has_value());
}

TEST(BenchApps, StepsAndPartsAreRowsOfTheirOwn) {
  const std::string head = "title = \"t\"\nwhy = \"w\"\nsource = \"s\"\ncheck = \"c\"\n";
  const auto steps = read_app("a", head + "steps = [{ name = \"one\", title = \"the first\", run = \"cp a b\" }, { name = \"two\", title = \"the second\", run = \"rm b\" }]");
  ASSERT_TRUE(steps.has_value());
  EXPECT_EQ(steps->driver, "steps");
  EXPECT_EQ(steps->files.at("steps"), "one cp a b\ntwo rm b\n");
  ASSERT_EQ(steps->parts.size(), 2u);
  EXPECT_EQ(steps->parts[1].name, "a.two");
  EXPECT_EQ(steps->parts[1].title, "step 2: the second");
  const auto pool = read_app("p", head + "jobs = [{ name = \"j\", run = \"r\" }]\npools = [\"7/1\", \"14/2\"]\nparts = [{ name = \"longest\", title = \"l\" }]");
  ASSERT_TRUE(pool.has_value());
  EXPECT_EQ(pool->driver, "pool");
  EXPECT_EQ(pool->files.at("pools"), "7 1\n14 2\n");
  EXPECT_EQ(pool->parts[0].name, "p.longest");
  for (const char* wrong : {"run = \"r\"\nsteps = [{ name = \"n\", title = \"t\", run = \"r\" }]", "steps = [{ name = \"n\", run = \"r\" }]", "jobs = [{ name = \"j\", run = \"r\" }]",
                            "jobs = [{ name = \"j\", run = \"r\" }]\npools = [\"7\"]", "steps = [1]"})
    EXPECT_FALSE(read_app("a", head + wrong).has_value()) << wrong;
}

TEST(BenchApps, SayWhichOfTheirIntervalsCount) {
  const auto marks = [](const std::string& driver, std::vector<BenchRow> parts, std::map<std::string, std::string> files) {
    const AppMarks m = marks_of({.row = {}, .parts = std::move(parts), .copies = {}, .driver = driver, .files = std::move(files)});
    return std::tuple{m.skip, m.take, m.operations};
  };
  EXPECT_EQ(marks("script", {}, {}), (std::tuple{5, 3, 3.0}));
  EXPECT_EQ(marks("steps", {{}, {}}, {}), (std::tuple{6, 6, 3.0}));  // four of nothing, two steps of warm-up
  EXPECT_EQ(marks("pool", {}, {{"pools", "7 1\n14 2\n"}}), (std::tuple{1, 2, 21.0}));
}

std::string lines(const std::string& line, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += line + "\n";
  return text;
}

// Four batches of nothing and four of work, of which three are warm-up each.
const std::string right_log = "noise\nbegin one\r\n" + lines("batch 0 100 5", 4) + lines("batch 10 9999 99", 3) + "batch 10 1100 45\r\nend one 0\r\n";

TEST(BenchSamples, AreOfOneOperationWithoutWhatMeasuringTakes) {
  std::string plugin = "section\n" + lines("100 0 0 0 0 0 0", 4) + lines("1 1 1 1 1 1 1", 3) + "300 800 50 10 20 30 40\n";
  const Samples samples = read_samples(right_log, plugin);
  const Sample& one = samples.at("one");
  EXPECT_EQ(one.failure, "");
  ASSERT_EQ(one.counts.size(), 1u);
  EXPECT_EQ(one.least(), 100);
  EXPECT_EQ(one.nanoseconds[0], 4);
  ASSERT_TRUE(one.share.has_value());
  EXPECT_EQ(*one.share, (Share{.ring3 = 20, .ring0 = 80, .library = 5, .calls = 1, .returns = 2, .space_writes = 3, .page_flushes = 4}));
}

TEST(BenchSamples, OfRowsThatGoWrongSaySo) {
  const std::string log = "begin crashed\nSegmentation fault\nend crashed 139\nbegin silent\nend silent 0\nbegin hung\nbatch 0 1 1\n";
  const Samples samples = read_samples(right_log + log, "");
  EXPECT_EQ(samples.at("one").failure, "");
  EXPECT_EQ(samples.at("crashed").failure, "status 139");
  EXPECT_EQ(samples.at("crashed").log, "Segmentation fault\n");
  EXPECT_EQ(samples.at("silent").failure, "it told no figures");
  EXPECT_EQ(samples.at("hung").failure, "it did not come to its end");
}

TEST(BenchSamples, SayHowManyBatchesAreWarmUp) {
  const std::string log = "begin one\nwarm-up 1\n" + lines("batch 0 100 5", 2) + "warm-up 1\n" + lines("batch 10 1100 45", 3) + "end one 0\n";
  EXPECT_EQ(read_samples(log, "").at("one").counts.size(), 2u);
}

TEST(BenchSamples, OfARowWithPointsAreOfTheFirst) {
  const std::string log = "begin one\n" + lines("batch 0 100 5", 4) + "point 1\n" + lines("batch 10 1100 45", 4) + "point 16\n" + lines("batch 10 3100 45", 4) + "end one 0\n";
  const Samples samples = read_samples(log, "");
  EXPECT_EQ(samples.at("one").failure, "");
  EXPECT_EQ(samples.at("one").least(), 100);
  EXPECT_EQ(samples.at("one").curve, (std::map<double, double>{{1, 100}, {16, 300}}));
}

// ExOS's guest runs one row and its plugin's file has no sections; Linux's runs many. Warm-up is left out and what lies far off is kept, on both.
TEST(BenchSamples, OfBothSystemsAreReadAlike) {
  std::string batches;
  for (int i = 0; i < row_warm_up + row_batches; ++i) batches += "batch 10 " + std::to_string(i < row_warm_up ? 5000 : i == 9 ? 9000 : 1100) + " 45\n";
  const std::string row = lines("batch 0 100 5", row_warm_up + row_batches) + batches, intervals = lines("1 2 3 4 5 6 7", 2 * (row_warm_up + row_batches));
  const Samples exos = read_samples("begin one\n" + row + "end one 0\n", intervals);
  std::string with_returns;
  for (const char c : row) with_returns += c == '\n' ? "\r\n" : std::string{c};
  const Samples linux_ = read_samples("noise\nbegin other\nend other 1\nbegin one\r\n" + with_returns + "end one 0\r\n", "section\nsection\n" + intervals);
  EXPECT_EQ(exos.at("one").counts, linux_.at("one").counts);
  EXPECT_EQ(exos.at("one").nanoseconds, linux_.at("one").nanoseconds);
  EXPECT_EQ(exos.at("one").counts.size(), static_cast<std::size_t>(row_batches));
  EXPECT_EQ(std::ranges::count(exos.at("one").counts, 890), 1);  // kept: it moves neither the least nor the median
  EXPECT_EQ(exos.at("one").least(), 100);
  EXPECT_EQ(median(exos.at("one").counts), 100);
}

// Two steps, two batches of each (the first is warm-up): the sum consists of both steps' intervals, and what has none has no share.
TEST(BenchSamples, OfPartsAreSamplesOfTheirOwn) {
  const std::string log = "begin one\nwarm-up 1\n" + lines("batch 0 10 5", 2) + "batch 1 9000 9 2 2\nbatch 1 620 45 4 2\npart a\nbatch 1 9000 9 2 1\nbatch 1 110 25 4 1\n" +
                          "part b\nbatch 1 9000 9 3 1\nbatch 1 510 25 5 1\npart late\npoint 7\nbatch 1 9000 9 0 0\nbatch 1 700 50 0 0\nend one 0\n";
  const std::string plugin = "section\n" + lines("10 0 0 0 0 0 0", 2) + lines("1 1 1 1 1 1 1", 2) + "60 50 0 1 0 0 0\n110 400 7 2 0 0 0\n";
  const Samples samples = read_samples(log, plugin);
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(samples.at("one").least(), 600);
  EXPECT_EQ(samples.at("one.a").least(), 100);
  EXPECT_EQ(samples.at("one.b").least(), 500);
  EXPECT_EQ(samples.at("one.late").least(), 700);
  EXPECT_EQ(samples.at("one.late").curve, (std::map<double, double>{{7, 700}}));
  EXPECT_FALSE(samples.at("one.late").share.has_value());
  EXPECT_EQ(samples.at("one").share->calls, 3);
  EXPECT_EQ(samples.at("one").share->ring3, 150);
  EXPECT_EQ(samples.at("one.b").share->library, 7);
  EXPECT_EQ(read_samples("begin one\nwarm-up 1\npart a\nend one 139\n", "").size(), 1u);  // failed as a whole
}

// Figures of another row's intervals would look right and be wrong.
TEST(BenchSamples, NeedAnIntervalOfThePluginForEachBatch) {
  EXPECT_EQ(read_samples(right_log, "section\n1 1 1 1 1 1 1\n").at("one").failure, "the plugin counted 1 intervals of 8");
}

TEST(BenchSections, LeaveOutWhatIsNoInterval) {
  const auto sections = read_sections("1 2 3 4 5 6 7\nsection\nrubbish\n1 2 3 4 5 6 7\n");
  ASSERT_EQ(sections.size(), 2u);
  EXPECT_EQ(sections[0][0].page_flushes, 7u);
  EXPECT_EQ(sections[1].size(), 1u);
}

TEST(BenchKernel, ReadsRowsCurvesAndFigures) {
  const std::string log = "row empty 1 10 10 0\nrow nop 100 6010 50 1\nrow envs@1 10 110 10 2\nrow envs@64 10 210 10 3\nfigure share 499000 1000\n";
  const std::string shares = "4 6 0 0 0 0 0\n404 5606 0 0 0 0 0\n4 106 0 0 0 0 0\n4 206 0 0 0 0 0\n";
  const auto rows = read_measurements(log, shares);
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->at("nop").instructions, 60);
  EXPECT_EQ(*rows->at("nop").ring0, 56);
  EXPECT_EQ(rows->at("nop").interval, 1u);
  EXPECT_EQ(rows->at("share").instructions, 499);
  EXPECT_EQ(rows->at("share").operations, 0);
  EXPECT_EQ(curve_in(*rows, "envs"), (std::map<double, double>{{1, 10}, {64, 20}}));
  EXPECT_EQ(rows->at("envs").instructions, 10);  // the first of its points
  EXPECT_TRUE(curve_in(*rows, "nop").empty());
  EXPECT_FALSE(read_measurements("row nop 0 1 1 0\n", "").has_value());
  EXPECT_FALSE(read_measurements(log, "4 6 0 0 0 0 0\n").has_value());  // too few intervals
  EXPECT_FALSE(read_measurements("nothing", "").has_value());
}

TEST(BenchStatistics, MedianIsTheMiddleOrTheMeanOfBoth) {
  EXPECT_EQ(median(std::vector<double>{3, 1, 2}), 2);
  EXPECT_EQ(median(std::vector<double>{4, 1, 3, 2}), 2.5);
  EXPECT_EQ(median({}), 0);
}

TEST(BenchStatistics, IntervalHoldsTheMedianAndRepeats) {
  std::vector<double> values;
  for (int i = 0; i < 40; ++i) values.push_back(100 + i % 7);
  values.push_back(1e9);  // an outlier does not move it
  const Estimate one = estimate_median(values), two = estimate_median(values);
  EXPECT_LE(one.low, one.middle);
  EXPECT_LE(one.middle, one.high);
  EXPECT_LT(one.high, 107);
  EXPECT_EQ(one.low, two.low);
  EXPECT_EQ(one.high, two.high);
}

TEST(BenchStatistics, RatioOfConstantsIsExact) {
  const std::vector<double> six(5, 6.0), two(9, 2.0);
  const auto ratio = estimate_ratio(six, two);
  ASSERT_TRUE(ratio.has_value());
  EXPECT_EQ(ratio->low, 3);
  EXPECT_EQ(ratio->high, 3);
  EXPECT_FALSE(estimate_ratio(six, {}).has_value());
  EXPECT_FALSE(estimate_ratio(six, std::vector<double>{0, 0}).has_value());
}

TEST(BenchGuard, NamesWhatHasRisenByMoreThanThreeInAHundred) {
  const GuardFigures committed{{"a", 100}, {"b", 100}, {"c", 100}, {"d", 100}};
  const GuardVerdict verdict = judge(committed, {{"a", 103}, {"b", 103.5}, {"c", 90}, {"other", 1e9}});
  ASSERT_EQ(verdict.risen.size(), 1u);
  EXPECT_EQ(verdict.risen[0], "b: 100 -> 104 instructions, +3.5 %");
  ASSERT_EQ(verdict.fallen.size(), 1u);
  EXPECT_EQ(verdict.missing, std::vector<std::string>{"d"});
}

TEST(BenchGuard, ReadsWhatItWritesAndNothingElse) {
  const GuardFigures figures{{"exos/getpid", 261}, {"kernel/nop", 75.1}};
  EXPECT_EQ(guard_text(figures), "{\n \"exos/getpid\": 261.0,\n \"kernel/nop\": 75.1\n}\n");
  EXPECT_EQ(*read_guard(guard_text(figures)), figures);
  for (const char* text : {"", "[]", "{\"a\": \"1\"}", "{\"a\": 0}", "{\"a\": 1"}) EXPECT_FALSE(read_guard(text).has_value());
}

TEST(BenchLinux, TakesTheKernelThatThePackageDependsOn) {
  EXPECT_EQ(kernel_package_in("linux-image-cloud-amd64\n  Depends: linux-image-6.1.0-56-cloud-amd64\n"), "linux-image-6.1.0-56-cloud-amd64");
  EXPECT_EQ(kernel_package_in("E: No packages found\n"), "");
}

TEST(BenchLinux, HearsWhichRowsToRun) {
  const std::vector<BenchRow> rows{{.name = "a"}, {.name = "b"}};
  const std::string stock = linux_command_line(rows, LinuxTuning::stock, 7);
  EXPECT_NE(stock.find(" limit=7 rows=a,b"), std::string::npos);
  EXPECT_EQ(stock.find("mitigations"), std::string::npos);
  EXPECT_NE(linux_command_line(rows, LinuxTuning::fairest, 7).find(" mitigations=off "), std::string::npos);
}

}  // namespace
}  // namespace exo
