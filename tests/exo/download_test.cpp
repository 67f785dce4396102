// SPDX-License-Identifier: MIT
// What `exo program` says of objects and filters.
#include <gtest/gtest.h>

#include "exo/download_profile.hpp"

namespace {

using exo::Download;
using exo::DownloadOptions;
using exo::Verified;

Download one(const DownloadOptions& options) {
  auto downloads = exo::read_downloads(options);
  EXPECT_TRUE(downloads.has_value()) << (downloads.has_value() ? "" : downloads.error().text);
  if (!downloads.has_value() || downloads->empty()) return {};
  return std::move(downloads->front());
}
Download of(const std::string& file, const std::string& program) {
  return one({.object = std::string{PROGRAM_OBJECTS} + "/" + file, .filter = {}, .program = program, .kind = {}});
}
Download filter(const std::string& text) { return one({.object = {}, .filter = text, .program = {}, .kind = {}}); }

TEST(Download, AcceptedPrograms) {
  const auto all = exo::read_downloads(
      {.object = std::string{PROGRAM_OBJECTS} + "/counts.c.o", .filter = {}, .program = {}, .kind = {}});
  ASSERT_TRUE(all.has_value());
  ASSERT_EQ(all->size(), 2u);
  EXPECT_EQ(all->at(0).name, "count_packet");
  EXPECT_EQ(all->at(1).name, "sum");
  const Verified verified{all->at(0)};
  ASSERT_TRUE(verified.accepted());
  EXPECT_GT(verified.native().size(), 100u);
  const std::string text = summary(all->at(0), verified);
  EXPECT_NE(text.find("accepted as a filter"), std::string::npos) << text;
  EXPECT_NE(text.find("counts: 1 page"), std::string::npos) << text;
  EXPECT_NE(text.find("constants: 1 page, read-only"), std::string::npos) << text;
}

TEST(Download, ARefusalNamesTheLineAndTheRegisters) {
  const Download download = of("damage.c.o", "outside");
  const Verified verified{download};
  ASSERT_FALSE(verified.accepted());
  const std::string text = explain(download, verified);
  for (const char* part :
       {"damage.c:26: outside is refused: region is read-only (read_only)", "\n    if (index > 4) p[0] = 7;",
        ": *(u8*)(r1 + 0) = 7", "r1: pointer into the context, at 0", "r2: 5 .. 255"})
    EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST(Download, WhatTheLoaderDoesNotTakeHasItsLine) {
  const auto failed = exo::read_downloads(
      {.object = std::string{PROGRAM_OBJECTS} + "/damage.c.o", .filter = {}, .program = "uses_hash", .kind = {}});
  ASSERT_FALSE(failed.has_value());
  EXPECT_NE(failed.error().text.find("described in BTF"), std::string::npos) << failed.error().text;
  EXPECT_NE(failed.error().text.find("damage.c:20"), std::string::npos) << failed.error().text;
}

TEST(Download, InstructionsAsText) {
  namespace bpf = abi::bpf;
  Download download{.name = "text", .file = {}};
  download.region_names = {"table"};
  const auto text = [&](unsigned opcode, unsigned dst, unsigned src, int offset, std::int64_t k,
                        std::int64_t high = 0) {
    download.code = {bpf::make(opcode, dst, src, offset, k), bpf::make(0, 0, 0, 0, high)};
    return instruction_text(download, 0);
  };
  EXPECT_EQ(text(bpf::alu64 | bpf::add, 1, 0, 0, -5), "r1 += -5");
  EXPECT_EQ(text(bpf::alu | bpf::div | bpf::by_x, 1, 2, 1, 0), "w1 s/= w2");
  EXPECT_EQ(text(bpf::alu64 | bpf::mov | bpf::by_x, 1, 2, 8, 0), "r1 = (s8)r2");
  EXPECT_EQ(text(bpf::alu64 | bpf::neg, 3, 0, 0, 0), "r3 = -r3");
  EXPECT_EQ(text(bpf::alu | bpf::end | bpf::by_x, 3, 0, 0, 16), "r3 = be16 r3");
  EXPECT_EQ(text(bpf::alu64 | bpf::end, 3, 0, 0, 64), "r3 = bswap64 r3");
  EXPECT_EQ(text(bpf::jmp | bpf::jsgt, 3, 0, 4, 7), "if r3 s> 7 goto 5");
  EXPECT_EQ(text(bpf::jmp32 | bpf::jset | bpf::by_x, 3, 4, 4, 0), "if w3 & w4 goto 5");
  EXPECT_EQ(text(bpf::jmp32 | bpf::ja, 0, 0, 0, 100), "goto 101");
  EXPECT_EQ(text(bpf::jmp | bpf::call, 0, 1, 0, 9), "call 10");
  EXPECT_EQ(text(bpf::jmp | bpf::call, 0, 0, 0, 1), "call now");
  EXPECT_EQ(text(bpf::jmp | bpf::exit, 0, 0, 0, 0), "exit");
  EXPECT_EQ(text(bpf::load_immediate, 2, 0, 0, 1, 1), "r2 = 0x100000001 ll");
  EXPECT_EQ(text(bpf::load_immediate, 2, 6, 0, 0, 16), "r2 = table + 16");
  EXPECT_EQ(text(bpf::ldx | bpf::memsx | bpf::half, 2, 1, -4, 0), "r2 = *(s16*)(r1 - 4)");
  EXPECT_EQ(text(bpf::stx | bpf::mem | bpf::word, 10, 1, -4, 0), "*(u32*)(r10 - 4) = w1");
  EXPECT_EQ(text(bpf::stx | bpf::atomic | bpf::double_word, 1, 2, 8, bpf::add), "lock *(u64*)(r1 + 8) += r2");
  EXPECT_EQ(text(bpf::stx | bpf::atomic | bpf::double_word, 1, 2, 8, bpf::atomic_exchange),
            "r2 = exchange(*(u64*)(r1 + 8), r2)");
}

// The native code of every instruction can be read, and the parts follow each other without a gap.
TEST(Download, NativeCodeAsText) {
  const Download download = of("counts.c.o", "count_packet");
  const Verified verified{download};
  std::string all = exo::native_text(verified.native(), 0, verified.native_at(0));
  for (std::size_t i = 0; i < download.code.size(); ++i) {
    ASSERT_LE(verified.native_at(i), verified.native_at(i + 1));
    all += exo::native_text(verified.native(), verified.native_at(i), verified.native_at(i + 1));
  }
  EXPECT_EQ(all.find("??"), std::string::npos) << all;
  EXPECT_NE(all.find("ret"), std::string::npos);
}

TEST(Download, ProfileCountsInstructions) {
  const Download download = filter("tcp port 8080");
  const Verified verified{download};
  ASSERT_TRUE(verified.accepted());
  const auto contexts = exo::read_contexts({.inputs = {}, .captures = {PROGRAM_SOURCES "/loopback.pcap"}});
  ASSERT_TRUE(contexts.has_value());
  const exo::Profile profile = run_profile(download, verified, *contexts);
  EXPECT_EQ(profile.runs, contexts->size());
  EXPECT_EQ(profile.hits[0], contexts->size());
  EXPECT_EQ(profile.nonzero + profile.zero + profile.outside, profile.runs);
  EXPECT_EQ(profile.exhausted, 0u);
  EXPECT_GT(profile.nonzero, 0u);
  unsigned long long sum = 0;
  for (const auto hits : profile.hits) sum += hits;
  EXPECT_EQ(sum, profile.steps);
}

TEST(Download, WrongUse) {
  const auto error = [](const DownloadOptions& options) {
    const auto result = exo::read_downloads(options);
    return result.has_value() ? std::string{} : result.error().text;
  };
  EXPECT_NE(error({.object = "/nothing.o", .filter = {}, .program = {}, .kind = {}}).find("cannot read"),
            std::string::npos);
  EXPECT_NE(error({.object = "/bin/true", .filter = {}, .program = {}, .kind = {}}).find("clang -target bpf"),
            std::string::npos);
  EXPECT_NE(error({.object = {}, .filter = "port port", .program = {}, .kind = {}}).find("--filter"),
            std::string::npos);
  EXPECT_NE(error({.object = {}, .filter = "ip", .program = {}, .kind = "sieve"}).find("--kind"), std::string::npos);
}

}  // namespace
