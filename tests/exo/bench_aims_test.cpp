// SPDX-License-Identifier: MIT
// Aims that tests assert, sizes, what others published: each says what it must.
#include <gtest/gtest.h>

#include "exo/bench_aims.hpp"
#include "exo/bench_peers.hpp"
#include "exo/scratch_folder.hpp"

namespace exo {
namespace {

namespace fs = std::filesystem;
const fs::path source = BENCH_SOURCE;

bool holds(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Where the test of that name is written.
bool is_there(const std::string& test) {
  const std::size_t slash = test.find('/');
  const std::string area = test.substr(0, slash), name = test.substr(slash + 1);
  if (area == "kernel" || area == "hostile") return fs::exists(source / "tests" / area / (name + ".toml"));
  if (area != "e2e") return holds(contents_of(source / "tools/exo/test_command.cpp"), "\"" + test + "\"");
  const std::size_t file = name.find('/');
  return holds(contents_of(source / "tests/e2e" / (name.substr(0, file) + ".toml")), "name = \"" + name.substr(file + 1) + "\"");
}

TEST(BenchAims, AreAssertedByTestsThatAreThere) {
  const auto aims = read_tested_aims(contents_of(source / "bench/aims.toml"));
  ASSERT_TRUE(aims.has_value());
  EXPECT_GE(aims->size(), 8u);
  for (const TestedAim& aim : *aims) EXPECT_TRUE(is_there(aim.test)) << aim.test;
  EXPECT_FALSE(is_there("e2e/bench/nonsense") || is_there("kernel/nonsense") || is_there("unit/nonsense"));
}

TEST(BenchAims, WithoutATestAreRefused) {
  EXPECT_FALSE(read_tested_aims("[[aim]]\nwhat = \"w\"\nwanted = \"1\"").has_value());
  EXPECT_FALSE(read_tested_aims("[aim]").has_value());
  EXPECT_FALSE(read_tested_aims("aim = ").has_value());
}

TEST(BenchSizes, AreWhatTheCheckSays) {
  const auto sizes = read_sizes("ring 0: 11000 lines of code:  core 4000  sys 1000  program 1100  arch 3000  dev 1000  boot 900; the verifier 1501");
  ASSERT_EQ(sizes.size(), 3u);
  EXPECT_EQ(sizes[0].figure, 11000);
  EXPECT_EQ(sizes[1].figure, 5000);
  EXPECT_TRUE(sizes[1].is_met());
  EXPECT_FALSE(sizes[2].is_met());
  EXPECT_TRUE(read_sizes("sh: no such file").empty());
}

TEST(BenchPeers, AreDescribedAndQuotedWithConditions) {
  const auto peers = read_peers(contents_of(source / "bench/peers.toml"));
  ASSERT_TRUE(peers.has_value());
  EXPECT_GE(peers->size(), 6u);
  for (const Peer& peer : *peers) EXPECT_FALSE(peer.quoted.empty()) << peer.name;
  const std::string text = peers_markdown(*peers), page = peers_html(*peers);
  EXPECT_TRUE(holds(text, "Quoted, not measured here") && holds(page, "Quoted, not measured here"));
  EXPECT_TRUE(holds(page, "quoted: "));
  EXPECT_EQ(peers_markdown({}), "");
}

TEST(BenchPeers, AFigureWithoutItsConditionsIsRefused) {
  const std::string head = "[[peer]]\nname = \"n\"\nwhat = \"w\"\n[[peer.quoted]]\nwhat = \"q\"\nfigure = \"1\"\n";
  EXPECT_FALSE(read_peers(head).has_value());
  EXPECT_TRUE(read_peers(head + "conditions = \"c\"").has_value());
  EXPECT_FALSE(read_peers("[[peer]]\nname = \"n\"").has_value());
}

}  // namespace
}  // namespace exo
