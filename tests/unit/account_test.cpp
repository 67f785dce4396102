// SPDX-License-Identifier: MIT
// Accounts: claims, limits, minima, claimed objects, the end of one with all that it owns.
#include <gtest/gtest.h>

#include "tests/unit/world.hpp"

namespace {

using namespace fake;
using abi::Resource;
constexpr std::uint64_t root = abi::boot::account.raw(), any = abi::any_frame.raw(), slices = abi::boot::slices.raw();
constexpr std::uint32_t rw = abi::map_read | abi::map_write;

struct Accounts : ::testing::Test {
  World w;
  void TearDown() override { EXPECT_EQ(w.problems(), ""); }
  std::uint64_t limits(const abi::AccountLimits& l) { return w.put(l, 2048); }
  Error create(std::uint64_t parent, std::uint64_t dst, const abi::AccountLimits& l) {
    return w.call(Call::account_create, {parent, dst, limits(l), any}).error;
  }
  aegis::Account& at(std::uint32_t slot) { return aegis::object_at<aegis::Account>(w.slot(CapSlot{slot}).object.frame); }
  aegis::Usage& frames(std::uint32_t slot) { return at(slot).of(Resource::frames); }
};

TEST_F(Accounts, EachResourceHasItsLimit) {
  ASSERT_EQ(create(root, 20, {.limit = {50, 0, 10}, .minimum = {}}), Error::none);
  for (std::uint64_t i = 0; i < 10; ++i) ASSERT_EQ(w.call(Call::table_create, {20, 21 + i, any}).error, Error::none);
  EXPECT_EQ(w.call(Call::table_create, {20, 40, any}).error, Error::over_limit) << "objects";
  EXPECT_EQ(w.call(Call::frame_alloc, {20, any, 41, 0, 0}).error, Error::over_limit) << "frames";
  const std::uint64_t area = w.call(Call::frame_alloc, {20, any, 40, 0, 0}).value;
  ASSERT_NE(area, 0u);
  EXPECT_EQ(w.problems(), "");
}

TEST_F(Accounts, SlicesAreChargedToTheEnvsAccount) {
  const std::uint64_t bound = w.root().of(Resource::slices).used;
  EXPECT_EQ(bound, abi::slices_per_cpu);
  ASSERT_EQ(create(root, 20, {.limit = {50, 2, 10}, .minimum = {}}), Error::none);
  const std::uint64_t area = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
  ASSERT_EQ(w.call(Call::env_create, {20, 21, abi::boot::space.raw(), abi::boot::table.raw(), area, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 64, 21}).error, Error::none);
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 5, 21}).error, Error::none) << "from the root's";
  EXPECT_EQ(w.call(Call::slice_bind, {slices, 66, 21}).error, Error::over_limit);
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 5, 21}).error, Error::none) << "again";
  EXPECT_EQ(w.root().of(Resource::slices).used, bound - 1 + 2);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.call(Call::object_destroy, {21}).error, Error::none);
  EXPECT_EQ(at(20).of(Resource::slices).used, 0u);
  EXPECT_FALSE(static_cast<bool>(w.kernel().slices[64]));
}

TEST_F(Accounts, LimitsMoveBetweenParentAndChild) {
  ASSERT_EQ(create(root, 20, {.limit = {100, 4, 100}, .minimum = {40, 0, 0}}), Error::none);
  ASSERT_EQ(create(20, 21, {.limit = {30, 0, 30}, .minimum = {30, 0, 0}}), Error::none);
  EXPECT_EQ(create(20, 22, {.limit = {20, 0, 5}, .minimum = {11, 0, 0}}), Error::over_limit) << "guaranteed twice";
  EXPECT_EQ(create(20, 22, {.limit = {20, 0, 5}, .minimum = {21, 0, 0}}), Error::bad_argument);
  EXPECT_EQ(create(20, 22, {.limit = {20, 0, 5}, .minimum = {0, 0, 1}}), Error::bad_argument);
  EXPECT_EQ(create(20, 22, {.limit = {20, 5, 5}, .minimum = {}}), Error::over_limit);
  const auto limit = [&](std::uint64_t parent, std::uint64_t child, const abi::AccountLimits& l) {
    return w.call(Call::account_limit, {parent, child, limits(l)}).error;
  };
  EXPECT_EQ(limit(root, 21, {.limit = {30, 0, 30}, .minimum = {}}), Error::wrong_state) << "not its child";
  EXPECT_EQ(limit(root, root, {.limit = {30, 0, 30}, .minimum = {}}), Error::wrong_state);
  EXPECT_EQ(limit(20, 21, {.limit = {100, 0, 30}, .minimum = {}}), Error::over_limit);
  EXPECT_EQ(limit(20, 21, {.limit = {99, 4, 30}, .minimum = {40, 0, 0}}), Error::none);
  EXPECT_EQ(frames(20).room(), 0u);
  EXPECT_EQ(limit(root, 20, {.limit = {200, 4, 100}, .minimum = {39, 0, 0}}), Error::over_limit) << "promised already";
  EXPECT_EQ(limit(root, 20, {.limit = {99, 4, 100}, .minimum = {40, 0, 0}}), Error::over_limit) << "below its use";
  const std::uint64_t run = w.call(Call::frame_alloc, {21, any, 10, 0, 0}).value;
  EXPECT_EQ(limit(20, 21, {.limit = {9, 0, 0}, .minimum = {}}), Error::over_limit);
  EXPECT_EQ(limit(20, 21, {.limit = {10, 0, 0}, .minimum = {}}), Error::none);
  EXPECT_EQ(frames(20).used, 11u);
  EXPECT_EQ(w.call(Call::frame_free, {21, run, 10}).error, Error::none);
}

