// SPDX-License-Identifier: MIT
#include "exo/volume.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include "exo/cpio_writer.hpp"
#include "exo/descriptor.hpp"
#include "scratch.hpp"

namespace exo {
namespace fs = std::filesystem;

class VolumeTest : public Scratch {
 protected:
  // An archive as a guest would send it, of (name, mode, contents).
  struct Member {
    std::string name;
    std::uint32_t mode;
    std::string contents;
  };
  std::string archive(const std::vector<Member>& members, bool complete = true) {
    const std::string path = (folder_ / "archive").string();
    const Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    CpioWriter writer{file.get()};
    for (const Member& m : members) EXPECT_TRUE(writer.add_bytes(m.name, m.contents, m.mode).has_value());
    if (complete) EXPECT_TRUE(writer.finish().has_value());
    return read(path);
  }
  Volume volume() {
    write("parent/data/old", "old");
    return {.host = (folder_ / "parent/data").string(), .guest = "/data", .is_writable = true};
  }
  [[nodiscard]] std::size_t entries_in_parent() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator{folder_ / "parent"}, {}));
  }
};

TEST_F(VolumeTest, IsReplacedAsAWhole) {
  const auto done = write_back(volume(), archive({{".", S_IFDIR | 0750, ""},
                                                  {"new", S_IFREG | 0600, "text"},
                                                  {"sub", S_IFDIR | 0500, ""},
                                                  {"sub/soft", S_IFLNK | 0777, "../new"}}));
  ASSERT_TRUE(done.has_value()) << done.error().text;
  EXPECT_EQ(read(folder_ / "parent/data/sub/soft"), "text");
  EXPECT_FALSE(fs::exists(folder_ / "parent/data/old"));
  struct stat status{};
  ::stat((folder_ / "parent/data").c_str(), &status);
  EXPECT_EQ(status.st_mode & 07777, 0750u);
  EXPECT_EQ(entries_in_parent(), 1u);
}

TEST_F(VolumeTest, NothingChangesWhenTheGuestDiedOrLies) {
  const Volume v = volume();
  write("outside", "untouched");
  const std::vector<Member> start{{".", S_IFDIR | 0755, ""}, {"new", S_IFREG | 0644, "text"}};
  const auto with = [&](const Member& member) {
    auto members = start;
    members.push_back({"out", S_IFLNK | 0777, ".."});
    members.push_back(member);
    return archive(members);
  };
  for (const std::string& bytes :
       {archive(start, false), std::string{}, std::string{"rubbish TRAILER!!!"},
        with({"../outside", S_IFREG | 0644, "x"}), with({"/tmp/outside", S_IFREG | 0644, "x"}),
        with({"out/outside", S_IFREG | 0644, "x"}), with({"a/../../outside", S_IFREG | 0644, "x"}),
        with({"new", S_IFREG | 0644, "twice"})}) {
    EXPECT_FALSE(write_back(v, bytes).has_value());
    EXPECT_EQ(read(folder_ / "parent/data/old"), "old");
    EXPECT_EQ(read(folder_ / "outside"), "untouched");
    EXPECT_EQ(entries_in_parent(), 1u);
  }
}

TEST_F(VolumeTest, OptionsAreChecked) {
  write("dir/file", "");
  const std::string dir = (folder_ / "dir").string();
  const auto parsed = Volume::parse(dir + ":/data:rw");
  ASSERT_TRUE(parsed.has_value());
  EXPECT_TRUE(parsed->is_writable);
  EXPECT_EQ(parsed->guest, "/data");
  EXPECT_FALSE(Volume::parse(dir + ":/data")->is_writable);
  for (const std::string& text :
       {dir, dir + ":data", dir + "/none:/data", dir + "/file:/data:rw", std::string{":/data"}})
    EXPECT_FALSE(Volume::parse(text).has_value()) << text;
}

}  // namespace exo
