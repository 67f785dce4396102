// SPDX-License-Identifier: MIT
// Envs that wait for words on pages that go away under them: unmapped, replaced, freed, lent and revoked, asked back by
// force, ended with their owner; asleep, and on the other processor at the very moment. Nobody keeps a frame by waiting for
// it, nobody is woken by what is no longer his, and afterwards no pin is left.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

constexpr std::uint32_t read_write = abi::map_read | abi::map_write;
constexpr std::uint64_t forever = abi::forever.raw();

abi::WaitWord is_one(std::uint64_t address) {
  return {.address = address, .mask = ~0ull, .value = 1, .compare = abi::Compare::equal, .reserved = 0};
}
std::uint64_t outcome(const abi::Result<std::uint64_t>& answer) {
  return answer.has_value() ? *answer : 1000 + static_cast<std::uint64_t>(answer.error());
}
constexpr std::uint64_t refused(Error error) { return 1000 + static_cast<std::uint64_t>(error); }

void recount(std::string_view stage, Where at = here()) {
  const auto wrong = call::machine_check(boot::machine);
  if (expect_ok(wrong, stage, at)) expect_equal(*wrong, std::uint64_t{0}, stage, at);
}

// --- in one space ---------------------------------------------------------------------------------------------------
volatile std::uint64_t first_outcome, second_outcome, waits;

void waits_twice(std::uint64_t va) {
  const abi::WaitWord word = is_one(va);
  first_outcome = outcome(call::env_wait(&word, 1, forever, abi::no_slot));
  second_outcome = outcome(call::env_wait(&word, 1, forever, abi::no_slot));
  rt::halt(0);
}

Thread waiter_for(std::uint64_t va) {
  Thread t = make_thread();
  start(t, waits_twice, va);
  expect_equal(run(t.env).state, abi::RunState::sleeping, "it waits");
  return t;
}

void unmapped() {
  const Page page = new_page();
  Thread t = waiter_for(page.va);
  must(rt::unmap(abi::no_slot, page.va, 1));
  expect_error(call::frame_free(boot::account, page.frame, 1), Error::busy, "while it is waited for");
  must(call::env_wake(t.env));
  expect_equal(run(t.env).state, abi::RunState::halted);
  expect_equal(std::uint64_t{first_outcome}, abi::wait_woken, "woken");
  expect_equal(std::uint64_t{second_outcome}, refused(Error::bad_address), "and cannot wait for it again");
  expect_ok(call::frame_free(boot::account, page.frame, 1), "free afterwards");
  destroy(t);
  recount("unmapped");
}

// Another frame at the same address, whose word is true: it is not the one that was waited for.
void replaced() {
  const Page page = new_page(), other = new_page();
  other.word() = 1;
  Thread t = waiter_for(page.va);
  const std::uint64_t old = new_va();
  must(rt::map(abi::no_slot, old, page.frame, 1, read_write, boot::account));
  must(rt::map(abi::no_slot, page.va, other.frame, 1, read_write | abi::map_replace, boot::account));
  expect_error(call::env_yield(t.env), Error::wrong_state, "the word that it found is not true");
  store(old, 1);
  expect_equal(run(t.env).state, abi::RunState::halted, "now it is");
  expect_equal(std::uint64_t{first_outcome}, 0ull, "by the word");
  expect_equal(std::uint64_t{second_outcome}, 0ull, "and at once by the other");
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(rt::unmap(abi::no_slot, other.va, 1));
  must(rt::unmap(abi::no_slot, old, 1));
  for (const Page& p : {page, other}) expect_ok(call::frame_free(boot::account, p.frame, 1), "free afterwards");
  destroy(t);
  recount("replaced");
}

