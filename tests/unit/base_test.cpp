// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/bits.hpp"
#include "base/cpio.hpp"
#include "base/elf.hpp"
#include "base/guard.hpp"
#include "base/list.hpp"
#include "base/ring.hpp"

namespace {

TEST(Bits, RangeWithinDoesNotWrap) {
  EXPECT_TRUE(base::range_within(0, 10, 10));
  EXPECT_TRUE(base::range_within(10, 0, 10));
  EXPECT_FALSE(base::range_within(1, 10, 10));
  EXPECT_FALSE(base::range_within(~0ull, 2, 10));
  EXPECT_FALSE(base::range_within(2, ~0ull, 10));
  EXPECT_EQ(base::pages_for(0), 0u);
  EXPECT_EQ(base::pages_for(4097), 2u);
  EXPECT_EQ(base::align_up<std::uint64_t>(4097, 4096), 8192u);
}

struct Item {
  int value;
  base::ListLink link;
};

TEST(List, UnlinksWhileWalking) {
  base::List<Item, &Item::link> list;
  std::array<Item, 5> items{{{0, {}}, {1, {}}, {2, {}}, {3, {}}, {4, {}}}};
  for (Item& i : items) list.push_back(i);
  int seen = 0;
  for (Item& i : list) {
    ++seen;
    if (i.value % 2 == 0) list.remove(i);
  }
  EXPECT_EQ(seen, 5);
  EXPECT_EQ(list.pop_front()->value, 1);
  EXPECT_EQ(list.pop_front()->value, 3);
  EXPECT_TRUE(list.empty());
}

TEST(ByteRing, CarriesBytesOverItsEnd) {
  std::array<std::byte, 8> memory{};
  base::ByteRing ring{memory};
  unsigned written = 0, read = 0;
  for (int round = 0; round < 50; ++round) {
    for (auto w = ring.write_window(); !w.empty() && written - read < 6; w = ring.write_window()) {
      w[0] = std::byte(written++);
      ring.commit(1);
    }
    for (int i = 0; i < 5; ++i) {
      ASSERT_EQ(ring.read_window()[0], std::byte(read++));
      ring.consume(1);
    }
  }
  EXPECT_EQ(ring.used(), written - read);
}

TEST(Guard, RunsUnlessDisarmed) {
  int runs = 0;
  { const base::Guard g{[&] { ++runs; }}; }
  { base::Guard g{[&] { ++runs; }}; g.disarm(); }
  EXPECT_EQ(runs, 1);
}

// Whatever the bytes, the readers stay inside them (the sanitisers watch) and come to an end.
TEST(Readers, SurviveDamage) {
  std::string good = "070701";
  for (int i = 0; i < 13; ++i) good += i == 6 ? "00000008" : i == 11 ? "00000005" : "00000001";
  good += std::string("name\0", 5) + "\0datadata";
  good.resize(200, '0');
  std::uint64_t random = 88172645463325252ull;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> bytes(good.size());
    std::memcpy(bytes.data(), good.data(), good.size());
    for (int i = 0; i < 3; ++i) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      bytes[random % bytes.size()] = std::byte(random >> 32);
    }
    bytes.resize(random % (bytes.size() + 1));
    bytes.shrink_to_fit();
    base::cpio::Reader reader{bytes};
    base::cpio::Entry entry;
    for (int n = 0; reader.next(entry) == base::cpio::Step::entry; ++n) ASSERT_LT(n, 10);
  }
  alignas(8) std::array<std::byte, 256> elf{};
  base::elf::FileHeader header{
      .ident = {0x7f, 'E', 'L', 'F', 2, 1, 1}, .type = 2, .machine = 62, .phoff = 64, .phentsize = 56, .phnum = 3};
  for (int round = 0; round < 20'000; ++round) {
    std::memcpy(elf.data(), &header, sizeof header);
    for (int i = 0; i < 4; ++i) {
      random ^= random << 13, random ^= random >> 7, random ^= random << 17;
      elf[random % elf.size()] = std::byte(random >> 32);
    }
    const auto view = base::elf::check(elf, elf.size());
    if (!view.has_value()) continue;
    for (const auto& segment : view->segments)
      if (segment.type == base::elf::pt_load) ASSERT_LE(segment.offset + segment.filesz, elf.size());
  }
}

}  // namespace
