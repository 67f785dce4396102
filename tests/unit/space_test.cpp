// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::SpaceVerb;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw();
constexpr std::uint32_t ro = abi::map_read, rw = abi::map_read | abi::map_write, owned = abi::map_owned;
constexpr std::uint64_t va = 0x5555'5555'4000;

struct Spaces : ::testing::Test {
  World w;
  void SetUp() override { ASSERT_EQ(w.call(Call::space_create, {account, 20, any}).error, Error::none); }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  aegis::Space& space(std::uint32_t slot = 20) { return w.space_at(CapSlot{slot}); }
  std::uint64_t entry(std::uint64_t at, std::uint32_t slot = 20) { return w.entry(space(slot), at); }
};

TEST_F(Spaces, MapNewAndUnmapPayBack) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 700), Error::none);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.frames_used(), before + 700 + 5);
  EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::unmap, 0, abi::no_slot, 0, 0, abi::user_end / 4096, 0}), Error::none);
  EXPECT_EQ(w.frames_used(), before + 5) << "the tables stay";
  EXPECT_EQ(w.call_done(Call::space_trim, {20, 0, abi::user_end / 4096}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before);
}

TEST_F(Spaces, FormIsChecked) {
  const abi::SpaceOp good{SpaceVerb::map_new, rw | owned, abi::boot::account, 0, va, 1, any};
  const auto with = [&](auto change) {
    abi::SpaceOp op = good;
    change(op);
    return w.update(CapSlot{20}, op);
  };
  EXPECT_EQ(with([](auto& o) { o.verb = static_cast<SpaceVerb>(0); }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o.verb = static_cast<SpaceVerb>(9); }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o.flags = 0x40 | ro; }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o.flags = abi::map_write; }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o.reserved = 1; }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o.pages = 0; }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o.address = va + 1; }), Error::bad_address);
  EXPECT_EQ(with([](auto& o) { o.address = abi::user_end; }), Error::bad_address);
  EXPECT_EQ(with([](auto& o) { o.pages = 1ull << 52; }), Error::bad_address);
  EXPECT_EQ(with([](auto& o) { o.address = abi::window_base; }), Error::bad_address);
  EXPECT_EQ(with([](auto& o) { o.authority = abi::boot::space; }), Error::wrong_kind);
  EXPECT_EQ(with([](auto& o) { o.frame = frame_count; }), Error::out_of_range);
  EXPECT_EQ(with([](auto& o) { o = {SpaceVerb::move, 0, abi::no_slot, 0, va, 2, va + 4096}; }), Error::bad_argument);
  EXPECT_EQ(with([](auto& o) { o = {SpaceVerb::copy, rw, abi::boot::account, 0, va, 1, any}; }), Error::not_mapped);
  EXPECT_EQ(w.kernel().frames[FrameNumber{space().top}].maps, 0u) << "nothing was made";
}

TEST_F(Spaces, OnlyPlainFramesOfTheAuthority) {
  const auto map = [&](std::uint64_t frame, CapSlot by = abi::boot::account) {
    return w.update(CapSlot{20}, {SpaceVerb::map, rw, by, 0, va, 1, frame});
  };
  EXPECT_EQ(map(space().top), Error::out_of_range) << "a page table";
  EXPECT_EQ(map(w.slot(CapSlot{20}).object.frame), Error::out_of_range);
  EXPECT_EQ(map(1), Error::out_of_range) << "reserved";
  EXPECT_EQ(map(w.kernel().frames.info().info_base), Error::out_of_range);
  const abi::SystemInfo& info = w.kernel().frames.info();
  EXPECT_EQ(map(info.info_base, abi::boot::info), Error::missing_right) << "never writable";
  EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::map, ro, abi::boot::info, 0, va, info.info_count, info.info_base}),
            Error::none);
  EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::protect, rw, abi::no_slot, 0, va, 1, 0}), Error::missing_right);
  EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::copy, rw | owned, abi::boot::account, 0, va, 1, any}), Error::none)
      << "a private copy is fine";
  EXPECT_NE(entry(va) & abi::pte_write, 0u);
}

