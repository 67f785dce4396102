// SPDX-License-Identifier: MIT
#include "exo/tree.hpp"

#include <algorithm>

#include "scratch.hpp"

namespace exo {
namespace fs = std::filesystem;

class TreeTest : public Scratch {};

TEST_F(TreeTest, TakesLinksOnTheWay) {
  write("real/file", "x");
  fs::create_symlink("real", folder_ / "link");
  fs::create_symlink(folder_ / "link/file", folder_ / "absolute");
  Tree tree;
  const auto at = tree.add_path((folder_ / "absolute").string());
  ASSERT_TRUE(at.has_value());
  EXPECT_EQ(*at, (folder_ / "real/file").string());
  const std::string prefix = folder_.string().substr(1);
  EXPECT_EQ(tree.nodes().at(prefix + "/link").kind, Node::Kind::link);
  EXPECT_EQ(tree.nodes().at(prefix + "/link").text, "real");
  EXPECT_EQ(tree.nodes().at(prefix + "/real/file").kind, Node::Kind::file);
  EXPECT_EQ(tree.resolve((folder_ / "link/other").string()), (folder_ / "real/other").string());
}

TEST_F(TreeTest, ALoopOfLinksIsAnError) {
  fs::create_symlink("b", folder_ / "a");
  fs::create_symlink("a", folder_ / "b");
  Tree tree;
  EXPECT_FALSE(tree.add_path((folder_ / "a").string()).has_value());
}

TEST_F(TreeTest, DirectoriesStandBeforeTheirContents) {
  write("d/x-y", "");
  write("d/x/file", "");
  write("d/x!/file", "");
  Tree tree;
  ASSERT_TRUE(tree.add_folder((folder_ / "d").string(), "/data", {}, Tree::Unreadable::is_an_error).has_value());
  std::vector<std::string> seen;
  for (const auto& [path, node] : tree.nodes()) {
    const std::size_t slash = path.rfind('/');
    if (!path.empty())
      EXPECT_NE(std::ranges::find(seen, slash == std::string::npos ? "" : path.substr(0, slash)), seen.end()) << path;
    seen.push_back(path);
  }
}

TEST_F(TreeTest, AVolumeHidesWhatWasThere) {
  Tree tree;
  tree.add_text("/data/old", "x", 0644);
  tree.add_text("/data2/other", "x", 0644);
  tree.remove("/data");
  EXPECT_EQ(tree.find("/data/old"), nullptr);
  EXPECT_NE(tree.find("/data2/other"), nullptr);
}

TEST(NormalPath, NeedsNoDisk) {
  EXPECT_EQ(normal_path("a/../b/./c/", "/x"), "/x/b/c");
  EXPECT_EQ(normal_path("/../..", "/x"), "/");
}

}  // namespace exo
