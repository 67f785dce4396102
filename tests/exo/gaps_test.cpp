// SPDX-License-Identifier: MIT
#include "exo/gaps.hpp"

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

TEST_F(GapsTest, TheCLibraryHasMany) {
  const auto libc = ElfFile::open("/lib/x86_64-linux-gnu/libc.so.6");
  ASSERT_TRUE(libc.has_value());
  const auto gaps = find_gaps(*libc);
  EXPECT_GT(gaps.size(), 500u);
  EXPECT_EQ(encode_gaps(gaps).size(), 4 + 8 * gaps.size());
  for (std::size_t i = 1; i < gaps.size(); ++i) EXPECT_LT(gaps[i - 1].offset + gaps[i - 1].length, gaps[i].offset);
}

}  // namespace exo
