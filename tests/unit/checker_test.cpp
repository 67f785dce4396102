// SPDX-License-Identifier: MIT
// The checker finds what is planted: every kind of corruption, one at a time, and nothing once it is undone.
#include "tests/unit/checker.hpp"

#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
constexpr std::uint64_t account = abi::boot::account.raw(), any = abi::any_frame.raw();
constexpr std::uint64_t va = 0x5555'5555'4000;
constexpr std::uint32_t rw = abi::map_read | abi::map_write, owned = abi::map_owned;

// A world with something of everything: a child account (20) with a space (21) and a table; pages, a frames capability (22)
// and one derived from it (23); a view (slot 130 of space 24 in 21); envs 25 and 26, asleep.
struct Checks : ::testing::Test {
  World w;
  void SetUp() override {
    ASSERT_EQ(w.call(Call::account_create, {account, 20, w.limits(100), any}).error, Error::none);
    ASSERT_EQ(w.call(Call::space_create, {account, 21, any}).error, Error::none);
    ASSERT_EQ(w.map_new(CapSlot{21}, va, 3, rw | owned), Error::none);
    frame = w.call(Call::frame_alloc, {account, any, 2, 0, 0}).value;
    ASSERT_EQ(w.call(Call::frame_cap, {account, 22, frame, 2, abi::all_rights}).error, Error::none);
    ASSERT_EQ(w.call(Call::cap_derive, {22, 23, 4, frame, 1}).error, Error::none);
    ASSERT_EQ(w.call(Call::space_create, {20, 24, any}).error, Error::none);
    ASSERT_EQ(w.call(Call::space_link, {21, 130, 24}).error, Error::none);
    for (const std::uint32_t slot : {25u, 26u}) {
      w.make_env(CapSlot{slot});
      w.env_at(CapSlot{slot}).state = abi::RunState::sleeping;
      w.env_at(CapSlot{slot}).deadline = abi::Nanoseconds{1000 + slot};
      w.kernel().sleepers.insert(w.env_at(CapSlot{slot}));
    }
    machine().frames = nullptr;  // tables are about to be written as they should not be
    ASSERT_EQ(w.problems(), "");
  }

  // With `place` set to `wrong` the checker says `what`; put back, it says nothing.
  template <typename T, typename U>
  void plant(T& place, U wrong, const std::string& what, int line = __builtin_LINE()) {
    const T right = place;
    place = static_cast<T>(wrong);
    const std::string found = w.problems();
    EXPECT_NE(found.find(what), std::string::npos) << "line " << line << ": " << what << " is not among:\n" << found;
    place = right;
    EXPECT_EQ(w.problems(), "") << "line " << line;
  }
  aegis::FrameInfo& info(std::uint64_t f) { return w.kernel().frames[FrameNumber{f}]; }
  aegis::Space& space(std::uint32_t slot = 21) { return w.space_at(CapSlot{slot}); }
  std::uint64_t* table_of(std::uint32_t level, std::uint32_t slot = 21) {
    std::uint64_t at = space(slot).top;
    for (std::uint32_t l = 4; l > level; --l) at = table(at)[va >> (12 + 9 * (l - 1)) & 511] >> 12 & 0xffff'ffff;
    return table(at);
  }
  std::uint64_t number_of(const void* p) { return aegis::arch::frame_of(p).raw(); }
  std::uint64_t& entry() { return table_of(1)[va >> 12 & 511]; }
  std::uint64_t frame = 0;
};

TEST_F(Checks, Ownership) {
  plant(info(frame).owner, 1, "owner is no account");
  plant(info(frame).owner, number_of(&w.root()) + 1, "owner is no account");
  plant(info(frame).owner, w.slot(CapSlot{20}).object.frame, "account: frames");
  plant(info(frame).use, abi::FrameUse::free, "a free frame");
  plant(info(frame + 1).use, abi::FrameUse::page_table, "a page table that nothing leads to");
  plant(info(frame + 1).use, abi::FrameUse::table_leaf, "a leaf that nothing leads to");
  plant(info(frame).flags, abi::frame_condemned, "condemned for nothing");
  plant(info(frame).aux, 7, "watched");
  plant(w.kernel().frames.info().free_frames, 3, "free frames");
}

