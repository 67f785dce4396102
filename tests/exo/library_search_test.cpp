// SPDX-License-Identifier: MIT
#include "exo/library_search.hpp"

#include <algorithm>

#include "scratch.hpp"

namespace exo {
namespace fs = std::filesystem;

class LibrarySearchTest : public Scratch {
 protected:
  // Builds a library (or program) with the compiler that built this test.
  std::string build(const std::string& name, const std::string& flags, const std::string& code) const {
    const std::string source = write(name + ".c", code), out = (folder_ / name).string();
    fs::create_directories(fs::path{out}.parent_path());
    const std::string command = "clang-22 -fuse-ld=lld -o " + out + " " + source + " " + flags;
    EXPECT_EQ(std::system(command.c_str()), 0) << command;
    return out;
  }
};

TEST_F(LibrarySearchTest, FindsWhatTheLoaderFinds) {
  const auto sqlite = ElfFile::open("/usr/bin/sqlite3");
  ASSERT_TRUE(sqlite.has_value());
  EXPECT_EQ(sqlite->interpreter, "/lib64/ld-linux-x86-64.so.2");
  LibrarySearch search{""};
  const FoundLibraries found = search.libraries_of(*sqlite, Loader::glibc);
  EXPECT_TRUE(found.missing.empty());
  const auto has = [&](const std::string& name) {
    return std::ranges::any_of(found.paths, [&](const std::string& path) { return path.ends_with("/" + name); });
  };
  for (const char* name : {"libsqlite3.so.0", "libc.so.6", "libm.so.6", "libz.so.1"}) EXPECT_TRUE(has(name)) << name;
}

TEST_F(LibrarySearchTest, FollowsRunpathAndOriginAndNamesWhatIsMissing) {
  const std::string in = folder_.string();
  build("lib/deep/libdeep.so", "-shared -fPIC -Wl,-soname,libdeep.so", "int deep(void) { return 1; }");
  build("lib/libtop.so", "-shared -fPIC -Wl,-soname,libtop.so -L" + in + "/lib/deep -ldeep -Wl,-rpath,'$ORIGIN/deep'",
        "int deep(void); int top(void) { return deep(); }");
  const std::string program =
      build("prog", "-L" + in + "/lib -ltop -Wl,-rpath,'${ORIGIN}/lib' -Wl,--allow-shlib-undefined",
            "int top(void); int main(void) { return top(); }");
  const auto file = ElfFile::open(program);
  ASSERT_TRUE(file.has_value());
  const FoundLibraries found = LibrarySearch{""}.libraries_of(*file, Loader::glibc);
  EXPECT_TRUE(found.missing.empty());
  EXPECT_NE(std::ranges::find(found.paths, in + "/lib/deep/libdeep.so"), found.paths.end());

  fs::remove(folder_ / "lib/deep/libdeep.so");
  const FoundLibraries less = LibrarySearch{""}.libraries_of(*file, Loader::glibc);
  ASSERT_EQ(less.missing.size(), 1u);
  EXPECT_EQ(less.missing[0], "libdeep.so, which " + in + "/lib/libtop.so needs");
  fs::create_directories(folder_ / "elsewhere");
  build("elsewhere/libdeep.so", "-shared -fPIC", "int deep(void) { return 2; }");
  EXPECT_TRUE(LibrarySearch{in + "/elsewhere"}.libraries_of(*file, Loader::glibc).missing.empty());
}

TEST_F(LibrarySearchTest, ReadsTheLoadersConfiguration) {
  write("conf.d/a.conf", "# comment\n/one\n/two # rest\n");
  const std::string file = write("ld.conf", "/zero\ninclude conf.d/*.conf\n");
  EXPECT_EQ(read_loader_configuration(file), (std::vector<std::string>{"/zero", "/one", "/two"}));
}

// The loader itself is the judge of the cache that is written for it.
TEST_F(LibrarySearchTest, TheLoaderReadsOurCache) {
  std::map<std::string, std::string> libraries;
  for (const char* name : {"liba.so.2", "liba.so.10", "libb.so.1", "libz2.so.1", "lib.so", "libaa.so.1"})
    libraries.emplace(name, std::string{"/opt/"} + name);
  const std::string file = write("cache", make_loader_cache(libraries));
  const std::string list = (folder_ / "list").string();
  ASSERT_EQ(std::system(("/sbin/ldconfig -C " + file + " -p > " + list).c_str()), 0);
  const std::string text = read(list);
  for (const auto& [name, path] : libraries)
    EXPECT_NE(text.find(name + " (libc6,x86-64) => " + path), std::string::npos) << text;
}

TEST_F(LibrarySearchTest, DamagedFilesAreNoLibraries) {
  const std::string whole = read("/usr/bin/true");
  for (const std::size_t size :
       {std::size_t{4}, std::size_t{63}, std::size_t{64}, std::size_t{300}, whole.size() / 2}) {
    const auto file = ElfFile::open(write("cut", whole.substr(0, size)));
    EXPECT_FALSE(file.has_value()) << size;
  }
  // Each byte of the headers changed: refused or read, never a fault.
  for (std::size_t i = 0; i < 900; ++i) {
    std::string broken = whole;
    broken[i] = static_cast<char>(broken[i] ^ 0xff);
    const auto file = ElfFile::open(write("broken", broken));
    if (file.has_value()) std::ignore = LibrarySearch{""}.libraries_of(*file, Loader::glibc);
  }
}

}  // namespace exo
