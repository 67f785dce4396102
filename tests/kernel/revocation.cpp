// SPDX-License-Identifier: MIT
// Visible revocation against libraries of every temper: one that gives in time loses nothing; those that ignore, lie or
// loop lose exactly what was asked, find it in their repossession list, and the next owner finds zeros.
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

using abi::Resource;
constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t pages = 64, asked = 40, memory = 0x3'0000'0000, page_va = 0x3'1000'0000;
constexpr std::uint64_t grace = 20'000'000;

enum Word : std::size_t { ready, revoked, repossessed, given };

std::array<std::byte, 8192> upcall_stack, exception_stack;

// The library's side: unmaps (and so frees) as many pages as it was asked for.
void give(rt::Event& event) {
  auto& words = domain::own_mailbox().words;
  const auto& page = *reinterpret_cast<abi::RevocationPage*>(page_va);
  if (event.kind == static_cast<std::uint64_t>(abi::Upcall::repossess)) words[repossessed] = words[repossessed] + 1;
  if (event.kind != static_cast<std::uint64_t>(abi::Upcall::revoke)) return;
  words[revoked] = page.request.count;
  must(rt::unmap(abi::no_slot, memory, must(rt::read_account(boot::account)).request_left));
  words[given] = 1;
}
void ignore(rt::Event& event) {
  auto& words = domain::own_mailbox().words;
  if (event.kind == static_cast<std::uint64_t>(abi::Upcall::repossess)) words[repossessed] = words[repossessed] + 1;
  else words[revoked] = 1;
}
void loop_for_ever(rt::Event&) {
  spin_for_ever();
}

// argument: 0 gives, 1 ignores, 2 loops.
void library(std::uint64_t temper) {
  must(rt::map_new(abi::no_slot, memory, pages, read_write | abi::map_owned, boot::account));
  for (std::uint64_t i = 0; i < pages; ++i) store(memory + i * page_size, 0x5ec7'0000 + i);
  const FrameNumber vector = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
  must(rt::map(abi::no_slot, page_va, vector, 1, read_write, boot::account));
  rt::prepare_events(own_area(), exception_stack, nullptr, upcall_stack,
                     temper == 0 ? give : temper == 1 ? ignore : loop_for_ever);
  const abi::EnvEntries entries{.revoke = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry), .gs_base = domain::area};
  must(call::env_configure(abi::no_slot, &entries));
  must(call::account_bind(boot::account, boot::self, vector));
  domain::own_mailbox().words[ready] = vector.raw();
  for (;;) static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
}

std::uint64_t count_frames(std::uint32_t owner) {
  std::uint64_t n = 0;
  for (std::uint64_t f = 0; f < system_info().frames; ++f) n += frame_info(FrameNumber{f}).owner == owner;
  return n;
}

void against(std::uint64_t temper, std::uint64_t want_taken) {
  Domain d = make_domain();
  start(d, library, temper);
  for (int i = 0; i < 100 && d.mailbox->words[ready] == 0; ++i) static_cast<void>(call::env_yield(d.env));
  if (!expect(d.mailbox->words[ready] != 0, "the library is ready")) return;
  const auto account = must(rt::read_account(d.account));
  const std::uint64_t room = rt::room_in(account, Resource::frames), used = rt::use_of(account, Resource::frames);
  const auto owner = static_cast<std::uint32_t>(must(rt::read_cap(d.account)).object);
  expect_equal(count_frames(owner), used, "the frame table agrees");

  const std::uint64_t deadline = now_ns() + grace;
  must(call::account_revoke(d.account, static_cast<std::uint32_t>(Resource::frames), abi::any_units, room + asked, deadline));
  expect_error(call::account_reclaim(d.account), Error::would_block, "before the deadline");
  while (now_ns() < deadline) static_cast<void>(call::env_sleep(deadline, d.env).has_value() ||
                                                call::env_sleep(deadline, abi::no_slot).has_value());
  const std::uint64_t start_ns = now_ns();
  abi::Result<std::uint64_t> taken = 0;
  std::uint64_t steps = 0;
  do {
    taken = call::account_reclaim(d.account);
    ++steps;
  } while (!taken.has_value() && taken.error() == Error::again);
  rt::log("temper {}: asked {}, taken {} in {} steps, {} ns", temper, asked, must(taken), steps, now_ns() - start_ns);
  expect_equal(*taken, want_taken, "taken by force");
  expect_equal(rt::use_of(must(rt::read_account(d.account)), Resource::frames), used - asked, "what is left");
  expect_equal(count_frames(owner), used - asked, "in the frame table too");
  const auto wrong = call::machine_check(boot::machine);
  if (expect_ok(wrong)) expect_equal(*wrong, std::uint64_t{0}, "the tables");
  for (int i = 0; i < 20; ++i) static_cast<void>(call::env_yield(d.env));
  if (temper == 0) {
    expect_equal(std::uint64_t{d.mailbox->words[given]}, 1ull, "it was told and gave");
    expect_equal(std::uint64_t{d.mailbox->words[repossessed]}, 0ull, "nothing was taken");
  }
  // It may have lost what it needs to hear of it.
  const bool stuck = must(rt::read_env(d.env)).state == abi::RunState::stuck;
  if (temper == 1) expect(d.mailbox->words[repossessed] != 0 || stuck, "it was told of its loss");

  const FrameNumber vector{d.mailbox->words[ready]};
  const std::uint64_t va = new_va();
  must(rt::map(abi::no_slot, va, vector, 1, abi::map_read, d.account));
  const auto& page = *reinterpret_cast<const abi::RevocationPage*>(va);
  expect_equal(page.lost_units, want_taken, "losses");
  std::uint64_t listed = 0;
  for (std::uint64_t i = 0; i < page.loss_count; ++i) {
    listed += page.losses[i].count;
    for (std::uint64_t f = 0; f < page.losses[i].count; ++f) {
      const FrameNumber lost{page.losses[i].first + f};
      expect_equal(frame_info(lost).use, abi::FrameUse::free, "lost, so free");
      must(call::frame_alloc(boot::account, lost, 1, 0, 0));
      const std::uint64_t look = new_va();
      must(rt::map(abi::no_slot, look, lost, 1, abi::map_read, boot::account));
      for (std::uint64_t at = look; at < look + page_size; at += 8)
        if (load(at) != 0) return fail(here(), "the next owner reads what the last one wrote");
      must(rt::unmap(abi::no_slot, look, 1));
      must(call::frame_free(boot::account, lost, 1));
    }
  }
  expect_equal(listed, want_taken, "all of them listed");
  must(rt::unmap(abi::no_slot, va, 1));
  must(rt::destroy_and_drop(d.account));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  against(0, 0);
  against(1, asked);
  against(2, asked);
  finish();
}
