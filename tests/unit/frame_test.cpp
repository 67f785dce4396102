// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw();

struct Frames : ::testing::Test {
  World w;
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
};

TEST_F(Frames, BootOwnsEverythingOnce) {
  EXPECT_EQ(w.problems(), "");
  const auto& info = w.kernel().frames.info();
  EXPECT_EQ(w.root().room(), info.free_frames);
  EXPECT_EQ(w.facts().archive_offset, 64u);
  EXPECT_EQ(w.kernel().frames[FrameNumber{0}].use, abi::FrameUse::reserved);
  EXPECT_EQ(w.kernel().frames[FrameNumber{100}].use, abi::FrameUse::reserved);
  EXPECT_EQ(w.kernel().frames[FrameNumber{frame_count / 2 + 3}].use, abi::FrameUse::reserved) << "the hole in RAM";
}

TEST_F(Frames, AreZeroAndComeBack) {
  const std::uint64_t before = w.frames_used();
  const Reply run = w.call(Call::frame_alloc, {account, any, 100, 15, 0});
  ASSERT_EQ(run.error, Error::none);
  EXPECT_EQ(run.value % 16, 0u);
  for (std::uint64_t i = 0; i < 100 * 512; ++i) ASSERT_EQ(table(run.value)[i], 0u);
  EXPECT_EQ(w.call(Call::frame_alloc, {account, run.value + 3, 1, 0, 0}).error, Error::no_frame);
  EXPECT_EQ(w.call(Call::frame_free, {account, run.value, 101}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::frame_free, {account, run.value, 100}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {account, run.value, 1}).error, Error::out_of_range);
  EXPECT_EQ(w.frames_used(), before);
}

TEST_F(Frames, AllOfThemCanBeHad) {
  const std::uint64_t room = w.root().room();
  std::vector<std::uint64_t> taken;
  for (;;) {
    const Reply r = w.call(Call::frame_alloc, {account, any, 1, 0, 0});
    if (r.error != Error::none) break;
    taken.push_back(r.value);
  }
  EXPECT_EQ(taken.size(), room);
  EXPECT_EQ(w.problems(), "");
  // The checkerboard has no run of two; a named frame is found.
  for (std::size_t i = 0; i < taken.size(); i += 2)
    ASSERT_EQ(w.call(Call::frame_free, {account, taken[i], 1}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_alloc, {account, any, 2, 0, 0}).error, Error::no_frame);
  EXPECT_EQ(w.call(Call::frame_alloc, {account, taken[10], 1, 0, 0}).value, taken[10]);
}

TEST_F(Frames, ArgumentsAreChecked) {
  for (const std::uint64_t count : {std::uint64_t{0}, abi::max_run + 1, ~std::uint64_t{0}})
    EXPECT_EQ(w.call(Call::frame_alloc, {account, any, count, 0, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::frame_alloc, {account, any, 1, 1u << 18}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::frame_alloc, {account, any, 1, 2, 1}).error, Error::bad_argument) << "match outside mask";
  EXPECT_EQ(w.call(Call::frame_alloc, {account, 200, 1, 1, 0}).error, Error::bad_argument) << "a mask for a named one";
  EXPECT_EQ(w.call(Call::frame_alloc, {account, any, 1, 1ull << 32}).error, Error::bad_argument) << "stray bits";
  EXPECT_EQ(w.call(Call::frame_alloc, {account, frame_count, 1, 0, 0}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::frame_alloc, {account, any - 1, 2, 0, 0}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::frame_alloc, {0, any, 1, 0, 0}).error, Error::bad_slot);
  EXPECT_EQ(w.call(Call::frame_alloc, {60, any, 1, 0, 0}).error, Error::empty_slot);
  EXPECT_EQ(w.call(Call::frame_alloc, {abi::boot::space.raw(), any, 1, 0, 0}).error, Error::wrong_kind);
  EXPECT_EQ(w.call_raw(abi::call_count, {}).error, Error::bad_call);
  EXPECT_EQ(w.call_raw(~0ull, {}).error, Error::bad_call);
}

TEST_F(Frames, ChildLimitsAreTheParentsUse) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(w.call(Call::account_create, {account, 20, w.limits(50), any}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before + 51);
  ASSERT_EQ(w.call(Call::account_create, {20, 21, w.limits(49), any}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_alloc, {20, any, 1, 0, 0}).error, Error::over_limit);
  EXPECT_EQ(w.call(Call::account_create, {21, 22, w.limits(49), any}).error, Error::over_limit) << "no room for its own frame";
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call(Call::object_destroy, {20}).error, Error::busy);
  EXPECT_EQ(w.call(Call::object_destroy, {21}).error, Error::none);
  EXPECT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before);
  EXPECT_EQ(w.call(Call::account_read, {20, w.scratch()}).error, Error::stale);
  EXPECT_EQ(w.call(Call::object_destroy, {account}).error, Error::busy) << "the root never goes";
}

TEST_F(Frames, GenerationsMakeNamesStale) {
  ASSERT_EQ(w.call(Call::table_create, {account, 20, any}).error, Error::none);
  const std::uint64_t frame = w.slot(CapSlot{20}).object.frame;
  ASSERT_EQ(w.call(Call::cap_derive, {20, 21, abi::all_rights, 0, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::object_destroy, {20}).error, Error::none);
  ASSERT_EQ(w.call(Call::table_create, {account, 22, frame}).error, Error::none);
  EXPECT_EQ(w.call(Call::object_destroy, {21}).error, Error::stale);
  // A stale capability can be read and dropped, with its children.
  EXPECT_EQ(w.call(Call::cap_read, {21, w.scratch()}).error, Error::none);
  EXPECT_EQ(w.get<abi::CapInfo>().live, 0);
  EXPECT_EQ(w.call(Call::cap_drop, {20}).error, Error::none);
  EXPECT_EQ(w.call(Call::cap_drop, {21}).error, Error::none);
  // The last generation is never given out again.
  ASSERT_EQ(w.call(Call::object_destroy, {22}).error, Error::none);
  w.kernel().frames[FrameNumber{frame}].generation = ~0u - 1;
  ASSERT_EQ(w.call(Call::table_create, {account, 23, frame}).error, Error::none);
  ASSERT_EQ(w.call(Call::object_destroy, {23}).error, Error::none);
  EXPECT_EQ(w.kernel().frames[FrameNumber{frame}].use, abi::FrameUse::reserved);
}

}  // namespace