TEST_F(Spaces, ArchiveIsNotWrittenThroughItsOwnerMapping) {
  const std::uint64_t frame = w.facts().archive_frame;
  const std::uint32_t refs = w.kernel().frames[FrameNumber{frame}].refs;
  ASSERT_EQ(refs, 1u);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::map, ro, abi::boot::archive, 0, va, 1, frame}), Error::none);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::copy, rw | owned, abi::boot::account, 0, va, 1, any}), Error::none);
  EXPECT_NE((entry(va) & abi::pte_frame_mask) >> 12, frame);
}

TEST_F(Spaces, CopyOnWriteByCloneAndCopy) {
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 1500, rw | owned | abi::map_soft0), Error::none);
  const std::uint64_t before = entry(va);
  table(before >> 12 & 0xffff)[5] = 77;
  ASSERT_EQ(w.update(CapSlot{21}, {SpaceVerb::clone, ro, CapSlot{20}, 0, 0, abi::user_end / 4096, 0}), Error::none);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(entry(va), before & ~abi::pte_write);
  EXPECT_EQ(entry(va, 21), before & ~abi::pte_write);
  EXPECT_EQ(w.update(CapSlot{21}, {SpaceVerb::clone, ro, CapSlot{20}, 0, va, 1, 0}), Error::occupied);
  // The first writer gets a copy, the second keeps the frame.
  ASSERT_EQ(w.update(CapSlot{21}, {SpaceVerb::copy, rw | owned, abi::boot::account, 0, va, 1, any}), Error::none);
  EXPECT_NE(entry(va, 21) & abi::pte_frame_mask, before & abi::pte_frame_mask);
  EXPECT_EQ(table(entry(va, 21) >> 12 & 0xffff)[5], 77u);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::copy, rw | owned, abi::boot::account, 0, va, 1, any}), Error::none);
  EXPECT_EQ(entry(va) & abi::pte_frame_mask, before & abi::pte_frame_mask);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call_done(Call::object_destroy, {21}).error, Error::none);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none);
}

// What is not there costs nothing: pages far apart, at the first and the last entries of tables of all levels.
TEST_F(Spaces, DestroyPassesWhatIsAbsent) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  constexpr std::uint64_t top = abi::slot_size, middle = 1ull << 30, low = 1ull << 21;
  for (const std::uint64_t at : {0 * top, 0 * top + low - 4096, low, middle - 4096, 2 * top, 2 * top + 511 * middle + 7 * low, 250 * top - 4096})
    ASSERT_EQ(w.map_new(CapSlot{21}, at, 1), Error::none) << at;
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call(Call::object_destroy, {21}).error, Error::none) << "in one call";
  EXPECT_EQ(w.frames_used(), before);
}

// The budget ends it at any page; what is left is found again.
TEST_F(Spaces, DestroyGoesOnWhereItWas) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_link, {21, 129, 20}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{21}, 0x1f'e000, 700), Error::none);
  ASSERT_EQ(w.map_new(CapSlot{21}, va, 300), Error::none);
  std::uint64_t calls = 0, left = w.frames_used();
  for (Error error = Error::again; error == Error::again; ++calls) {
    error = w.call(Call::object_destroy, {21}).error;
    EXPECT_EQ(w.problems(), "");
    EXPECT_LT(w.frames_used(), left) << "each call frees something";
    left = w.frames_used();
  }
  EXPECT_GE(calls, 1000 / aegis::step_budget);
  EXPECT_LE(calls, 1000 / aegis::step_budget + 2);
  EXPECT_EQ(w.frames_used(), before + 1) << "the linked slot's table in the source stays";
}