TEST_F(Checks, Counts) {
  plant(info(frame).maps, 1, "maps");
  plant(info(frame).pins, 1, "pins");
  plant(info(frame).refs, 1, "refs");
  plant(info(w.env_at(CapSlot{25}).user_area.raw()).pins, 0, "pins");
  plant(info(number_of(table_of(1))).maps, 2, "maps");
  plant(info(number_of(table_of(3))).maps, 0, "maps");
}

TEST_F(Checks, Accounts) {
  using abi::Resource;
  aegis::Usage& frames = w.root().of(Resource::frames);
  aegis::Usage& slices = w.root().of(Resource::slices);
  aegis::Usage& objects = w.root().of(Resource::objects);
  plant(frames.used, frames.used - 1, "account: frames");
  plant(slices.used, slices.used + 1, "account: slices");
  plant(objects.used, objects.used + 1, "account: objects");
  plant(frames.promised, 1, "account: minima");
  plant(w.root().children, 0, "account: children");
  plant(frames.limit, frames.used - 1, "account: limit");
  plant(w.env_at(CapSlot{25}).positions, 1, "positions of an env");
  plant(w.kernel().open_requests, 1, "open requests");
  auto& child = aegis::object_at<aegis::Account>(w.slot(CapSlot{20}).object.frame);
  plant(child.of(Resource::frames).limit, child.of(Resource::frames).limit + 1, "account: frames");
  plant(child.depth, 7, "an account's depth");
  plant(child.parent, number_of(&child) + 1, "an account's parent is gone");
}

TEST_F(Checks, PageTables) {
  std::uint64_t* const low = table_of(1);
  plant(low[0], number_of(low) << 12 | abi::pte_present | abi::pte_user, "a frame in kernel use is mapped");
  plant(low[0], (frame << 12) | abi::pte_present | abi::pte_user, "maps");
  plant(low[0], std::uint64_t{frame_count} << 12 | abi::pte_present | abi::pte_user, "mapped beyond memory");
  plant(low[0], 2, "an absent entry is 0");
  plant(entry(), entry() & ~abi::pte_may_write, "writable above the ceiling");
  plant(entry(), (entry() & ~abi::pte_no_execute) & ~abi::pte_may_execute, "executable above the ceiling");
  plant(entry(), entry() & ~abi::pte_user, "a page without the user bit");
  plant(entry(), 0, "maps");
  std::uint64_t* const middle = table_of(2);
  plant(middle[0], number_of(middle) << 12 | abi::pte_present, "page table");
  plant(middle[0], number_of(low) << 12 | abi::pte_present, "a page table is used twice");
  plant(middle[0], frame << 12 | abi::pte_present, "page table");
  plant(middle[0], std::uint64_t{512} << 12 | abi::pte_present | abi::pte_user | abi::pte_large, "maps");
  plant(middle[0], (frame | 1) << 12 | abi::pte_present | abi::pte_user | abi::pte_large, "mapped beyond memory");
  plant(table_of(3)[0], std::uint64_t{512} << 12 | abi::pte_present | abi::pte_large, "a large entry at the wrong level");
  plant(info(number_of(low)).level, 2, "page table");
  plant(info(number_of(low)).aux, number_of(&space(24)), "page table");
  plant(info(space().top).level, 3, "top table");
  plant(table(space().top)[abi::window_slot], table(space().top)[abi::window_slot] | abi::pte_write, "the kernel's half");
  plant(table(space().top)[400], 5, "the kernel's half");
  const std::uint64_t information = w.kernel().frames.info().info_base;
  plant(low[0], information << 12 | abi::pte_present | abi::pte_user | abi::pte_may_write, "information pages are read-only");
  const std::uint64_t foreign = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
  plant(low[0], foreign << 12 | abi::pte_present | abi::pte_user | abi::pte_owned, "owned by another account");
}

