// SPDX-License-Identifier: MIT
// From a program on the host to an archive: what is in it, and that readers other than ours understand it.
#include <fcntl.h>

#include <set>

#include "base/cpio.hpp"
#include "exo/cpio_writer.hpp"
#include "exo/packer.hpp"
#include "exo/program.hpp"
#include "scratch.hpp"

namespace exo {
namespace fs = std::filesystem;

class PackingTest : public Scratch {
 protected:
  std::string pack(const Tree& tree) {
    const std::string path = (folder_ / "out.cpio").string();
    const Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    CpioWriter writer{file.get()};
    EXPECT_TRUE(writer.add_bytes("aegis/run", "program=/x\n").has_value());
    EXPECT_TRUE(writer.add_tree("root", tree).has_value());
    EXPECT_TRUE(writer.finish().has_value());
    return read(path);
  }
};

TEST_F(PackingTest, FileDataStartsOnPagesAndLinksStayLinks) {
  write("in/big", std::string(10000, 'b'));
  write("in/empty", "");
  fs::create_hard_link(folder_ / "in/big", folder_ / "in/twin");
  fs::create_symlink("big", folder_ / "in/soft");
  Tree tree;
  ASSERT_TRUE(tree.add_folder((folder_ / "in").string(), "/in", {}, Tree::Unreadable::is_an_error).has_value());
  const std::string bytes = pack(tree);
  base::cpio::Reader reader{std::as_bytes(std::span{bytes})};
  base::cpio::Entry entry;
  std::map<std::string, base::cpio::Entry> seen;
  while (reader.next(entry) == base::cpio::Step::entry) {
    if ((entry.mode & S_IFMT) == S_IFREG && !entry.data.empty()) EXPECT_EQ(entry.data_offset % 4096, 0u) << entry.name;
    seen.emplace(entry.name, entry);
  }
  ASSERT_TRUE(seen.contains("root/in/twin"));
  EXPECT_EQ(seen["root/in/big"].inode, seen["root/in/twin"].inode);
  EXPECT_EQ(seen["root/in/big"].data.size() + seen["root/in/twin"].data.size(), 10000u);
  EXPECT_EQ(seen["root/in/soft"].data.size(), 3u);
  EXPECT_EQ(seen["root/in/empty"].links, 1u);

  ASSERT_EQ(std::system(("cd " + folder_.string() +
                         " && mkdir x && cd x && busybox cpio -id < ../out.cpio 2>/dev/null && "
                         "diff -r root/in ../in")
                            .c_str()),
            0);
}

TEST_F(PackingTest, AProgramBringsItsLoaderLibrariesAndTheLinksToThem) {
  Packer packer{""};
  ASSERT_TRUE(packer.add_program("/bin/bash").has_value());
  ASSERT_TRUE(packer.add_common().has_value());
  const Tree& tree = packer.tree();
  EXPECT_NE(tree.find("/bin/bash"), nullptr);
  EXPECT_NE(tree.find("/lib64/ld-linux-x86-64.so.2"), nullptr);
  EXPECT_NE(tree.find("/lib/x86_64-linux-gnu/libc.so.6"), nullptr);
  EXPECT_NE(tree.find("/usr/lib/locale/C.utf8/LC_CTYPE"), nullptr);
  EXPECT_EQ(tree.nodes().at("bin").kind, Node::Kind::link);
  EXPECT_EQ(tree.find("/etc/ld.so.cache"), nullptr);
}

TEST_F(PackingTest, AScriptBringsItsInterpreter) {
  Packer packer{""};
  ASSERT_TRUE(packer.add_program(write("script", "#!/usr/bin/env -S lua5.4\nprint(1)\n", 0755)).has_value());
  EXPECT_NE(packer.tree().find("/usr/bin/env"), nullptr);
  EXPECT_NE(packer.tree().find("/usr/bin/lua5.4"), nullptr);
}

TEST_F(PackingTest, PythonBringsItsLibraryButNotItsTests) {
  Packer packer{""};
  ASSERT_TRUE(packer.add_program("/usr/bin/python3").has_value());
  EXPECT_NE(packer.tree().find("/usr/lib/python3.11/json/__init__.py"), nullptr);
  EXPECT_EQ(packer.tree().find("/usr/lib/python3.11/test"), nullptr);
}

TEST_F(PackingTest, ThingsThatDoNotRunAreToldApart) {
  const auto status = [&](const std::string& path) {
    const auto found = find_program(path);
    if (!found.has_value()) return found.error().status;
    const auto kind = inspect_program(*found);
    return kind.has_value() ? 0 : kind.error().status;
  };
  const std::string whole = read("/usr/bin/true");
  std::string other = whole;
  other[18] = '\xb7';  // e_machine: AArch64
  EXPECT_EQ(status((folder_ / "none").string()), not_found);
  EXPECT_EQ(status("no-such-program-anywhere"), not_found);
  EXPECT_EQ(status(folder_.string()), cannot_execute);
  EXPECT_EQ(status(write("other", other, 0755)), cannot_execute);
  EXPECT_EQ(status(write("cut", whole.substr(0, 2000), 0755)), cannot_execute);
  EXPECT_EQ(status(write("text", "echo hello\n", 0755)), cannot_execute);
  EXPECT_EQ(status(write("script", "#!/no/such/interpreter\n", 0755)), cannot_execute);
  EXPECT_EQ(status(write("empty", "", 0755)), cannot_execute);
  EXPECT_EQ(status("true"), 0);
}

}  // namespace exo
