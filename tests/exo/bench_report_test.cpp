// SPDX-License-Identifier: MIT
// The forms that the figures of `exo bench` are given in.
#include <gtest/gtest.h>

#include <array>

#include "exo/bench_html.hpp"
#include "exo/bench_profile.hpp"
#include "exo/bench_report.hpp"

namespace exo {
namespace {

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

Sample counted(double count) {
  Sample sample;
  sample.status = 0;
  sample.counts = {count + 1, count};
  return sample;
}

// A row that is met, one that is missed, and one that failed.
BenchReport made_up() {
  BenchReport report;
  report.machine = {{"processor", "one <of> many"}};
  report.kernel = {{.key = "nop", .title = "null call", .comparison = "", .aim = 60, .counted = {.instructions = 75}, .nanoseconds = {}}};
  report.exos = {{.row = {.name = "quick", .title = "a quick one", .aim = 3}, .exos = counted(100), .stock = counted(500), .fairest = counted(400)},
                 {.row = {.name = "slow", .title = "a slow one", .aim = 3}, .exos = counted(100), .stock = counted(500), .fairest = counted(120)},
                 {.row = {.name = "bad", .title = "a bad one"}}};
  report.exos[0].exos_ns = {10, 11, 12}, report.exos[0].fairest_ns = {40, 44, 48};
  report.exos[2].exos.failure = "status 139", report.exos[2].exos.log = "<segfault>";
  report.papers = {*read_paper_table("M1", "title = \"t\"\nof = \"1995\"\nrows = [{ kernel = \"nop\" }, { exos = \"quick\" }, { title = \"x\", missing = \"no disks\" }]\n"
                                           "quoted = [{ what = \"w\", figure = \"21 us\", tag = \"MEM hi\" }]")};
  return report;
}

TEST(BenchReport, SaysOfEachAimWhetherItIsMet) {
  const std::string text = markdown_of(made_up());
  EXPECT_TRUE(holds(text, "| null call | 75 | 60 | **missed** |"));
  EXPECT_TRUE(holds(text, "| a quick one | 100 | 500 | 400 | 4.00 | 3 | met |"));
  EXPECT_TRUE(holds(text, "| a slow one | 100 | 500 | 120 | 1.20 | 3 | **missed** |"));
  EXPECT_TRUE(holds(text, "| a bad one | failed | - | - | - |"));
}

TEST(BenchReport, HoldsTheBootAndCurvesOfTheKernel) {
  BenchReport report = made_up();
  report.boot = BootCost{.instructions = 1'400'000, .kernel_frames = 256, .archive_frames = 256, .ring0_lines = 11'000};
  report.kernel[0].curve = {{1, 75}, {512, 80}};
  const std::string json = json_of(report), markdown = markdown_of(report), page = html_of(report);
  EXPECT_TRUE(holds(json, "\"boot_instructions\": 1400000.0") && holds(json, "\"boot_memory\": 2.0"));
  EXPECT_TRUE(holds(markdown, "| 1,400,000 | 6,000,000 | met |") && holds(markdown, "| 2 | 4 | met |"));
  EXPECT_TRUE(holds(markdown, "3 of 5 aims are met; missed are"));  // two of the boot, one row; another and the null call are not
  EXPECT_TRUE(holds(markdown, "- a slow one: 1.20 times fewer than the fairest Linux, aim 3") && holds(markdown, "- null call: 75, aim at most 60"));
  EXPECT_TRUE(holds(page, "1,400,000"));
  for (const std::string& text : {kernel_table_of(report), markdown}) EXPECT_TRUE(holds(text, "N = 512"));
  EXPECT_TRUE(holds(*changes_since(R"({"boot":{"boot_instructions":1000000.0}})", report), "boot/boot_instructions"));
}

TEST(BenchReport, ShowsACurveAtEachOfItsPoints) {
  BenchReport report = made_up();
  report.exos[0].exos.curve = {{7, 100}, {14, 200}}, report.exos[0].fairest.curve = {{7, 400}, {14, 300}};
  EXPECT_TRUE(holds(markdown_of(report), "| &emsp;N = 14 | 200 | - | 300 | 1.50 | | |"));
  EXPECT_TRUE(holds(papers_table_of(report), "N = 14"));
  EXPECT_TRUE(holds(html_of(report), "<td>N = 14</td>"));
}

TEST(BenchReport, SaysWhereTheInstructionsOfMissedAimsGo) {
  BenchReport report = made_up();
  report.profiles["exos/slow"] = {{{"kernel", "outer", "inner"}, 30}, {{"library", "f"}, 70}};
  report.profiles["kernel/nop"] = {{{"kernel", "entry"}, 60}, {{"library", "stub"}, 15}};
  const std::string markdown = markdown_of(report), page = html_of(report);
  EXPECT_TRUE(holds(markdown, "of ExOS's: `f` 70 (70.0 %), `inner` 30 (30.0 %)"));
  EXPECT_TRUE(holds(markdown, "- null call\n  - `entry` 60 (80.0 %), `stub` 15 (20.0 %)"));
  EXPECT_TRUE(holds(page, "70, 70.0 %") && holds(page, ">inner<"));
}

TEST(BenchReport, AimsAreJudgedAsTheirFiguresAreShown) {
  KernelResult r{.aim = 60, .counted = {.instructions = 60.001}};
  EXPECT_TRUE(r.is_met());
  r.counted.instructions = 60.1;
  EXPECT_FALSE(r.is_met());
}

TEST(BenchReport, SaysWhatTimesAreTakenWith) {
  BenchReport report = made_up();
  EXPECT_TRUE(holds(html_of(report), "Emulated time"));
  report.timed_with = Accelerator::kvm;
  EXPECT_TRUE(holds(html_of(report), "Time under KVM") && !holds(html_of(report), "Emulated time"));
  EXPECT_TRUE(holds(json_of(report), "\"nanoseconds\": \"time under KVM\"") && holds(kernel_table_of(report), "time under KVM"));
}

TEST(BenchReport, ListsWhatIsMissingAndMarksWhatIsQuoted) {
  const std::string text = papers_table_of(made_up());
  EXPECT_TRUE(holds(text, "missing: no disks"));
  EXPECT_TRUE(holds(text, "quoted, from memory of the paper, not re-read [MEM hi]: w: 21 us"));
  const std::string markdown = markdown_of(made_up());
  EXPECT_TRUE(holds(markdown, "### M1 t (1995)") && holds(markdown, "| kernel: null call | 75 | | | |") && holds(markdown, "| x | missing: no disks | | | |"));
  EXPECT_TRUE(holds(markdown, "| *quoted, from memory of the paper, not re-read [MEM hi]: w* | *21 us* | | | |"));
}

TEST(BenchReport, PageEscapesWhatComesFromOutside) {
  const std::string page = html_of(made_up());
  EXPECT_TRUE(holds(page, "one &lt;of&gt; many"));
  EXPECT_TRUE(holds(page, "&lt;segfault&gt;"));
  EXPECT_FALSE(holds(page, "<segfault>"));
  EXPECT_TRUE(holds(page, "met: 4.00 times, aim 3"));
  EXPECT_FALSE(holds(page, "http"));  // needs nothing from elsewhere
}

TEST(BenchReport, ComparesWithItsOwnFigures) {
  BenchReport report = made_up();
  const std::string old = json_of(report);
  EXPECT_EQ(*changes_since(old, report), "nothing has changed by more than 0.5 %\n");
  report.exos[0].exos = counted(110);
  const std::string changes = *changes_since(old, report);
  EXPECT_TRUE(holds(changes, "exos/quick") && holds(changes, "+10.0 %"));
  EXPECT_FALSE(holds(changes, "exos/slow"));
  EXPECT_FALSE(changes_since("[1", report).has_value());
}

TEST(BenchPapers, RowsAreOneThing) {
  EXPECT_FALSE(read_paper_table("M1", "title = \"t\"\nof = \"o\"\nrows = [{ kernel = \"a\", exos = \"b\" }]").has_value());
  EXPECT_FALSE(read_paper_table("M1", "title = \"t\"\nof = \"o\"\nrows = [{ title = \"a\" }]").has_value());
  EXPECT_FALSE(read_paper_table("M1", "title = \"t\"\nof = \"o\"\nrows = []\nquoted = [{ what = \"w\", figure = \"1\" }]").has_value());
  EXPECT_FALSE(read_paper_table("M1", "title = ").has_value());
}

TEST(BenchHtml, LongestBarIsTheMeasure) {
  const std::array group{html::Bar{"exos", "a", 50.0, {}}, html::Bar{"stock", "b", 100.0, {}}, html::Bar{"fairest", "c", {}, "crashed"}};
  const std::string text = html::bars(group);
  EXPECT_TRUE(holds(text, "width:31.00%") && holds(text, "width:62.00%") && holds(text, "failed: crashed"));
}

TEST(BenchHtml, IntervalsLieOnALogarithmicAxis) {
  const std::string text = html::interval({1, 10, 100}, 0.01, 100);
  EXPECT_TRUE(holds(text, "class=\"range\" style=\"left:50.00%;width:50.00%\""));
  EXPECT_TRUE(holds(text, "class=\"middle\" style=\"left:75.00%\""));
}

TEST(BenchHtml, CurvesWithoutPointsAreLeftOut) {
  const std::array group{html::Curve{"exos", "a", {{1, 10}, {16, 1000}}}, html::Curve{"stock", "b", {}}};
  const std::string text = html::curves("t", group);
  EXPECT_TRUE(holds(text, "a 1,000"));
  EXPECT_FALSE(holds(text, "line stock"));
}

TEST(BenchProfile, ChainsGoFromOutsideIn) {
  const auto symbols = read_symbols(R"J({"Address":"0x10","Symbol":[{"FunctionName":"long aegis::(anonymous namespace)::inner[abi:x1]<int>(long)"},{"FunctionName":"outer"}]})J"
                                    "\nrubbish\n" R"J({"Address":"0x20","Symbol":[{"FunctionName":""}]})J");
  EXPECT_EQ(symbols.at(0x10), (Chain{"outer", "aegis::inner"}));
  EXPECT_TRUE(symbols.at(0x20).empty());
}

TEST(BenchProfile, NamesOfOperatorsAreShortToo) {
  const auto name = [](const std::string& full) { return read_symbols(R"J({"Address":"0x10","Symbol":[{"FunctionName":")J" + full + R"J("}]})J").at(0x10).at(0); };
  EXPECT_EQ(name("base::Strong<abi::Tag, unsigned long>::friend operator-(base::Strong<abi::Tag>, int) requires x"), "base::Strong::operator-");
  EXPECT_EQ(name("auto aegis::f(int)::$_0::operator()<int>(int) const"), "aegis::f::operator()<int>");
  EXPECT_EQ(name("exos::A::operator bool() const"), "exos::A::operator bool");
}

TEST(BenchProfile, IsGivenByFunctionPlaceAndChain) {
  const ChainCounts counts{{{"kernel", "outer", "inner"}, 30}, {{"kernel", "outer"}, 10}, {{"library", "a<b"}, 60}};
  const std::string table = profile_table_of(counts, 2);
  EXPECT_TRUE(holds(table, "100 instructions of one operation: kernel 40 library 60"));
  EXPECT_TRUE(holds(table, "60  60.0 %  library  a<b") && holds(table, "30  30.0 %  kernel   inner"));
  EXPECT_FALSE(holds(table, "outer"));
  EXPECT_TRUE(holds(folded_of(counts), "kernel;outer;inner 30000\n"));
  const std::string flame = flame_of(counts, "t");
  EXPECT_TRUE(holds(flame, "<title>a&lt;b: 60</title>") && holds(flame, "width=\"720.0\""));
}

}  // namespace
}  // namespace exo
