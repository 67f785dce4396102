// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::SpaceVerb;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw();
constexpr std::uint32_t ro = abi::map_read, rw = abi::map_read | abi::map_write, owned = abi::map_owned,
                        large = abi::map_large;
constexpr std::uint64_t va = 0x5555'5540'0000, page = 4096, big = 512;

struct LargePages : ::testing::Test {
  World w;
  void SetUp() override { ASSERT_EQ(w.call(Call::space_create, {account, 20, any}).error, Error::none); }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  aegis::Space& space(std::uint32_t slot = 20) { return w.space_at(CapSlot{slot}); }
  std::uint64_t entry(std::uint64_t at, std::uint32_t slot = 20) { return w.entry(space(slot), at); }
  Error update(SpaceVerb verb, std::uint32_t flags, std::uint64_t at, std::uint64_t pages, std::uint64_t frame = 0,
               CapSlot by = abi::no_slot) {
    return w.update(CapSlot{20}, {verb, flags, by, 0, at, pages, frame});
  }
  Error map_new(std::uint64_t at, std::uint64_t pages, std::uint32_t flags = rw | owned | large) {
    return w.map_new(CapSlot{20}, at, pages, flags);
  }
  std::uint64_t aligned_run() {
    return w.call(Call::frame_alloc, {account, any, big, 511, 0}).value;
  }
};

TEST_F(LargePages, MapNewAndUnmapPayBack) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(map_new(va, 2 * big), Error::none);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.frames_used(), before + 2 * big + 2) << "no level-1 table";
  const std::uint64_t e = entry(va);
  EXPECT_EQ(e & (abi::pte_large | abi::pte_present | abi::pte_write | abi::pte_owned),
            abi::pte_large | abi::pte_present | abi::pte_write | abi::pte_owned);
  EXPECT_EQ((e & abi::pte_frame_mask) % (big * page), 0u);
  const FrameNumber first{(e & abi::pte_frame_mask) / page};
  for (std::uint64_t i = 0; i < big; ++i) {
    EXPECT_EQ(w.kernel().frames[first + i].maps, 1u);
    EXPECT_EQ(table(first.raw() + i)[17], 0u) << "zeroed";
  }
  EXPECT_EQ(update(SpaceVerb::unmap, 0, va, 2 * big), Error::none);
  EXPECT_EQ(w.frames_used(), before + 2);
  EXPECT_EQ(w.call_done(Call::space_trim, {20, 0, abi::user_end / page}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before);
}

TEST_F(LargePages, FormIsChecked) {
  EXPECT_EQ(map_new(va + page, big), Error::bad_address);
  EXPECT_EQ(map_new(va, big + 1), Error::bad_argument);
  EXPECT_EQ(update(SpaceVerb::map_new, rw | large, va, big, 513, abi::boot::account), Error::bad_argument);
  EXPECT_EQ(update(SpaceVerb::protect, ro | large, va, big), Error::bad_argument) << "only map and map_new say it";
  EXPECT_EQ(update(SpaceVerb::split, 0, va, 1, 1), Error::bad_argument);
  EXPECT_EQ(update(SpaceVerb::split, ro, va, 1), Error::bad_argument);
  EXPECT_EQ(update(SpaceVerb::split, 0, va, big), Error::none) << "nothing to split is no error";
}

