// SPDX-License-Identifier: MIT
// What processors remember of spaces that they have left, or idle in. The fake machine keeps translations by processor
// and tag until it is told to forget them; problems() compares those that an env could use with the tables.
#include <gtest/gtest.h>

#include "kernel/core/translations.hpp"
#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::SpaceVerb;

constexpr std::uint64_t any = ~0ull, account = abi::boot::account.raw(), va = 0x4000'0000;
constexpr std::uint32_t ro = abi::map_read;
constexpr CapSlot home = abi::boot::space;

class Translations : public testing::Test {
 protected:
  void SetUp() override {
    for (std::uint32_t i = 0; i < spaces; ++i) {
      ASSERT_EQ(w.call(Call::space_create, {account, 20 + i, any}).error, Error::none);
      ASSERT_EQ(w.map_new(CapSlot{20 + i}, va, 8), Error::none);
    }
  }
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }

  static constexpr std::uint32_t spaces = 6;  // more than there are tags
  World w;

  void enter(std::uint64_t slot) { ASSERT_EQ(w.call(Call::env_space, {slot}).error, Error::none); }
  // Enters, remembers all of it, and goes home.
  void visit(std::uint64_t slot) {
    enter(slot);
    fill_translations(0);
    enter(home.raw());
  }
  std::map<std::uint64_t, Translation>& remembered() { return machine().translations[0][machine().tag[0]]; }
  Error protect(std::uint64_t slot, std::uint64_t pages) {
    return w.update(CapSlot{static_cast<std::uint32_t>(slot)}, {SpaceVerb::protect, ro, abi::no_slot, 0, va, pages, 0});
  }
  Error unmap(std::uint64_t slot, std::uint64_t pages) {
    return w.update(CapSlot{static_cast<std::uint32_t>(slot)}, {SpaceVerb::unmap, 0, abi::no_slot, 0, va, pages, 0});
  }
};

TEST_F(Translations, AreKeptWhereNothingChanged) {
  visit(20);
  const std::uint64_t kept = w.cpu().info->kept_loads;
  w.fill_every = 1000;  // from here on only what is kept is there
  enter(20);
  EXPECT_EQ(remembered().size(), 8u);
  EXPECT_EQ(w.cpu().info->kept_loads, kept + 1);
  EXPECT_EQ(w.problems(), "");
  enter(home.raw());
  EXPECT_FALSE(remembered().empty());
}

TEST_F(Translations, AreForgottenWhenSomethingWentMeanwhile) {
  for (const bool gone : {false, true}) {
    visit(20);
    ASSERT_EQ(gone ? unmap(20, 3) : protect(20, 3), Error::none);
    w.fill_every = 1000;
    enter(20);
    EXPECT_TRUE(remembered().empty());
    EXPECT_EQ(w.problems(), "");
    w.fill_every = 1;
    enter(home.raw());
  }
  // Once is enough.
  visit(20);
  const std::uint64_t kept = w.cpu().info->kept_loads;
  enter(20);
  EXPECT_EQ(w.cpu().info->kept_loads, kept + 1);
  enter(home.raw());
}

TEST_F(Translations, NewMappingsForgetNothing) {
  visit(20);
  const std::uint64_t kept = w.cpu().info->kept_loads;
  ASSERT_EQ(w.map_new(CapSlot{20}, va + 0x10000, 2), Error::none);
  enter(20);
  EXPECT_EQ(w.cpu().info->kept_loads, kept + 1);
  enter(home.raw());
}

TEST_F(Translations, ATagOfAnotherSpaceIsForgotten) {
  for (int round = 0; round < 3; ++round)
    for (std::uint32_t i = 0; i < spaces; ++i) {
      w.fill_every = 1000;
      enter(20 + i);
      EXPECT_EQ(w.problems(), "") << round << ' ' << i;
      w.fill_every = 1;
      fill_translations(0);
      enter(home.raw());
    }
}

TEST_F(Translations, ANewSpaceInAnOldFrameBeginsWithNothing) {
  visit(20);
  const std::uint64_t frame = w.slot(CapSlot{20}).object.frame, top = w.space_at(CapSlot{20}).top;
  ASSERT_EQ(w.call_done(Call::object_destroy, {20}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_drop, {20}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_create, {account, 20, frame}).error, Error::none);
  ASSERT_EQ(w.space_at(CapSlot{20}).top, top) << "the lowest free one: the test is about both being the same";
  ASSERT_EQ(w.map_new(CapSlot{20}, va + 0x5000, 1), Error::none);
  w.fill_every = 1000;
  enter(20);
  EXPECT_TRUE(remembered().empty());
  EXPECT_EQ(w.problems(), "");
  enter(home.raw());
}

