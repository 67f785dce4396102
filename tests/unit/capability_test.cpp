// SPDX-License-Identifier: MIT
// The derivation tree against a simple model: a parent index per slot.
#include <gtest/gtest.h>

#include <random>

#include "kernel/core/table.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw();

struct Capabilities : ::testing::Test {
  World w;
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
};

TEST_F(Capabilities, RightsOnlyShrink) {
  const auto share = static_cast<std::uint64_t>(abi::SpaceRight::share);
  ASSERT_EQ(w.call(Call::cap_derive, {abi::boot::space.raw(), 20, share, 0, 0}).error, Error::none);
  EXPECT_EQ(w.call(Call::cap_derive, {20, 21, abi::all_rights, 0, 0}).error, Error::none);
  EXPECT_EQ(w.slot(CapSlot{21}).rights, share);
  EXPECT_EQ(w.call(Call::cap_derive, {20, 22, share | abi::right_grant, 0, 0}).error, Error::missing_right);
  EXPECT_EQ(w.call(Call::cap_derive, {20, 22, 1u << 16, 0, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::cap_derive, {20, 21, 0, 0, 0}).error, Error::occupied);
  EXPECT_EQ(w.call(Call::cap_derive, {20, 22, 0, 1, 0}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::cap_derive, {20, 22, 0, 0, 1}).error, Error::bad_argument);
  EXPECT_EQ(w.call(Call::cap_grant, {20, abi::boot::table.raw(), 22, 0, 0, 0}).error, Error::missing_right);
}

TEST_F(Capabilities, RangesOnlyShrink) {
  const std::uint64_t first = w.call(Call::frame_alloc, {account, any, 16, 0, 0}).value;
  ASSERT_EQ(w.call(Call::frame_cap, {account, 20, first, 16, abi::all_rights}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {account, first, 16}).error, Error::busy);
  ASSERT_EQ(w.call(Call::cap_derive, {20, 21, abi::all_rights, first + 4, 4}).error, Error::none);
  EXPECT_EQ(w.call(Call::cap_derive, {21, 22, abi::all_rights, first + 3, 2}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::cap_derive, {21, 22, abi::all_rights, first + 7, 2}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::cap_derive, {21, 22, abi::all_rights, ~0ull, 2}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::cap_derive, {21, 22, abi::all_rights, first + 4, ~0ull}).error, Error::out_of_range);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call_done(Call::cap_revoke, {20}).error, Error::none);
  EXPECT_TRUE(w.slot(CapSlot{21}).empty());
  EXPECT_EQ(w.call(Call::cap_drop, {20}).error, Error::none);
  EXPECT_EQ(w.call(Call::frame_free, {account, first, 16}).error, Error::none);
}

