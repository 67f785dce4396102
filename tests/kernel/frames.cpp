// SPDX-License-Identifier: MIT
// Frames: taken by name, in runs, aligned; zero when they come; given back; told truly in the frame table.
#include "tests/kernel/guest.hpp"

using namespace guest;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;

[[nodiscard]] bool is_zero(FrameNumber first, std::uint64_t count) {
  const std::uint64_t va = new_va(count);
  must(rt::map(abi::no_slot, va, first, count, read_write, boot::account));
  bool zero = true;
  for (std::uint64_t at = va; at < va + count * page_size; at += 8) zero &= load(at) == 0;
  // Leave something behind for the next owner to find.
  for (std::uint64_t at = va; at < va + count * page_size; at += 8) store(at, 0x5ec4'e700'0000'0000 | at);
  must(rt::unmap(abi::no_slot, va, count));
  return zero;
}

void any_and_named() {
  const auto before = settled_account();
  const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
  expect_equal(frame_info(first).use, abi::FrameUse::plain, "use");
  expect_equal(rt::use_of(must(rt::read_account(boot::account)), abi::Resource::frames), rt::use_of(before, abi::Resource::frames) + 1, "charged");
  expect(is_zero(first, 1), "a new frame is zero");
  expect_error(call::frame_alloc(boot::account, first, 1, 0, 0), Error::no_frame, "taken by name twice");
  expect_ok(call::frame_free(boot::account, first, 1));
  expect_equal(frame_info(first).use, abi::FrameUse::free, "use");
  expect_error(call::frame_free(boot::account, first, 1), Error::out_of_range, "freed twice");

  const FrameNumber again = must_frame(call::frame_alloc(boot::account, first, 1, 0, 0));
  expect_equal(again.raw(), first.raw(), "by name");
  expect(is_zero(again, 1), "zero for the second owner");
  expect_ok(call::frame_free(boot::account, again, 1));
  expect_settled(before, "any and named");
}

void runs() {
  const auto before = settled_account();
  for (const std::uint64_t count : {2ull, 3ull, 64ull, 500ull, 512ull}) {
    const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, count, 0, 0));
    for (std::uint64_t i = 0; i < count; ++i) expect_equal(frame_info(first + i).use, abi::FrameUse::plain, "run");
    expect(is_zero(first, count), "run is zero");
    expect_ok(call::frame_free(boot::account, first, count));
  }
  for (const std::uint32_t align : {1u, 4u, 9u, 10u}) {
    const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, 3, (1u << align) - 1, 0));
    expect_equal(first.raw() % (1ull << align), 0ull, "alignment");
    // Freed one by one as well as in runs.
    for (std::uint64_t i = 0; i < 3; ++i) expect_ok(call::frame_free(boot::account, first + i, 1));
  }
  expect_settled(before, "runs");
}

void hole_by_name() {
  // A run with one frame missing cannot be taken whole, and the failure takes nothing.
  const FrameNumber first = must_frame(call::frame_alloc(boot::account, abi::any_frame, 8, 0, 0));
  expect_ok(call::frame_free(boot::account, first, 3));
  expect_ok(call::frame_free(boot::account, first + 4, 4));
  const auto before = must(rt::read_account(boot::account));
  expect_error(call::frame_alloc(boot::account, first, 8, 0, 0), Error::no_frame, "run over a taken frame");
  expect_equal(rt::use_of(must(rt::read_account(boot::account)), abi::Resource::frames), rt::use_of(before, abi::Resource::frames), "nothing charged");
  expect_equal(frame_info(first).use, abi::FrameUse::free, "nothing taken");
  expect_ok(call::frame_alloc(boot::account, first, 3, 0, 0), "the part before it");
  expect_ok(call::frame_free(boot::account, first, 4));
}

void busy_frames() {
  const Page page = new_page();
  expect_equal(frame_info(page.frame).maps, 1u, "maps");
  expect_error(call::frame_free(boot::account, page.frame, 1), Error::busy, "mapped");
  must(rt::unmap(abi::no_slot, page.va, 1));
  const CapSlot cap = new_slot();
  expect_ok(call::frame_cap(boot::account, cap, page.frame, 1, abi::all_rights));
  expect_equal(frame_info(page.frame).refs, std::uint16_t{1}, "refs");
  expect_error(call::frame_free(boot::account, page.frame, 1), Error::busy, "a capability covers it");
  expect_ok(rt::drop(cap));
  expect_ok(call::frame_free(boot::account, page.frame, 1));
}

void whole_memory() {
  // All that is free can be had, one run after the other, and comes back.
  const auto before = settled_account();
  const std::uint64_t left = rt::limit_of(before, abi::Resource::frames) - rt::use_of(before, abi::Resource::frames);
  std::array<std::pair<FrameNumber, std::uint64_t>, 512> taken{};
  std::size_t count = 0;
  std::uint64_t total = 0;
  for (std::uint64_t run = abi::max_run; run > 0; run /= 2) {
    while (count < taken.size()) {
      const auto first = call::frame_alloc(boot::account, abi::any_frame, run, 0, 0);
      if (!first) break;
      taken[count++] = {FrameNumber{*first}, run};
      total += run;
    }
  }
  expect_equal(total, left, "all free frames were had");
  const auto more = call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0);
  expect(!more.has_value() && (more.error() == Error::over_limit || more.error() == Error::no_frame), "and no more");
  for (std::size_t i = 0; i < count; ++i) must(call::frame_free(boot::account, taken[i].first, taken[i].second));
  expect_settled(before, "whole memory");
}

void child_accounts() {
  const auto before = settled_account();
  const CapSlot child = new_slot(), grandchild = new_slot();
  must(rt::create_account(boot::account, child, rt::frames_only(40)));
  expect_equal(rt::use_of(must(rt::read_account(boot::account)), abi::Resource::frames), rt::use_of(before, abi::Resource::frames) + 41,
               "child's limit and its own frame");
  expect_equal(rt::limit_of(must(rt::read_account(child)), abi::Resource::frames), 40ull, "child's limit");
  must(rt::create_account(child, grandchild, rt::frames_only(10)));
  expect_equal(rt::use_of(must(rt::read_account(child)), abi::Resource::frames), 11ull, "grandchild's limit and its own frame");
  const FrameNumber mine = must_frame(call::frame_alloc(child, abi::any_frame, 29, 0, 0));
  expect_error(call::frame_alloc(child, abi::any_frame, 1, 0, 0), Error::over_limit, "one too many");
  expect_error(call::frame_free(boot::account, mine, 29), Error::out_of_range, "not the parent's to free");
  expect_error(rt::destroy(child), Error::busy, "an account below it");
  must(rt::destroy_and_drop(grandchild));
  must(rt::destroy_and_drop(child));
  expect_equal(frame_info(mine).use, abi::FrameUse::free, "what it owned went with it");
  expect_settled(before, "child accounts");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  any_and_named();
  runs();
  hole_by_name();
  busy_frames();
  whole_memory();
  child_accounts();
  finish();
}