// The sleeper ends; stopped, it holds nothing either.
void sleeper_ends() {
  const Page page = new_page();
  Thread t = waiter_for(page.va);
  must(rt::unmap(abi::no_slot, page.va, 1));
  must(call::env_stop(t.env));
  expect_ok(call::frame_free(boot::account, page.frame, 1), "stopped");
  destroy(t);
  const Page next = new_page();
  Thread u = waiter_for(next.va);
  must(rt::unmap(abi::no_slot, next.va, 1));
  destroy(u);
  expect_ok(call::frame_free(boot::account, next.frame, 1), "ended");
  recount("the sleeper ended");
}

// --- between accounts -------------------------------------------------------------------------------------------------
constexpr CapSlot lent{20};
constexpr std::uint64_t borrowed_va = 0x3'0000'0000, hoard_va = 0x3'1000'0000, hoarded = 64;

void waits_for_what_is_lent(std::uint64_t frame) {
  must(rt::map(abi::no_slot, borrowed_va, FrameNumber{frame}, 1, abi::map_read, lent));
  const abi::WaitWord word = is_one(borrowed_va);
  auto& words = domain::own_mailbox().words;
  words[0] = outcome(call::env_wait(&word, 1, forever, abi::no_slot));
  words[1] = outcome(call::env_wait(&word, 1, forever, abi::no_slot));
}

void lent_and_revoked() {
  Domain d = make_domain();
  const Page page = new_page();
  const CapSlot cap = new_slot();
  must(call::frame_cap(boot::account, cap, page.frame, 1, abi::all_rights));
  must(call::cap_grant(cap, d.table, lent, bits(abi::FramesRight::read), 0, 0));
  start(d, waits_for_what_is_lent, page.frame.raw());
  expect_equal(run(d).state, abi::RunState::sleeping, "it waits");
  must(rt::revoke(cap));
  page.word() = 1;  // not for it
  expect_equal(frame_info(page.frame).pins, std::uint16_t{0}, "no pin is left");
  expect_equal(run(d).state, abi::RunState::halted, "it went on");
  expect_equal(std::uint64_t{d.mailbox->words[0]}, abi::wait_revoked, "told why");
  expect_equal(std::uint64_t{d.mailbox->words[1]}, refused(Error::bad_address), "and cannot wait for it again");
  must(rt::drop(cap));
  must(rt::unmap(abi::no_slot, page.va, 1));
  expect_ok(call::frame_free(boot::account, page.frame, 1), "free");
  destroy(d);
  recount("lent and revoked");
}

// The borrower's account ends while it waits.
void borrower_ends() {
  Domain d = make_domain();
  const Page page = new_page();
  const CapSlot cap = new_slot();
  must(call::frame_cap(boot::account, cap, page.frame, 1, abi::all_rights));
  must(call::cap_grant(cap, d.table, lent, bits(abi::FramesRight::read), 0, 0));
  start(d, waits_for_what_is_lent, page.frame.raw());
  expect_equal(run(d).state, abi::RunState::sleeping, "it waits");
  must(rt::destroy_and_drop(d.account));
  expect_equal(frame_info(page.frame).pins, std::uint16_t{0}, "no pin is left");
  expect_equal(frame_info(page.frame).maps, 1u, "nor a mapping");
  must(rt::drop(cap));
  must(rt::unmap(abi::no_slot, page.va, 1));
  expect_ok(call::frame_free(boot::account, page.frame, 1), "free");
  recount("the borrower ended");
}

// Keeps its memory, as it thinks, by waiting for it.
void hoards(std::uint64_t) {
  must(rt::map_new(abi::no_slot, hoard_va, hoarded, read_write | abi::map_owned, boot::account));
  std::array<abi::WaitWord, abi::max_wait_words> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = is_one(hoard_va + i * page_size);
  domain::own_mailbox().words[0] = outcome(call::env_wait(words.data(), words.size(), forever, abi::no_slot));
}

