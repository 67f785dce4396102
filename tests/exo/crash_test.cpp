// SPDX-License-Identifier: MIT
#include "exo/crash.hpp"

#include <gtest/gtest.h>

#include "base/result.hpp"
#include "exo/elf_file.hpp"

namespace exo {
namespace {

std::string record(const std::string& stack) {
  return "CRASH 1\nprogram=/usr/bin/a%20b\npid=3\nsignal=11\ncode=1\naddress=10\nrip=401000\nrsp=7ffff000\n"
         "map=400000-402000 r-xp 0 /usr/bin/a%20b\n\nstack 7ffff000 " +
         std::to_string(stack.size()) + "\n" + stack + "end\n";
}

}  // namespace

TEST(CrashRecord, IsTakenApart) {
  const std::string stack{"\n\nend\n\0stack", 12};
  const std::string text = record(stack) + record("");
  std::string_view rest = text;
  const auto first = CrashRecord::take(rest);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->program, "/usr/bin/a b");
  EXPECT_EQ(first->registers.at("rip"), 0x401000u);
  EXPECT_EQ(first->maps.at(0).path, "/usr/bin/a b");
  EXPECT_EQ(first->stacks.at(0).bytes, stack);
  EXPECT_TRUE(CrashRecord::take(rest));
  EXPECT_TRUE(rest.empty());
}

TEST(CrashRecord, DamageIsFound) {
  const std::string whole = record("0123456789");
  for (std::size_t size = 0; size + 1 < whole.size(); ++size) {
    std::string_view cut{whole.data(), size};
    EXPECT_FALSE(CrashRecord::take(cut)) << size;
  }
  std::string_view huge = "CRASH 1\n\nstack 0 99999999999999999\nend\n";
  EXPECT_FALSE(CrashRecord::take(huge));
}

TEST(CrashReport, NamesTheFunction) {
  // This very program as the one that died: its main, at a base of our choice.
  const auto self = ElfFile::open("/proc/self/exe");
  ASSERT_TRUE(self.has_value());
  const std::uint64_t base = 0x5555'5555'4000;
  char text[256];
  std::snprintf(text, sizeof text, "CRASH 1\nprogram=/me\npid=1\nsignal=6\ncode=0\nrip=%lx\nrsp=7ffff000\n"
                "map=%lx-%lx r-xp 0 /me\n\nstack 7ffff000 16\n0123456789abcdefend\n",
                base + self->view.header->entry, base, base + 0x10000000);
  const std::string report = report_crashes(text, [](const std::string&) { return "/proc/self/exe"; });
  EXPECT_NE(report.find("SIGABRT"), std::string::npos) << report;
  EXPECT_NE(report.find("_start"), std::string::npos) << report;
}

}  // namespace exo
