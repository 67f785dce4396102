// SPDX-License-Identifier: MIT
// ExOS's swap books and eviction policy, which know no page table: slots, entries, the treap, the clock; and init's plan.
#include <gtest/gtest.h>

#include <map>
#include <random>
#include <vector>

#include "init/plan.hpp"
#include "libos/exos/eviction.hpp"
#include "libos/exos/swap_map.hpp"

namespace {

using exos::SwapEntry;
using exos::SwapEntryPool;
using exos::SwapMap;
using exos::SwapSlots;

struct Slots : SwapSlots {
  explicit Slots(std::size_t count) : counts(count) { start(counts); }
  std::vector<std::uint16_t> counts;
};

TEST(SwapSlots, GivesEachSlotOnceAndThenNone) {
  Slots slots{5};
  std::vector<bool> seen(5);
  for (int i = 0; i < 5; ++i) {
    const std::uint32_t slot = slots.take();
    ASSERT_LT(slot, 5u);
    EXPECT_FALSE(seen[slot]);
    seen[slot] = true;
  }
  EXPECT_TRUE(slots.full());
  EXPECT_EQ(slots.take(), SwapSlots::none);
  slots.drop(3);
  EXPECT_EQ(slots.take(), 3u);
}

TEST(SwapSlots, NoSlotsAreFull) {
  Slots slots{0};
  EXPECT_TRUE(slots.full());
  EXPECT_EQ(slots.take(), SwapSlots::none);
}

TEST(SwapSlots, ASharedSlotIsFreeWhenTheLastLetsGo) {
  Slots slots{1};
  const std::uint32_t slot = slots.take();
  EXPECT_TRUE(slots.share(slot));
  slots.drop(slot);
  EXPECT_EQ(slots.used(), 1u);
  slots.drop(slot);
  EXPECT_EQ(slots.used(), 0u);
}

TEST(SwapSlots, CannotBeCountedHigherThanTheCounterGoes) {
  Slots slots{1};
  const std::uint32_t slot = slots.take();
  for (int i = 1; i < 65535; ++i) ASSERT_TRUE(slots.share(slot));
  EXPECT_FALSE(slots.share(slot));
  EXPECT_EQ(slots.count(slot), 65535);
}

TEST(SwapEntryPool, ServesWhatItWasGiven) {
  alignas(SwapEntry) std::array<std::byte, 4096> memory{};
  SwapEntryPool pool;
  EXPECT_EQ(pool.take(), nullptr);
  pool.add(memory);
  EXPECT_EQ(pool.size(), 4096 / sizeof(SwapEntry));
  std::vector<SwapEntry*> taken;
  while (SwapEntry* entry = pool.take()) taken.push_back(entry);
  EXPECT_EQ(taken.size(), 4096 / sizeof(SwapEntry));
  for (SwapEntry* entry : taken) pool.give(entry);
  EXPECT_EQ(pool.size(), taken.size());
}

// Random changes, compared with std::map after each.
TEST(SwapMap, BehavesAsAMap) {
  std::mt19937_64 random{1};
  std::vector<SwapEntry> entries(4096);
  std::vector<SwapEntry*> free;
  for (SwapEntry& entry : entries) free.push_back(&entry);
  std::map<std::uint64_t, std::uint32_t> expected;
  SwapMap map;
  for (std::uint32_t step = 0; step < 20'000; ++step) {
    const std::uint64_t page = random() % 6000;
    if (random() % 4 != 0 && !free.empty()) {
      if (expected.contains(page)) continue;
      map.insert(free.back(), page, step);
      free.pop_back();
      expected[page] = step;
    } else {
      const std::uint64_t end = page + random() % 64;
      map.take_range(page, end, [&](SwapEntry* entry) {
        ASSERT_TRUE(entry->page >= page && entry->page < end);
        ASSERT_EQ(expected.at(entry->page), entry->slot);
        expected.erase(entry->page);
        free.push_back(entry);
      });
      ASSERT_EQ(expected.lower_bound(page), expected.lower_bound(end));
    }
    ASSERT_EQ(map.size(), expected.size());
    const auto next = expected.lower_bound(page);
    const SwapEntry* found = map.at_or_after(page);
    ASSERT_EQ(found == nullptr, next == expected.end());
    if (found != nullptr) ASSERT_EQ(found->page, next->first);
    ASSERT_EQ(map.find(page) != nullptr, expected.contains(page));
  }
  map.take_range(0, ~std::uint64_t{0}, [](SwapEntry*) {});
  EXPECT_TRUE(map.empty());
  EXPECT_EQ(map.size(), 0u);
}

// What a program does most: pages one after another. The treap must not become a list.
TEST(SwapMap, AscendingPagesStayBalanced) {
  constexpr std::uint64_t count = 100'000;
  std::vector<SwapEntry> entries(count);
  SwapMap map;
  for (std::uint64_t i = 0; i < count; ++i) map.insert(&entries[i], i, 0);
  std::size_t deepest = 0;
  std::vector<std::pair<const SwapEntry*, std::size_t>> left;
  // The root is the entry with the highest priority.
  const auto root = std::ranges::max_element(entries, {}, &SwapEntry::priority);
  left.emplace_back(&*root, 1);
  while (!left.empty()) {
    const auto [entry, depth] = left.back();
    left.pop_back();
    deepest = std::max(deepest, depth);
    if (entry->left != nullptr) left.emplace_back(entry->left, depth + 1);
    if (entry->right != nullptr) left.emplace_back(entry->right, depth + 1);
  }
  EXPECT_LT(deepest, 60u);
}

TEST(ClockPolicy, KeepsWhatIsLockedUnlessToldOtherwise) {
  const exos::PageFacts locked{.accessed = false, .locked = true, .round = 2};
  EXPECT_EQ(exos::ClockPolicy{}.judge(locked), exos::Verdict::keep);
  EXPECT_EQ(exos::ClockPolicy{true}.judge(locked), exos::Verdict::take);
}

TEST(ClockPolicy, SparesOnceWhoWasTouched) {
  const exos::ClockPolicy clock;
  using exos::Verdict;
  EXPECT_EQ(clock.judge({.accessed = true, .round = 0}), Verdict::spare);
  EXPECT_EQ(clock.judge({.accessed = true, .round = 1}), Verdict::spare);
  EXPECT_EQ(clock.judge({.accessed = true, .round = 2}), Verdict::take);   // a want that goes round and round ends
  EXPECT_EQ(clock.judge({.accessed = false, .round = 0}), Verdict::take);
  EXPECT_EQ(clock.judge({.accessed = true, .parked = true, .round = 0}), Verdict::take);
}

TEST(Plan, ReadsSwapAndReclaimsInTheOrderOfTime) {
  const auto plan = init::read_plan("program=/bin/true\nswap=8192\nreclaim=50%25@2000:10\nreclaim=300@1000:20\n");
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->swap_frames, 8192u);
  ASSERT_EQ(plan->reclaim_count, 2u);
  EXPECT_EQ(plan->reclaims[0].frames, 300u);
  EXPECT_EQ(plan->reclaims[0].at_ns, 1000u);
  EXPECT_EQ(plan->reclaims[0].grace_ns, 20u);
  EXPECT_EQ(plan->reclaims[1].percent, 50u);
}

TEST(Plan, WithoutLinesThereIsNothingToDo) {
  const auto plan = init::read_plan("program=/bin/true\n");
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->swap_frames, 0u);
  EXPECT_EQ(plan->reclaim_count, 0u);
}

TEST(Plan, RefusesWhatIsMalformed) {
  for (const char* text : {"swap=\n", "swap=12x\n", "swap=99999999999999999999999\n", "reclaim=0@1:1\n", "reclaim=5\n", "reclaim=5@1\n",
                           "reclaim=5@1:\n", "reclaim=101%25@1:1\n", "reclaim=5@1:1 \n", "reclaim=@1:1\n"})
    EXPECT_FALSE(init::read_plan(text).has_value()) << text;
}

}  // namespace