TEST_F(Checks, Views) {
  plant(space().source[130], 0, "page table");
  plant(space().source[130], number_of(&w.root()), "a link's source is gone");
  plant(space().source[131], number_of(&space(24)), "an absent entry is 0");
  plant(space(24).viewed, 2, "viewers");
  plant(space(24).viewers[130], 0, "viewers of a slot");
  plant(space().viewers[7], 1, "viewers of a slot");
  plant(table(space().top)[130], table(space().top)[va >> 39 & 511], "a link differs from its source");
}

TEST_F(Checks, DerivationTree) {
  aegis::Slot &parent = w.slot(CapSlot{22}), &child = w.slot(CapSlot{23});
  aegis::Slot& vacant = w.slot(CapSlot{40});
  ASSERT_EQ(child.parent, &parent);
  plant(child.parent, &w.slot(CapSlot{21}), "not among the parent's children");
  plant(child.parent, &vacant, "a link leads nowhere");
  plant(child.parent, static_cast<aegis::Slot*>(static_cast<void*>(table_of(1))), "a link leads nowhere");
  plant(child.prev, &parent, "prev");
  plant(parent.first_child, nullptr, "not among the parent's children");
  plant(parent.next, &child, "next");
  plant(vacant.parent, &parent, "links of an empty slot");
  plant(child.rights, 0x1d | 2, "a child has more rights");
  plant(child.count, 3, "a child's range");
  plant(child.count, frame_count, "a capability's range");
  plant(child.object.frame, number_of(&space()), "a child's object");
  plant(child.kind, abi::Kind::slices, "a child has more rights");
  plant(child.kind, abi::Kind::none, "links of an empty slot");
}

TEST_F(Checks, RingsThatHangOnNoRoot) {
  // Two capabilities without a parent are made each other's parent: every link by itself is right.
  aegis::Slot &a = w.slot(CapSlot{50}), &b = w.slot(CapSlot{51});
  for (aegis::Slot* s : {&a, &b}) aegis::install(*s, abi::Kind::machine, {});
  ASSERT_EQ(w.problems(), "");
  a.parent = a.first_child = &b;
  b.parent = b.first_child = &a;
  EXPECT_NE(w.problems().find("capabilities that hang on no root"), std::string::npos) << w.problems();
}

TEST_F(Checks, Tables) {
  auto& caps = aegis::object_at<aegis::Table>(w.slot(abi::boot::table).object.frame);
  plant(caps.envs, 0, "envs of table");
  plant(info(number_of(&w.slot(CapSlot{22}))).aux, frame, "leaf");
}

TEST_F(Checks, Envs) {
  aegis::Env& env = w.env_at(CapSlot{25});
  plant(env.state, abi::RunState::running, "running means current");
  plant(env.state, abi::RunState::ready, "only sleepers are queued");
  plant(env.user_area, FrameNumber{number_of(&env)}, "user area is not plain");
  plant(env.space, frame, "an env's space is gone");
  plant(env.table, frame, "an env's table is gone");
  plant(space().envs, 1, "envs of space");
}

TEST_F(Checks, Sleepers) {
  aegis::Env &first = w.env_at(CapSlot{25}), &second = w.env_at(CapSlot{26});
  plant(second.deadline, abi::Nanoseconds{3}, "heap order");
  plant(first.sleep.child, nullptr, "a sleeper's links");
  plant(second.sleep.prev, nullptr, "a sleeper's links");
  plant(second.sleep.next, w.current(), "a sleeper's link leads nowhere");
  plant(second.sleep.queued, false, "a sleeper's link leads nowhere");
}

TEST_F(Checks, Processors) {
  plant(w.cpu().current, &w.env_at(CapSlot{25}), "current runs");
  plant(w.cpu().space, number_of(&space(24)), "current's space is in use");
  plant(w.cpu().space, frame, "a dead space is in use");
  plant(w.cpu().loaded, nullptr, "settled");
}

}  // namespace
