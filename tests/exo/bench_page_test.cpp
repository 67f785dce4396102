// SPDX-License-Identifier: MIT
// A page with all its parts, of figures that are made up and always the same. With the variable BENCH_PAGE it is written there, for the browser of
// e2e/bench/bench_page_in_a_browser.
#include <gtest/gtest.h>

#include <cstdlib>

#include "exo/bench_report.hpp"
#include "exo/bench_text.hpp"

namespace exo {
namespace {

Sample counted(double count, std::map<double, double> curve = {}) {
  Sample sample;
  sample.status = 0;
  sample.counts = {count * 1.01, count};
  sample.curve = std::move(curve);
  return sample;
}

std::vector<double> times(double middle) {
  std::vector<double> all;
  for (int i = 0; i < 15; ++i) all.push_back(middle * (1 + 0.01 * ((i * 7) % 15)));
  return all;
}

RowResult row(const char* name, const char* title, double aim, double ours, double stock, double fairest) {
  RowResult r{.row = {.name = name, .title = title, .why = "what it is good for", .source = "M1 (1995)", .aim = aim}, .exos = counted(ours), .stock = counted(stock), .fairest = counted(fairest)};
  r.exos_ns = times(ours * 2), r.stock_ns = times(stock * 3), r.fairest_ns = times(fairest * 2.5);
  return r;
}

void add_rows(BenchReport& report) {
  report.exos = {row("getpid", "getpid", 10, 45, 322, 322), row("fork_exit", "fork, exit, wait", 2, 87'200, 358'164, 241'625),
                 row("open_close", "open and close a file", 3, 4'184, 9'472, 5'695)};
  RowResult curve = row("write_scaling", "write N bytes to the memory file system (tmpfs), over themselves", 0, 616, 1'713, 1'642);
  curve.exos.curve = {{1, 616}, {64, 630}, {4096, 1'100}, {65536, 9'500}};
  curve.stock.curve = {{1, 1'713}, {64, 1'720}, {4096, 5'769}, {65536, 66'000}};
  curve.fairest.curve = {{1, 1'642}, {64, 1'650}, {4096, 2'131}, {65536, 11'000}};
  RowResult bad{.row = {.name = "bad", .title = "a row that crashes", .why = "to be seen", .source = "tests"}};
  bad.exos.failure = "status 139", bad.exos.log = "wrong: a line that is so long that it would not fit on the screen of any telephone that anybody owns, were it not for its box\n";
  report.exos.push_back(curve), report.exos.push_back(bad);
}

BenchReport whole() {
  BenchReport report;
  report.machine = {{"processor", "a made-up one"}, {"emulator", "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3), TCG, q35, -cpu max"}};
  report.boot = BootCost{.instructions = 1'317'393, .kernel_frames = 288, .library_frames = 68, .program_frames = 33, .archive_frames = 627};
  report.sizes = {{"lines_ring0", "lines of code in ring 0", 11'259, 15'000}};
  report.kernel = {{.key = "nop", .title = "null Aegis call, round trip", .comparison = "Linux getpid 322", .aim = 60, .counted = {.instructions = 60, .ring0 = 56, .ring3 = 4}, .nanoseconds = {}},
                   {.key = "transfer", .title = "synchronous transfer, one way, 10 words", .comparison = "seL4: call 775, reply 646 cycles", .aim = 150, .counted = {.instructions = 212, .ring0 = 170, .ring3 = 42}, .nanoseconds = {}},
                   {.key = "filters", .title = "filter of N comparisons", .comparison = "", .counted = {.instructions = 53, .ring0 = 53, .ring3 = 0}, .nanoseconds = {}, .curve = {{1, 53}, {4, 62}, {16, 98}, {64, 242}}}};
  add_rows(report);
  report.plots["stride"] = {{"tickets-1", {{60, 10}, {600, 100}}}, {"tickets-2", {{60, 20}, {600, 200}}}, {"tickets-3", {{60, 30}, {600, 300}}}};
  report.profiles["kernel/transfer"] = {{{"kernel", "aegis::hand_over"}, 100}, {{"kernel", "aegis::enter_untagged_space"}, 70}, {{"library", "rt::transfer_call"}, 42}};
  report.profiles["exos/open_close"] = {{{"library", "exos::Vector::push_back"}, 532}, {{"library", "exos::String::append"}, 420}, {{"kernel", "aegis::traps::call"}, 100}};
  report.papers = {*read_paper_table("M01", "title = \"Null call\"\nof = \"1995, table 4\"\nrows = [{ kernel = \"nop\" }, { exos = \"getpid\" }, { exos = \"write_scaling\" }, { title = \"x\", missing = \"no disks yet\" }]\n"
                                            "quoted = [{ what = \"Ultrix / Aegis, DEC5000/125\", figure = \"21.3 / 1.6 to 2.3 µs\", tag = \"MEM hi\" }]")};
  report.peers = {{.name = "Another", .what = "a system of others", .quoted = {{.what = "null call", .figure = "84 cycles", .conditions = "another machine, another year"}}}};
  return report;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(BenchPage, HoldsAllItsParts) {
  const std::string page = html_of(whole());
  for (const char* heading : {"Boot and size", "Linux calls", "How it grows", "Emulated time", "Distributions", "The kernel's operations", "Where the instructions go", "The papers' tables",
                              "Other systems, as published", "What failed", "Where it was measured"})
    EXPECT_EQ(count(page, std::string{"<h2>"} + heading), 1u) << heading;
  EXPECT_EQ(count(page, "<svg"), 3u);           // a row's curves, the kernel's, the stride scheduler's
  EXPECT_EQ(count(page, "<polyline"), 7u);
  EXPECT_EQ(count(page, "<circle"), 3 * 4 + 4 + 3 * 2u);
  EXPECT_EQ(count(page, "class=\"range\""), 4u);  // an interval for each row that has times
  EXPECT_EQ(count(page, "class=\"tick"), 4 * 3 * 15u);
  if (const char* path = std::getenv("BENCH_PAGE")) EXPECT_TRUE(write_text(path, page).has_value());
}

}  // namespace
}  // namespace exo
