// SPDX-License-Identifier: MIT
// Watchers: what a guest answers is a stranger's data.
#include "exo/watchers.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "abi/link.hpp"

namespace {

using abi::link::ProcessEntry, abi::link::ProcessReport;

template <typename T>
std::string bytes_of(const T& value) { return {reinterpret_cast<const char*>(&value), sizeof value}; }

class WatchersTest : public testing::Test {
 protected:
  WatchersTest() {
    std::string name = "/tmp/exo-watchers-XXXXXX";
    folder_ = ::mkdtemp(name.data());
    ::setenv("XDG_RUNTIME_DIR", folder_.c_str(), 1);
  }
  ~WatchersTest() override { std::filesystem::remove_all(folder_); }

  static exo::Descriptor connect() {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    const std::string path = exo::watch_folder() + "/" + std::to_string(::getpid());
    path.copy(name.sun_path, path.size());
    exo::Descriptor end{::socket(AF_UNIX, SOCK_STREAM, 0)};
    return ::connect(end.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0 ? std::move(end) : exo::Descriptor{};
  }
  static std::string read_all(int fd) {
    std::string text;
    std::array<char, 1000> piece;
    for (ssize_t n; (n = ::read(fd, piece.data(), piece.size())) > 0;) text.append(piece.data(), static_cast<std::size_t>(n));
    return text;
  }

  std::string folder_;
};

TEST_F(WatchersTest, AllWhoWaitGetThePartsOfOneAnswer) {
  exo::Watchers watchers{"a\nprogram"};
  const exo::Descriptor one = connect(), other = connect();
  ASSERT_TRUE(one && other);
  EXPECT_TRUE(watchers.accept());
  EXPECT_FALSE(watchers.accept());   // the question is outstanding
  ProcessReport report{.time_ns = 5, .used_pages = 6, .limit_pages = 7, .busy_ns = 8, .processors = 2, .count = 1, .last = 0, .reserved = 0};
  ProcessEntry entry{};
  entry.pid = 41, entry.state = 'R', entry.calls = 99;
  std::memset(entry.name, 'n', sizeof entry.name);   // no NUL
  EXPECT_TRUE(watchers.take(bytes_of(report) + bytes_of(entry)));
  entry.pid = 42, entry.state = '\x1b', entry.name[1] = '\n';
  report.last = 1;
  EXPECT_TRUE(watchers.take(bytes_of(report) + bytes_of(entry)));
  const std::string wanted = "guest " + std::to_string(::getpid()) + " 5 8 2 6 7 a program\nprocess 41 0 0 R 0 0 0 0 99 nnnnnnnnnnnnnnnn\n"
                             "process 42 0 0 ? 0 0 0 0 99 n nnnnnnnnnnnnnn\n";
  EXPECT_EQ(read_all(one.get()), wanted);
  EXPECT_EQ(read_all(other.get()), wanted);
}

TEST_F(WatchersTest, AnswersThatAreMalformedOrNotAskedForAreRefused) {
  exo::Watchers watchers{"program"};
  ProcessReport report{};
  EXPECT_FALSE(watchers.take(bytes_of(report)));   // nobody asked
  const exo::Descriptor one = connect();
  ASSERT_TRUE(watchers.accept());
  EXPECT_FALSE(watchers.take(""));
  EXPECT_FALSE(watchers.take(bytes_of(report).substr(1)));
  report.count = 1;
  EXPECT_FALSE(watchers.take(bytes_of(report)));
  EXPECT_FALSE(watchers.take(bytes_of(report) + bytes_of(ProcessEntry{}) + "x"));
  report.count = 0xffff'ffff;
  EXPECT_FALSE(watchers.take(bytes_of(report) + bytes_of(ProcessEntry{})));
  report.count = 1;
  bool is_taken = true;   // parts without an end
  for (int i = 0; i < 300'000 && is_taken; ++i) is_taken = watchers.take(bytes_of(report) + bytes_of(ProcessEntry{}));
  EXPECT_FALSE(is_taken);
}

TEST_F(WatchersTest, AnotherPersonsFolderIsNotUsed) {
  std::filesystem::create_directory(exo::watch_folder());
  std::filesystem::permissions(exo::watch_folder(), std::filesystem::perms::all);
  exo::Watchers watchers{"program"};
  EXPECT_EQ(watchers.fd(), -1);
}

}  // namespace