// A range that begins and ends anywhere in tables; a page in the way stops it where it is.
TEST_F(Spaces, CloneOfAPart) {
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  constexpr std::uint64_t start = 509 * 4096ull;
  ASSERT_EQ(w.map_new(CapSlot{20}, start, 520), Error::none);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::unmap, 0, abi::no_slot, 0, start + 4096, 3, 0}), Error::none);
  ASSERT_EQ(w.update(CapSlot{21}, {SpaceVerb::clone, ro, CapSlot{20}, 0, start, 519, 0}), Error::none);
  EXPECT_EQ(w.problems(), "");
  for (std::uint64_t page = 0; page < 520; ++page) {
    const std::uint64_t at = start + page * 4096;
    EXPECT_EQ(entry(at, 21), page == 519 ? 0 : entry(at)) << page;
    EXPECT_EQ((entry(at) & abi::pte_write) != 0, page == 519) << page;
  }
  ASSERT_EQ(w.call(Call::space_create, {account, 22, any}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{22}, start + 300 * 4096, 1), Error::none);
  EXPECT_EQ(w.update(CapSlot{22}, {SpaceVerb::clone, ro, CapSlot{20}, 0, start, 520, 0}), Error::occupied);
  EXPECT_EQ(entry(start + 299 * 4096, 22), entry(start + 299 * 4096));
  EXPECT_EQ(entry(start + 301 * 4096, 22), 0u);
  EXPECT_EQ(w.problems(), "");
}

TEST_F(Spaces, MoveKeepsWhatIsThere) {
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 3), Error::none);
  ASSERT_EQ(w.map_new(CapSlot{20}, va + 600 * 4096, 2), Error::none);
  const std::uint64_t kept = entry(va + 600 * 4096);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::move, 0, abi::no_slot, 0, 0x1000, 1000, va}), Error::none);
  EXPECT_EQ(entry(0x1000 + 600 * 4096), kept);
  EXPECT_EQ(entry(va), 0u);
  ASSERT_EQ(w.map_new(CapSlot{20}, va + 4096, 1), Error::none);
  EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::move, 0, abi::no_slot, 0, va, 2, 0x1000}), Error::occupied);
}

TEST_F(Spaces, LinksShowTheSource) {
  constexpr std::uint64_t slot = 129, at = slot * abi::slot_size + 0x3000;
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_link, {21, slot, 20}).error, Error::none);
  EXPECT_EQ(w.call(Call::space_link, {21, slot, 20}).error, Error::occupied);
  EXPECT_EQ(w.call(Call::space_link, {21, 256, 20}).error, Error::bad_argument);
  ASSERT_EQ(w.map_new(CapSlot{20}, at, 2), Error::none);
  EXPECT_EQ(entry(at, 21), entry(at));
  EXPECT_EQ(w.map_new(CapSlot{21}, at + 0x8000, 1), Error::wrong_state);
  EXPECT_EQ(w.update(CapSlot{21}, {SpaceVerb::unmap, 0, abi::no_slot, 0, at, 1, 0}), Error::wrong_state);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.call(Call::space_create, {account, 22, any}).error, Error::none);
  EXPECT_EQ(w.call(Call::space_link, {22, slot, 21}).error, Error::wrong_state) << "only from where it is";
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::unmap, 0, abi::no_slot, 0, at, 2, 0}), Error::none);
  EXPECT_EQ(w.call_done(Call::space_trim, {20, 0, abi::user_end / 4096}).error, Error::none);
  EXPECT_EQ(w.problems(), "") << "the level-3 table stays while it is seen";
  EXPECT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(space(21).source[slot], 0u) << "views go with what they show";
  EXPECT_EQ(entry(at, 21), 0u);
  EXPECT_EQ(w.call_done(Call::object_destroy, {21}).error, Error::none);
}

// The first env sees a slot of another space: changes there are flushed where it runs (the checker compares).
TEST_F(Spaces, LinkedSourcesAreFlushedForTheirViewers) {
  constexpr std::uint64_t slot = 140, at = slot * abi::slot_size;
  ASSERT_EQ(w.call(Call::space_link, {0, slot, 20}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{20}, at, 50), Error::none);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::protect, ro | owned, abi::no_slot, 0, at, 10, 0}), Error::none);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::unmap, 0, abi::no_slot, 0, at, 20, 0}), Error::none);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(w.call(Call::space_link, {0, slot, 0}).error, Error::none);
  EXPECT_EQ(w.problems(), "");
}