void asked_back_by_force() {
  Domain d = make_domain();
  start(d, hoards);
  expect_equal(run(d).state, abi::RunState::sleeping, "it waits");
  const abi::AccountInfo before = must(rt::read_account(d.account));
  const std::uint64_t pinned = rt::use_of(before, abi::Resource::objects) + 1;  // and its user area
  const std::uint64_t asked = rt::limit_of(before, abi::Resource::frames) - pinned;
  must(call::account_revoke(d.account, static_cast<std::uint32_t>(abi::Resource::frames), abi::any_units, asked, 0));
  abi::Result<std::uint64_t> taken = 0;
  do taken = call::account_reclaim(d.account);
  while (!taken.has_value() && taken.error() == Error::again);
  const std::uint64_t left = rt::use_of(must(rt::read_account(d.account)), abi::Resource::frames);
  rt::log("asked {} of {}, {} taken by force, {} left", asked, rt::use_of(before, abi::Resource::frames), must(taken), left);
  expect_equal(left, pinned, "nothing is kept by waiting for it");
  recount("force");
  for (const CapSlot slot : {d.env, d.space, d.table}) must(rt::destroy_and_drop(slot));
  must(rt::destroy_and_drop(d.account));
  recount("its end");
}

// --- at the same time -------------------------------------------------------------------------------------------------
void waits_for_ever(std::uint64_t va) {
  const std::array words{is_one(va), is_one(va + page_size), is_one(va + 8), is_one(va + page_size + 8)};
  for (;;) {
    const std::uint64_t deadline = waits % 3 == 0 ? 0 : waits % 3 == 1 ? now_ns() + 20'000 : forever;
    static_cast<void>(call::env_wait(words.data(), static_cast<std::uint32_t>(1 + waits % 4), deadline, abi::no_slot));
    waits = waits + 1;
    if (waits % 8 == 0) asm volatile("pause");  // the other processor's turn, where instructions are counted
  }
}

// The other processor waits for words on two pages that come and go; what goes is another's at once.
void on_two_processors() {
  Thread t = make_thread();
  const std::uint64_t va = new_va(2);
  waits = 0;
  start(t, waits_for_ever, va);
  for (std::uint32_t p = 0; p < abi::slices_per_cpu; ++p) must(call::slice_bind(boot::slices, abi::slices_per_cpu + p, t.env));
  Random random{5};
  std::uint64_t busy = 0;
  for (std::uint64_t round = 0; round < 400; ++round) {
    const std::uint64_t at = va + random.below(2) * page_size;
    const FrameNumber frame = must_frame(call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0));
    must(rt::map(abi::no_slot, at, frame, 1, read_write, boot::account));
    if (random.below(2) == 0) store(at + 8 * random.below(2), random.below(2));
    for (std::uint64_t i = random.below(2000); i > 0; --i) asm volatile("pause");
    must(rt::unmap(abi::no_slot, at, 1));
    if (random.below(8) == 0) must(rt::trim(abi::no_slot, va, 2));
    // While it is waited for it is not free; a wake lets it go.
    if (!wait_until([&] {
          const auto freed = call::frame_free(boot::account, frame, 1);
          if (!freed.has_value() && expect_error(freed, Error::busy)) must(call::env_wake(t.env));
          busy += freed.has_value() ? 0 : 1;
          return freed.has_value();
        }))
      return fail(here(), "a pin stays for ever");
    if (round % 50 == 0) recount("in between");
  }
  expect(waits > 100, "it waited");
  rt::log("{} waits beside 400 pages that went; {} were still waited for", std::uint64_t{waits}, busy);
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  for (std::uint32_t p = 0; p < abi::slices_per_cpu; ++p) must(call::slice_bind(boot::slices, abi::slices_per_cpu + p, abi::no_slot));
  destroy(t);
  recount("two processors");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  unmapped();
  replaced();
  sleeper_ends();
  lent_and_revoked();
  borrower_ends();
  asked_back_by_force();
  if (system_info().cpus > 1) on_two_processors();
  finish();
}