TEST_F(Translations, WhatALinkShowedIsForgotten) {
  constexpr std::uint64_t slot = 129, at = slot * abi::slot_size;
  ASSERT_EQ(w.map_new(CapSlot{20}, at, 8), Error::none);
  ASSERT_EQ(w.call(Call::space_link, {21, slot, 20}).error, Error::none);
  visit(21);
  ASSERT_EQ(w.update(CapSlot{20}, {SpaceVerb::unmap, 0, abi::no_slot, 0, at, 8, 0}), Error::none);
  w.fill_every = 1000;
  enter(21);
  EXPECT_EQ(w.problems(), "");
  // What the source changes beside the slot concerns no viewer.
  w.fill_every = 1;
  enter(home.raw());
  visit(21);
  const std::uint64_t kept = w.cpu().info->kept_loads;
  ASSERT_EQ(unmap(20, 8), Error::none);
  enter(21);
  EXPECT_EQ(w.cpu().info->kept_loads, kept + 1);
  enter(home.raw());
}

struct WithoutTags {
  WithoutTags() { new_machines_tags = 1; }
  ~WithoutTags() { new_machines_tags = 4; }
};
class UntaggedTranslations : WithoutTags, public Translations {};

TEST_F(UntaggedTranslations, AreNeverKept) {
  visit(20);
  w.fill_every = 1000;
  enter(20);
  EXPECT_TRUE(remembered().empty());
  EXPECT_EQ(w.cpu().info->kept_loads, 0u);
  enter(home.raw());
}

// The other processor idles in a space; an env of it is woken there later.
class IdleTranslations : public Translations {
 protected:
  void SetUp() override {
    Translations::SetUp();
    (void)w.make_env(CapSlot{31}, CapSlot{20});
    ASSERT_EQ(w.call(Call::env_start, {31, 0x1000, 0x2000, 0}).error, Error::none);
    ASSERT_EQ(w.call(Call::slice_bind, {abi::boot::slices.raw(), abi::slices_per_cpu + 5, 31}).error, Error::none);
    w.deliver_pokes();
    ASSERT_EQ(machine().cpus[1].current, &w.env_at(CapSlot{31}));
    fill_translations(1);
  }
  unsigned asked() { return machine().asked[1]; }
  void sleep() {
    w.on(1);
    ASSERT_EQ(w.call(Call::env_sleep, {abi::forever.raw(), 0}).error, Error::none);
    ASSERT_EQ(w.current(), nullptr);
    w.on(0);
  }
  void wake() {
    ASSERT_EQ(w.call(Call::env_wake, {31}).error, Error::none);
    w.deliver_pokes();
    ASSERT_NE(machine().cpus[1].current, nullptr);
  }
};

TEST_F(IdleTranslations, ARunningProcessorIsAskedOnceACall) {
  const unsigned before = asked();
  ASSERT_EQ(unmap(20, 8), Error::none);
  EXPECT_EQ(asked(), before + 1);
  EXPECT_EQ(w.problems(), "");
  ASSERT_EQ(unmap(21, 8), Error::none);
  EXPECT_EQ(asked(), before + 1) << "another space";
}

TEST_F(IdleTranslations, AnIdleOneIsNotAskedAndForgetsWhenItWakes) {
  sleep();
  fill_translations(1);
  const unsigned before = asked();
  ASSERT_EQ(unmap(20, 8), Error::none);
  EXPECT_EQ(asked(), before);
  w.fill_every = 1000;
  wake();
  EXPECT_EQ(w.problems(), "");
  EXPECT_TRUE(machine().translations[1][machine().tag[1]].empty());
}

TEST_F(IdleTranslations, AnIdleOneThatMissedNothingKeepsAll) {
  sleep();
  fill_translations(1);
  const std::uint64_t loads = machine().cpus[1].info->space_loads;
  w.fill_every = 1000;
  wake();
  EXPECT_EQ(machine().cpus[1].info->space_loads, loads);
  EXPECT_FALSE(machine().translations[1][machine().tag[1]].empty());
}

TEST_F(IdleTranslations, AnIdleOneIsAskedWhenTablesGo) {
  sleep();
  ASSERT_EQ(unmap(20, 8), Error::none);
  const unsigned before = asked();
  ASSERT_EQ(w.call_done(Call::space_trim, {20, 0, abi::user_end / 4096}).error, Error::none);
  EXPECT_GT(asked(), before);
}

}  // namespace