// Revoking a capability to frames takes the mappings that strangers made of them, though the capability is gone.
TEST_F(Capabilities, RevocationBreaksForeignMappings) {
  const std::uint64_t first = w.call(Call::frame_alloc, {account, any, 8, 0, 0}).value;
  ASSERT_EQ(w.call(Call::account_create, {account, 20, w.limits(40), any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_create, {20, 21, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::frame_cap, {account, 22, first, 8, abi::all_rights}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {22, 23, abi::all_rights, 0, 0}).error, Error::none);
  const std::uint32_t rw = abi::map_read | abi::map_write;
  ASSERT_EQ(w.update(CapSlot{21}, {abi::SpaceVerb::map, rw, CapSlot{23}, 0, 0x1000, 8, first}), Error::none);
  ASSERT_EQ(w.update(abi::no_slot, {abi::SpaceVerb::map, rw, abi::boot::account, 0, 0x4000'0000, 8, first}),
            Error::none);
  ASSERT_EQ(w.call(Call::cap_drop, {23}).error, Error::none);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call_done(Call::cap_revoke, {22}).error, Error::none);
  EXPECT_EQ(w.entry(w.space_at(CapSlot{21}), 0x1000), 0u) << "the stranger's";
  EXPECT_NE(w.entry(w.space_at(abi::boot::space), 0x4000'0000), 0u) << "the owner's";
}

TEST_F(Capabilities, TreeBehavesAsItsModel) {
  constexpr std::uint32_t leaves = 4, slots = leaves * 64, first = 16;
  for (std::uint32_t leaf = 1; leaf < leaves; ++leaf)
    ASSERT_EQ(w.call(Call::table_grow, {0, leaf, account, any}).error, Error::none);
  const std::uint64_t frames = w.call(Call::frame_alloc, {account, any, 64, 0, 0}).value;
  ASSERT_EQ(w.call(Call::frame_cap, {account, first, frames, 64, abi::all_rights}).error, Error::none);
  std::array<int, slots> parent;  // -2: empty, -1: root
  parent.fill(-2);
  parent[first] = -1;
  std::mt19937 random{7};
  const auto pick = [&] { return static_cast<std::uint32_t>(first + random() % (slots - first)); };
  const auto below = [&](std::uint32_t s, std::uint32_t top) {
    for (int at = parent[s]; at >= 0; at = parent[static_cast<std::size_t>(at)])
      if (static_cast<std::uint32_t>(at) == top) return true;
    return false;
  };
  for (int round = 0; round < 6000; ++round) {
    const std::uint32_t a = pick(), b = pick();
    const unsigned what = random() % 20;
    if (what < 14) {
      const auto call = what < 10 ? w.call(Call::cap_derive, {a, b, abi::all_rights, 0, 0})
                                  : w.call(Call::cap_grant, {a, abi::boot::table.raw(), b, abi::all_rights, 0, 0});
      const Error want = parent[a] == -2 ? Error::empty_slot : parent[b] != -2 ? Error::occupied : Error::none;
      ASSERT_EQ(call.error, want);
      if (want == Error::none) parent[b] = static_cast<int>(a);
    } else if (what < 18) {
      if (a == first) continue;  // it is under the account, which the model does not have
      ASSERT_EQ(w.call_done(Call::cap_drop, {a}).error, parent[a] == -2 ? Error::empty_slot : Error::none);
      for (int& p : parent)
        if (parent[a] != -2 && p == static_cast<int>(a)) p = parent[a];
      parent[a] = -2;
    } else if (random() % 4 == 0) {
      ASSERT_EQ(w.call_done(Call::cap_revoke, {a}).error, parent[a] == -2 ? Error::empty_slot : Error::none);
      std::array<bool, slots> gone{};
      for (std::uint32_t s = first; s < slots; ++s) gone[s] = below(s, a);
      for (std::uint32_t s = first; s < slots; ++s)
        if (gone[s]) parent[s] = -2;
    }
    for (std::uint32_t s = first; s < slots; ++s) {
      ASSERT_EQ(w.slot(CapSlot{s}).empty(), parent[s] == -2);
      if (parent[s] >= 0) ASSERT_EQ(w.slot(CapSlot{s}).parent, &w.slot(CapSlot{static_cast<std::uint32_t>(parent[s])}));
    }
    if (round % 200 == 0) ASSERT_EQ(w.problems(), "");
  }
}

// Long chains and wide fans take many calls, each bounded.
TEST_F(Capabilities, LongWorkIsCutIntoSteps) {
  constexpr std::uint32_t leaves = 20, slots = leaves * 64;
  for (std::uint32_t leaf = 1; leaf < leaves; ++leaf)
    ASSERT_EQ(w.call(Call::table_grow, {0, leaf, account, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_create, {account, 64, any}).error, Error::none);
  for (std::uint32_t s = 65; s < slots; ++s)
    ASSERT_EQ(w.call(Call::cap_derive, {s % 2 == 0 ? 64u : s - 1, s, abi::all_rights, 0, 0}).error, Error::none);
  int calls = 1;
  while (w.call(Call::cap_revoke, {64}).error == Error::again) {
    ++calls;
    ASSERT_EQ(w.problems(), "");
  }
  EXPECT_GT(calls, 4);
  for (std::uint32_t s = 65; s < slots; ++s) ASSERT_TRUE(w.slot(CapSlot{s}).empty());
  // Drop of a capability with many children.
  for (std::uint32_t s = 65; s < slots; ++s)
    ASSERT_EQ(w.call(Call::cap_derive, {s == 65 ? 64u : 65u, s, abi::all_rights, 0, 0}).error, Error::none);
  EXPECT_EQ(w.call(Call::cap_drop, {65}).error, Error::again);
  EXPECT_EQ(w.call_done(Call::cap_drop, {65}).error, Error::none);
  EXPECT_EQ(w.slot(CapSlot{66}).parent, &w.slot(CapSlot{64}));
}

TEST_F(Capabilities, TablesEmptyThemselvesAtTheirEnd) {
  const std::uint64_t before = w.frames_used();
  ASSERT_EQ(w.call(Call::table_create, {account, 20, any}).error, Error::none);
  for (std::uint64_t leaf : {0u, 7u, 247u, 248u, 800u, abi::leaves_per_table - 1})
    ASSERT_EQ(w.call(Call::table_grow, {20, leaf, account, any}).error, Error::none);
  EXPECT_EQ(w.call(Call::table_grow, {20, 7, account, any}).error, Error::occupied);
  EXPECT_EQ(w.call(Call::table_grow, {20, abi::leaves_per_table, account, any}).error, Error::bad_argument);
  for (std::uint64_t s = 7 * 64; s < 8 * 64; ++s)
    ASSERT_EQ(w.call(Call::cap_grant, {abi::boot::space.raw(), 20, s, abi::all_rights, 0, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_grant, {20, 20, abi::slots_per_table - 1, abi::all_rights, 0, 0}).error, Error::none)
      << "a table in itself";
  EXPECT_EQ(w.call(Call::cap_grant, {20, 20, abi::slots_per_table, abi::all_rights, 0, 0}).error, Error::bad_slot);
  EXPECT_EQ(w.call(Call::cap_grant, {20, 20, 64, abi::all_rights, 0, 0}).error, Error::bad_slot);
  EXPECT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before);
  EXPECT_EQ(w.slot(abi::boot::space).first_child, nullptr);
  EXPECT_EQ(w.call(Call::object_destroy, {abi::boot::table.raw()}).error, Error::busy);
}

}  // namespace
