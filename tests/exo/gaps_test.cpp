// SPDX-License-Identifier: MIT
#include "exo/gaps.hpp"

#include <algorithm>

#include "scratch.hpp"

namespace exo {

class GapsTest : public Scratch {
 protected:
  std::vector<Gap> gaps_of(const std::string& assembly) {
    const std::string source = write("code.s", assembly), out = (folder_ / "code").string();
    const std::string command = "clang-22 -fuse-ld=lld -nostdlib -static -Wl,-e,first -o " + out + " " + source;
    EXPECT_EQ(std::system(command.c_str()), 0);
    const auto file = ElfFile::open(out);
    EXPECT_TRUE(file.has_value());
    bytes_ = read(out);
    return file.has_value() ? find_gaps(*file) : std::vector<Gap>{};
  }
  std::string bytes_;
};

constexpr const char* frame = ".cfi_sections .eh_frame\n.text\n.globl first\n";

TEST_F(GapsTest, PaddingBehindAReturnCounts) {
  const auto gaps = gaps_of(std::string{frame} +
                            "first: .cfi_startproc\n syscall\n ret\n .cfi_endproc\n .p2align 6\n"
                            "second: .cfi_startproc\n jmp first\n .cfi_endproc\n .fill 7, 1, 0xcc\n"
                            "third: .cfi_startproc\n ret\n .cfi_endproc\n");
  ASSERT_EQ(gaps.size(), 2u);
  EXPECT_EQ(gaps[0].length, 61u);
  EXPECT_EQ(gaps[1].length, 7u);
  EXPECT_EQ(bytes_[gaps[0].offset - 1], '\xc3');
}

TEST_F(GapsTest, WhatControlRunsOverDoesNot) {
  EXPECT_TRUE(
      gaps_of(std::string{frame} +
              "first: .cfi_startproc\n syscall\n cmp %rax, %rbx\n {disp32} jb third\n .cfi_endproc\n .p2align 6\n"
              "second: .cfi_startproc\n ret\n .cfi_endproc\n nop\n nop\n"
              "third: .cfi_startproc\n ret\n .cfi_endproc\n .byte 0x90,0x90,0x90,0x90,0x90,0xc3\n"
              "fourth: .cfi_startproc\n ret\n .cfi_endproc\n")
          .empty());
}

TEST_F(GapsTest, WithoutSyscallsNoGapIsNeeded) {
  EXPECT_TRUE(gaps_of(std::string{frame} + "first: .cfi_startproc\n ret\n .cfi_endproc\n .p2align 6\n"
                                           "second: .cfi_startproc\n ret\n .cfi_endproc\n").empty());
}

TEST_F(GapsTest, PaddingInsideAFunctionCounts) {
  const auto gaps = gaps_of(std::string{frame} + "first: .cfi_startproc\n syscall\n ret\n .p2align 6\n"
                                                 "1: inc %eax\n jne 1b\n hlt\n .cfi_endproc\n");
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(gaps[0].length, 61u);
  EXPECT_EQ(bytes_[gaps[0].offset - 1], '\xc3');
}

TEST_F(GapsTest, WhatABranchLeadsIntoIsAlive) {
  EXPECT_TRUE(gaps_of(std::string{frame} + "first: .cfi_startproc\n syscall\n je 1f\n ret\n .fill 20, 1, 0x90\n"
                                           "1: .fill 4, 1, 0x90\n hlt\n .cfi_endproc\n").empty());
}

TEST_F(GapsTest, ConditionalJumpsAndCallsGoOn) {
  EXPECT_TRUE(gaps_of(std::string{frame} + "first: .cfi_startproc\n syscall\n jne first\n .fill 20, 1, 0x90\n"
                                           " call first\n .fill 20, 1, 0x90\n hlt\n .cfi_endproc\n").empty());
}

TEST_F(GapsTest, FunctionsWithDataInThemAreLeftAlone) {
  // A branch into the middle of what looks like one instruction (mov with an immediate), and bytes that are none.
  EXPECT_TRUE(gaps_of(std::string{frame} + "first: .cfi_startproc\n syscall\n je 1f+2\n ret\n .fill 20, 1, 0x90\n"
                                           "1: mov $0x12345678, %eax\n hlt\n .cfi_endproc\n").empty());
  EXPECT_TRUE(gaps_of(std::string{frame} + "first: .cfi_startproc\n syscall\n ret\n .fill 20, 1, 0x90\n"
                                           " hlt\n .byte 0x06, 0x06, 0x06\n .cfi_endproc\n").empty());
}

TEST_F(GapsTest, OnlyWhatASiteCanReachIsKept) {
  EXPECT_TRUE(gaps_of(std::string{frame} + "first: .cfi_startproc\n syscall\n .fill 300, 1, 0xf8\n ret\n"
                                           " .fill 20, 1, 0x90\n hlt\n .cfi_endproc\n").empty());
}

// Sites of a file whose two bytes can become a short jump into five dead bytes on their own page, as patch_file.cpp does.
double share_of_reachable_sites(const char* path) {
  const auto file = ElfFile::open(path);
  if (!file.has_value()) return 0;
  const auto gaps = find_gaps(*file);
  const auto bytes = file->file.data();
  std::size_t sites = 0, reachable = 0;
  for (const auto& segment : file->view.segments) {
    if (segment.type != base::elf::pt_load || (segment.flags & base::elf::pf_x) == 0) continue;
    for (std::uint64_t at = segment.offset; at + 2 <= segment.offset + segment.filesz; ++at) {
      if (bytes[at] != std::byte{0x0f} || bytes[at + 1] != std::byte{0x05}) continue;
      ++sites;
      const std::uint64_t page = at / 4096 * 4096, low = std::max(page, at + 2 - 128);
      const std::uint64_t high = std::min(page + 4096 - 5, at + 2 + 127);
      reachable += std::ranges::any_of(gaps, [&](const Gap& gap) {
        const std::uint64_t from = std::max<std::uint64_t>(gap.offset, low);
        return from <= high && from + 5 <= std::uint64_t{gap.offset} + gap.length;
      });
    }
  }
  return sites == 0 ? 0 : static_cast<double>(reachable) / static_cast<double>(sites);
}

TEST_F(GapsTest, MostSitesOfTheCLibraryCanBeReached) {
  const double share = share_of_reachable_sites("/lib/x86_64-linux-gnu/libc.so.6");
  EXPECT_GT(share, 0.85);
  EXPECT_GT(share_of_reachable_sites("/lib64/ld-linux-x86-64.so.2"), 0.8);
}

TEST_F(GapsTest, TheTableIsInOrder) {
  const auto libc = ElfFile::open("/lib/x86_64-linux-gnu/libc.so.6");
  ASSERT_TRUE(libc.has_value());
  const auto gaps = find_gaps(*libc);
  EXPECT_EQ(encode_gaps(gaps).size(), 4 + 8 * gaps.size());
  for (std::size_t i = 1; i < gaps.size(); ++i) EXPECT_LT(gaps[i - 1].offset + gaps[i - 1].length, gaps[i].offset);
}

}  // namespace exo