TEST_F(LargePages, PartsAreWrongState) {
  ASSERT_EQ(map_new(va, big), Error::none);
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  EXPECT_EQ(update(SpaceVerb::unmap, 0, va, 1), Error::wrong_state);
  EXPECT_EQ(update(SpaceVerb::unmap, 0, va + page, big), Error::wrong_state);
  EXPECT_EQ(update(SpaceVerb::protect, ro, va + 4 * page, 4), Error::wrong_state);
  EXPECT_EQ(update(SpaceVerb::copy, rw, va, 1, any, abi::boot::account), Error::wrong_state);
  EXPECT_EQ(update(SpaceVerb::move, 0, 0x4000'0000, big, va), Error::wrong_state);
  EXPECT_EQ(w.update(CapSlot{21}, {SpaceVerb::clone, ro, CapSlot{20}, 0, va, big, 0}), Error::wrong_state);
  EXPECT_EQ(map_new(va, 1, rw), Error::occupied);
  EXPECT_EQ(map_new(va, 1, rw | abi::map_replace), Error::wrong_state);
  EXPECT_EQ(map_new(va, big), Error::occupied);
  EXPECT_NE(entry(va) & abi::pte_large, 0u) << "still there";
}

TEST_F(LargePages, ProtectedAsAWhole) {
  ASSERT_EQ(map_new(va, 2 * big), Error::none);
  const std::uint64_t before = entry(va);
  ASSERT_EQ(update(SpaceVerb::protect, ro | abi::map_soft0, va, big), Error::none);
  EXPECT_EQ(entry(va), ((before | abi::pte_soft0) & ~abi::pte_write) & ~abi::pte_owned);
  EXPECT_NE(entry(va + big * page) & abi::pte_write, 0u) << "the next one is untouched";
  ASSERT_EQ(update(SpaceVerb::protect, rw, va, big), Error::none);
  EXPECT_EQ(update(SpaceVerb::protect, rw | owned, va, big), Error::missing_right) << "given up for good";
}

TEST_F(LargePages, KeysOfLargePages) {
  ASSERT_EQ(map_new(va, 2 * big, rw | owned | large | abi::map_key(5)), Error::none);
  EXPECT_EQ(abi::pte_key(entry(va + big * page)), 5u);
  ASSERT_EQ(update(SpaceVerb::protect, rw | owned | abi::map_key(12), va, big), Error::none);
  EXPECT_EQ(abi::pte_key(entry(va)), 12u);
  EXPECT_EQ(abi::pte_key(entry(va + big * page)), 5u);
  ASSERT_EQ(update(SpaceVerb::split, 0, va, big), Error::none);
  EXPECT_EQ(abi::pte_key(entry(va)), 12u);
  EXPECT_EQ(abi::pte_key(entry(va + 511 * page)), 12u);
  ASSERT_EQ(update(SpaceVerb::unmap, 0, va, 2 * big), Error::none);
  const std::uint64_t run = aligned_run();
  ASSERT_EQ(update(SpaceVerb::map, ro | large | abi::map_replace | abi::map_key(7), va, big, run, abi::boot::account), Error::none);
  EXPECT_EQ(abi::pte_key(entry(va)), 7u);
}

TEST_F(LargePages, SplitKeepsAllButTheSize) {
  ASSERT_EQ(map_new(va, 2 * big, rw | owned | large | abi::map_soft1), Error::none);
  const std::uint64_t before = entry(va), used = w.frames_used();
  table((before & abi::pte_frame_mask) / page + 5)[3] = 99;
  ASSERT_EQ(update(SpaceVerb::split, 0, va + 7 * page, 1), Error::none) << "by any page of it";
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.frames_used(), used + 1);
  EXPECT_NE(entry(va + big * page) & abi::pte_large, 0u);
  for (std::uint64_t i = 0; i < big; ++i) EXPECT_EQ(entry(va + i * page), (before & ~abi::pte_large) + i * page);
  ASSERT_EQ(update(SpaceVerb::unmap, 0, va, 1), Error::none);
  ASSERT_EQ(update(SpaceVerb::protect, ro, va + page, 3), Error::none);
  EXPECT_EQ(w.frames_used(), used) << "the table came, the page went";
  ASSERT_EQ(update(SpaceVerb::unmap, 0, va, 2 * big), Error::none);
}

TEST_F(LargePages, SplitTakesATable) {
  ASSERT_EQ(w.call(Call::account_create, {account, 21, w.limits(2 + 2 + big), any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_create, {21, 22, any}).error, Error::none);
  const auto in = [&](abi::SpaceOp op) { return w.update(CapSlot{22}, op); };
  ASSERT_EQ(in({SpaceVerb::map_new, rw | owned | large, CapSlot{21}, 0, va, big, any}), Error::none);
  EXPECT_EQ(in({SpaceVerb::split, 0, abi::no_slot, 0, va, big, 0}), Error::over_limit);
  EXPECT_NE(entry(va, 22) & abi::pte_large, 0u);
  EXPECT_EQ(in({SpaceVerb::map_new, rw | owned | large, CapSlot{21}, 0, va + big * page, big, any}), Error::over_limit);
  EXPECT_EQ(w.problems(), "");
}

TEST_F(LargePages, ByNameAndByCapability) {
  const std::uint64_t first = aligned_run();
  ASSERT_EQ(first % big, 0u);
  ASSERT_EQ(update(SpaceVerb::map, rw | large, va, big, first, abi::boot::account), Error::none);
  ASSERT_EQ(w.call(Call::frame_cap, {account, 25, first, big, abi::all_rights}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {25, 26, 4, first, big}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {25, 27, 4, first, big - 1}).error, Error::none);
  EXPECT_EQ(update(SpaceVerb::map, ro | large, va + big * page, big, first, CapSlot{27}), Error::out_of_range);
  ASSERT_EQ(update(SpaceVerb::map, ro | large, va + big * page, big, first, CapSlot{26}), Error::none);
  EXPECT_EQ(update(SpaceVerb::protect, rw, va + big * page, big), Error::missing_right) << "the ceiling";
  EXPECT_EQ(w.kernel().frames[FrameNumber{first + 511}].maps, 2u);
  ASSERT_EQ(update(SpaceVerb::split, 0, va + big * page, big), Error::none);
  EXPECT_EQ(update(SpaceVerb::protect, rw, va + big * page, 1), Error::missing_right) << "in the small ones too";
  EXPECT_EQ(w.call(Call::frame_free, {account, first, big}).error, Error::busy);
}

TEST_F(LargePages, ReplaceSmallOnesAndEmptyTables) {
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 20, rw | owned), Error::none);
  EXPECT_EQ(map_new(va, big), Error::occupied);
  const std::uint64_t used = w.frames_used();
  ASSERT_EQ(map_new(va, big, rw | owned | large | abi::map_replace), Error::none);
  EXPECT_EQ(w.frames_used(), used - 20 - 1 + big) << "pages and their table went";
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(map_new(va, big, rw | owned | large | abi::map_replace), Error::none) << "one by another";
  ASSERT_EQ(update(SpaceVerb::unmap, 0, va, big), Error::none);
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 1, rw | owned), Error::none);
  ASSERT_EQ(update(SpaceVerb::unmap, 0, va, 1), Error::none);
  EXPECT_EQ(map_new(va, big), Error::none) << "an empty table is in nobody's way";
}