TEST_F(Accounts, NestingIsBounded) {
  std::uint64_t parent = root;
  for (std::uint32_t i = 0; i < abi::max_account_depth; ++i) {
    const std::uint64_t n = 100 - 2 * i;
    ASSERT_EQ(create(parent, 20 + i, {.limit = {n, 0, n}, .minimum = {}}), Error::none);
    parent = 20 + i;
  }
  EXPECT_EQ(create(parent, 50, {.limit = {1, 0, 1}, .minimum = {}}), Error::over_limit);
}

TEST_F(Accounts, ObjectsCapabilitiesLieBelowTheAccounts) {
  ASSERT_EQ(create(root, 20, {.limit = {100, 0, 100}, .minimum = {}}), Error::none);
  ASSERT_EQ(w.call(Call::space_create, {20, 21, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::table_create, {20, 22, any}).error, Error::none);
  ASSERT_EQ(create(20, 23, {.limit = {10, 0, 10}, .minimum = {}}), Error::none);
  ASSERT_EQ(w.call(Call::table_create, {23, 24, any}).error, Error::none);
  const std::uint64_t space = w.slot(CapSlot{21}).object.frame, table = w.slot(CapSlot{22}).object.frame;
  ASSERT_EQ(w.call_done(Call::cap_revoke, {20}).error, Error::none);
  for (std::uint32_t s = 21; s < 25; ++s) EXPECT_TRUE(w.slot(CapSlot{s}).empty()) << s;
  // The owner has them again.
  EXPECT_EQ(w.call(Call::account_claim, {20, 30, space}).error, Error::none);
  EXPECT_EQ(w.call(Call::account_claim, {20, 30, table}).error, Error::occupied);
  EXPECT_EQ(w.call(Call::account_claim, {20, 31, table}).error, Error::none);
  EXPECT_EQ(w.call(Call::account_claim, {20, 32, w.slot(abi::boot::space).object.frame}).error, Error::out_of_range);
  EXPECT_EQ(w.call(Call::account_claim, {20, 32, w.space_at(CapSlot{30}).top}).error, Error::out_of_range) << "a page table";
  EXPECT_EQ(w.call(Call::account_claim, {20, 32, any}).error, Error::out_of_range);
  EXPECT_EQ(w.slot(CapSlot{30}).parent, &w.slot(CapSlot{20}));
  EXPECT_EQ(w.call_done(Call::object_destroy, {31}).error, Error::none);
}

// All that an account owns, used in every way by others, goes with it.
TEST_F(Accounts, EndTakesEverything) {
  const std::uint64_t before = w.frames_used(), free_before = w.kernel().frames.free_count();
  ASSERT_EQ(create(root, 20, {.limit = {200, 8, 200}, .minimum = {5, 0, 0}}), Error::none);
  ASSERT_EQ(w.call(Call::space_create, {20, 21, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::table_create, {20, 22, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::table_grow, {22, 0, 20, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::table_grow, {22, 300, root, any}).error, Error::none) << "a leaf and an index that we pay";
  ASSERT_EQ(w.call(Call::table_grow, {abi::boot::table.raw(), 3, 20, any}).error, Error::none) << "a leaf of ours that it pays";
  ASSERT_EQ(w.call(Call::table_grow, {abi::boot::table.raw(), 400, 20, any}).error, Error::none) << "with its index";
  ASSERT_EQ(w.call(Call::table_grow, {abi::boot::table.raw(), 401, root, any}).error, Error::none) << "below its index";
  ASSERT_EQ(w.call(Call::cap_derive, {abi::boot::space.raw(), 3 * 64 + 5, abi::all_rights, 0, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {abi::boot::space.raw(), 401 * 64 + 5, abi::all_rights, 0, 0}).error, Error::none);
  const std::uint64_t run = w.call(Call::frame_alloc, {20, any, 20, 0, 0}).value;
  // Mapped by it, by us under its account, by us under a capability and what is derived from that.
  ASSERT_EQ(w.update(CapSlot{21}, {abi::SpaceVerb::map, rw | abi::map_owned, CapSlot{20}, 0, 0x1000, 20, run}), Error::none);
  ASSERT_EQ(w.update(abi::no_slot, {abi::SpaceVerb::map, rw, CapSlot{20}, 0, 0x4000'0000, 10, run}), Error::none);
  ASSERT_EQ(w.call(Call::frame_cap, {20, 23, run, 20, abi::all_rights}).error, Error::none);
  ASSERT_EQ(w.call(Call::cap_derive, {23, 24, abi::all_rights, run + 4, 8}).error, Error::none);
  ASSERT_EQ(w.update(abi::no_slot, {abi::SpaceVerb::map, rw, CapSlot{24}, 0, 0x4800'0000, 8, run + 4}), Error::none);
  // Its env in our space, ours in its space and with its table; one runs on the other processor.
  const std::uint64_t area = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
  ASSERT_EQ(w.call(Call::env_create, {20, 25, abi::boot::space.raw(), 22, area, any}).error, Error::none);
  const std::uint64_t ours = w.make_env(CapSlot{26}, CapSlot{21}, CapSlot{22});
  ASSERT_EQ(w.call(Call::env_start, {25, 0x1000, 0x2000, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::slice_bind, {slices, 66, 25}).error, Error::none);
  w.deliver_pokes();
  ASSERT_EQ(machine().cpus[1].current, &w.env_at(CapSlot{25}));
  // Views of its space and in it, a bound revocation page, a request.
  ASSERT_EQ(w.call(Call::space_link, {0, 200, 21}).error, Error::none);
  ASSERT_EQ(w.call(Call::space_link, {21, 201, abi::boot::space.raw()}).error, Error::none);
  const std::uint64_t vector = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
  ASSERT_EQ(w.call(Call::account_bind, {20, 25, vector}).error, Error::none);
  ASSERT_EQ(w.call(Call::account_revoke, {20, 0, ~0ull, 150, 1}).error, Error::none);
  EXPECT_EQ(w.problems(), "");
  int steps = 0;
  for (;; ++steps) {
    const Error answer = w.call(Call::object_destroy, {20}).error;
    if (answer == Error::none) break;
    ASSERT_EQ(answer, Error::again);
    ASSERT_EQ(w.problems(), "") << "after step " << steps;
    EXPECT_EQ(w.call(Call::frame_alloc, {20, any, 1, 0, 0}).error, Error::stale) << "it is ending";
    EXPECT_NE(w.call(Call::cap_derive, {23, 30, abi::all_rights, 0, 0}).error, Error::none);
    w.deliver_pokes();
  }
  EXPECT_GT(steps, 0);
  EXPECT_EQ(w.problems(), "");
  EXPECT_EQ(w.entry(w.space_at(abi::boot::space), 0x4000'0000), 0u);
  EXPECT_EQ(w.entry(w.space_at(abi::boot::space), 0x4800'0000), 0u);
  EXPECT_TRUE(w.slot(CapSlot{23}).empty() && w.slot(CapSlot{24}).empty());
  EXPECT_EQ(w.call(Call::cap_read, {3 * 64 + 5, w.scratch()}).error, Error::bad_slot) << "the leaf went";
  EXPECT_EQ(w.call(Call::cap_read, {401 * 64 + 5, w.scratch()}).error, Error::bad_slot) << "with the index above";
  EXPECT_EQ(w.call(Call::env_wake, {26}).error, Error::stale) << "ours, which lived in its space";
  EXPECT_EQ(w.call(Call::frame_free, {root, ours, 1}).error, Error::none);
  EXPECT_EQ(w.kernel().open_requests, 0u);
  ASSERT_EQ(w.call_done(Call::space_trim, {0, 0, abi::user_end / 4096}).error, Error::none);
  EXPECT_EQ(w.frames_used(), before);
  EXPECT_EQ(w.kernel().frames.free_count(), free_before);
}

TEST_F(Accounts, AnEnvCanEndItsOwnAccount) {
  ASSERT_EQ(create(root, 20, {.limit = {100, 8, 100}, .minimum = {}}), Error::none);
  const std::uint64_t area = w.call(Call::frame_alloc, {20, any, 1, 0, 0}).value;
  ASSERT_EQ(w.call(Call::env_create, {20, 21, abi::boot::space.raw(), abi::boot::table.raw(), area, any}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_start, {21, 0x1000, 0x2000, 0}).error, Error::none);
  ASSERT_EQ(w.call(Call::env_yield, {21}).error, Error::none);
  ASSERT_EQ(w.current(), &w.env_at(CapSlot{21}));
  (void)w.call(Call::object_destroy, {20});
  EXPECT_EQ(w.current(), &w.env_at(abi::boot::self));
  EXPECT_EQ(w.problems(), "");
  const Error left = w.call_done(Call::object_destroy, {20}).error;
  EXPECT_TRUE(left == Error::none || left == Error::stale);
}

}  // namespace