TEST_F(Spaces, ReplaceAndOwnedFrames) {
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 4), Error::none);
  const std::uint64_t used = w.frames_used();
  EXPECT_EQ(w.map_new(CapSlot{20}, va, 4), Error::occupied);
  EXPECT_EQ(w.map_new(CapSlot{20}, va, 4, rw | owned | abi::map_replace), Error::none);
  EXPECT_EQ(w.frames_used(), used) << "the old ones went";
  // A frame that two entries own goes with the second; one with a capability stays.
  const std::uint64_t frame = entry(va) >> 12 & 0xffff;
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::map, rw | owned, abi::boot::account, 0, va + 0x10000, 1, frame}),
            Error::none);
  ASSERT_EQ(w.update(CapSlot{20},
                     {SpaceVerb::map, rw | owned | abi::map_replace, abi::boot::account, 0, va + 0x1000, 1, frame}),
            Error::none);
  ASSERT_EQ(w.call(Call::frame_cap, {account, 25, frame, 1, abi::all_rights}).error, Error::none);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::unmap, 0, abi::no_slot, 0, va, 32, 0}), Error::none);
  EXPECT_EQ(w.kernel().frames[FrameNumber{frame}].use, abi::FrameUse::plain);
  ASSERT_EQ(w.call(Call::cap_drop, {25}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {account, frame, 1}).error, Error::none);
}

TEST_F(Spaces, NothingIsTakenWhenTablesCannotBePaid) {
  ASSERT_EQ(w.call(Call::account_create, {account, 21, w.limits(4), any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_create, {21, 22, any}).error, Error::none);
  const abi::SpaceOp op{SpaceVerb::map_new, rw | owned, abi::boot::account, 0, va, 1, any};
  EXPECT_EQ(w.update(CapSlot{22}, op), Error::bad_argument) << "owned by another account";
  EXPECT_EQ(w.update(CapSlot{22}, {SpaceVerb::map_new, rw, abi::boot::account, 0, va, 1, any}), Error::over_limit);
  EXPECT_EQ(w.kernel().frames[FrameNumber{space(22).top}].maps, 0u);
}

TEST_F(Spaces, OwnMemoryGoneIsBadAddress) {
  abi::CapInfo info{};
  EXPECT_EQ(w.call(Call::cap_read, {1, 0x1234'5000}).error, Error::bad_address);
  EXPECT_EQ(w.call(Call::cap_read, {1, abi::user_end - 8}).error, Error::bad_address);
  EXPECT_EQ(w.call(Call::cap_read, {1, ~0ull}).error, Error::bad_address);
  EXPECT_EQ(w.call(Call::cap_read, {1, 0x20'0000}).error, Error::bad_address) << "text is not writable";
  EXPECT_EQ(w.call(Call::space_update, {0, abi::user_end, 64}).error, Error::bad_address);
  (void)info;
}

// --- protection keys ---------------------------------------------------------------------------------------------------

constexpr std::uint32_t key_of(std::uint64_t entry) { return abi::pte_key(entry); }

TEST_F(Spaces, KeysOfMapMapNewAndProtect) {
  const std::uint64_t frame = w.call(Call::frame_alloc, {account, any, 1, 0, 0}).value;
  for (std::uint32_t key = 0; key < 16; ++key) {
    const std::uint64_t at = va + key * 0x1'0000ull;
    ASSERT_EQ(w.map_new(CapSlot{20}, at, 3, rw | owned | abi::map_key(key)), Error::none);
    EXPECT_EQ(key_of(entry(at)), key);
    const std::uint64_t before = entry(at);
    ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::protect, rw | owned | abi::map_key(15 - key), abi::no_slot, 0, at, 1, 0}), Error::none);
    EXPECT_EQ(entry(at), (before & ~abi::pte_keys) | std::uint64_t{15 - key} << abi::pte_key_shift) << "nothing else";
    ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::protect, rw | owned | abi::map_key(3), abi::no_slot, 0, at, 3, 0}), Error::none);
    EXPECT_EQ(key_of(entry(at + 0x2000)), 3u);
    ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::map, ro | abi::map_replace | abi::map_key(key), abi::boot::account, 0, at, 1, frame}), Error::none);
    EXPECT_EQ(key_of(entry(at)), key);
  }
}