TEST_F(LargePages, RevocationBreaksThem) {
  const std::uint64_t first = aligned_run();
  ASSERT_EQ(w.call(Call::account_create, {account, 21, w.limits(20), any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_create, {21, 22, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::frame_cap, {account, 25, first, big, abi::all_rights}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {25, 26, 0xffff, 0, 0}).error, Error::none);
  ASSERT_EQ(w.update(CapSlot{22}, {SpaceVerb::map, rw | large, CapSlot{26}, 0, va, big, first}), Error::none);
  EXPECT_EQ(w.call_done(Call::cap_revoke, {25}).error, Error::none);
  EXPECT_EQ(entry(va, 22), 0u);
  EXPECT_EQ(w.kernel().frames[FrameNumber{first + 100}].maps, 0u);
}

TEST_F(LargePages, SpacesEndWithThem) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{21}, va, big, rw | owned | large), Error::none);
  ASSERT_EQ(w.map_new(CapSlot{21}, va + big * page, 3, rw | owned), Error::none);
  EXPECT_EQ(w.call_done(Call::object_destroy, {21}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before);
}

// What processors remember of a large page goes as a whole (the checker compares), for viewers too.
TEST_F(LargePages, AreFlushedAsAWhole) {
  constexpr std::uint64_t slot = 140, at = slot * abi::slot_size;
  ASSERT_EQ(w.call(Call::space_link, {0, slot, 20}).error, Error::none);
  ASSERT_EQ(map_new(at, big), Error::none);
  w.write(at + 100 * page + 8, "secret", 6);
  ASSERT_EQ(update(SpaceVerb::protect, ro | owned, at, big), Error::none);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(update(SpaceVerb::split, 0, at, big), Error::none);
  ASSERT_EQ(update(SpaceVerb::unmap, 0, at + page, 1), Error::none);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(update(SpaceVerb::unmap, 0, at, big), Error::none);
  ASSERT_EQ(w.call(Call::space_link, {0, slot, 0}).error, Error::none);
}

}  // namespace