TEST_F(Spaces, KeysAreKept) {
  ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 2, rw | owned | abi::map_key(9)), Error::none);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::copy, rw | owned, abi::boot::account, 0, va, 1, any}), Error::none);
  EXPECT_EQ(key_of(entry(va)), 9u) << "a page of one's own alone";
  ASSERT_EQ(w.update(CapSlot{21}, {SpaceVerb::clone, ro, CapSlot{20}, 0, va, 2, 0}), Error::none);
  EXPECT_EQ(key_of(entry(va, 21)), 9u);
  EXPECT_EQ(key_of(entry(va)), 9u);
  ASSERT_EQ(w.update(CapSlot{21}, {SpaceVerb::copy, rw | owned, abi::boot::account, 0, va, 1, any}), Error::none);
  EXPECT_EQ(key_of(entry(va, 21)), 9u) << "a copy in a new frame";
  ASSERT_EQ(w.update(CapSlot{21}, {SpaceVerb::move, 0, abi::no_slot, 0, 0x4000'0000, 2, va}), Error::none);
  EXPECT_EQ(key_of(entry(0x4000'1000, 21)), 9u);
  for (const SpaceVerb verb : {SpaceVerb::copy, SpaceVerb::clone, SpaceVerb::unmap, SpaceVerb::move, SpaceVerb::split}) {
    const bool by_account = verb == SpaceVerb::copy, by_space = verb == SpaceVerb::clone;
    EXPECT_EQ(w.update(CapSlot{21}, {verb, (by_account || by_space ? ro : 0) | abi::map_key(1),
                                     by_account ? abi::boot::account : by_space ? CapSlot{20} : abi::no_slot, 0, va, 1,
                                     by_account ? any : verb == SpaceVerb::move ? va + 0x10'0000 : 0}),
              Error::bad_argument) << "has no key of its own to give";
  }
}

TEST(Keys, RefusedWhereTheProcessorHasNone) {
  World w{0};
  ASSERT_EQ(w.call(Call::space_create, {account, 20, any}).error, Error::none);
  ASSERT_EQ(w.map_new(CapSlot{20}, va, 1, rw | owned), Error::none);
  const std::uint64_t frame = w.call(Call::frame_alloc, {account, any, 1, 0, 0}).value;
  for (std::uint32_t key = 1; key < 16; ++key) {
    EXPECT_EQ(w.map_new(CapSlot{20}, va + 0x1000, 1, rw | owned | abi::map_key(key)), Error::bad_argument);
    EXPECT_EQ(w.map_new(CapSlot{20}, 0x4000'0000, 512, rw | owned | abi::map_large | abi::map_key(key)), Error::bad_argument);
    EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::map, ro | abi::map_key(key), abi::boot::account, 0, va + 0x1000, 1, frame}), Error::bad_argument);
    EXPECT_EQ(w.update(CapSlot{20}, {SpaceVerb::protect, rw | owned | abi::map_key(key), abi::no_slot, 0, va, 1, 0}), Error::bad_argument);
  }
  EXPECT_EQ(w.entry(w.space_at(CapSlot{20}), va) & abi::pte_keys, 0u);
  EXPECT_EQ(w.entry(w.space_at(CapSlot{20}), va + 0x1000), 0u);
  EXPECT_EQ(w.problems(), "");
}

}  // namespace
