// SPDX-License-Identifier: MIT
// Envs in every state that forbids something: running on the other processor, ready, created. And protected control
// transfers that cannot be.
#include "tests/hostile/arguments.hpp"

namespace arguments {
namespace {

using abi::Transfer;

volatile std::uint64_t beats;
void beats_for_ever(std::uint64_t) {
  for (;;) beats = beats + 1;
}

void bind_second(CapSlot env) {
  for (std::uint32_t i = 0; i < abi::slices_per_cpu; ++i)
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + i, env));
}

void created(World& w) {
  abi::Registers registers{.rip = 0x1000, .rflags = 0x202, .rsp = 0x1000};
  expect_error(call::env_stop(w.env), Error::wrong_state, "not started");
  expect_error(call::env_resume(w.env), Error::wrong_state, "not started");
  expect_error(call::env_yield(w.env), Error::wrong_state, "not started");
  expect_error(call::env_sleep(0, w.env), Error::wrong_state, "not started");
  registers.rflags = 0x3202;  // IOPL
  expect_error(call::env_write(w.env, &registers), Error::bad_argument, "flags of the kernel");
  registers.rflags = 0x202;
  const abi::WaitWord word{.address = reinterpret_cast<std::uint64_t>(&beats), .mask = ~0ull, .value = ~0ull,
                           .compare = abi::Compare::equal, .reserved = 0};
  expect_error(call::env_wait(&word, 0, 0, abi::no_slot), Error::bad_argument, "no word");
  expect_error(call::env_wait(&word, abi::max_wait_words + 1, 0, abi::no_slot), Error::bad_argument, "too many");
  expect_error(call::env_wait(&word, 1, ~0ull, w.env), Error::wrong_state, "not started");
}

void elsewhere(World& w) {
  Thread t = make_thread();
  abi::EnvEntries entries{};
  abi::EnvState state{};
  abi::Registers registers{.rip = 0x1000, .rflags = 0x202, .rsp = 0x1000};
  start(t, beats_for_ever);
  expect_error(call::env_start(t.env, Va{std::uint64_t{0x1000}}, Va{std::uint64_t{0x1000}}, 0), Error::wrong_state,
               "ready");
  expect_error(call::env_write(t.env, &registers), Error::wrong_state, "ready");
  bind_second(t.env);
  const std::uint64_t then = beats;
  expect(wait_until([=] { return beats > then + 1000; }), "it runs");
  const abi::WaitWord word{.address = reinterpret_cast<std::uint64_t>(&beats), .mask = 0, .value = 1,
                           .compare = abi::Compare::equal, .reserved = 0};
  // It runs nearly all the time; between two of its slices it is ready, and then the answer is another.
  const auto until = [](Error want, std::string_view what, auto attempt) {
    for (int i = 0; i < 1000; ++i)
      if (attempt() == want) return;
    fail(here(), what);
  };
  const auto error_of = [](const auto& got) { return got.has_value() ? Error::none : got.error(); };
  until(Error::wrong_state, "configure", [&] { return error_of(call::env_configure(t.env, &entries)); });
  until(Error::wrong_state, "read", [&] { return error_of(call::env_read(t.env, &state)); });
  until(Error::busy, "yield", [&] { return error_of(call::env_yield(t.env)); });
  until(Error::busy, "sleep", [&] { return error_of(call::env_sleep(0, t.env)); });
  until(Error::busy, "wait", [&] { return error_of(call::env_wait(&word, 1, 0, t.env)); });
  until(Error::again, "stop", [&] {
    const Error got = error_of(call::env_stop(t.env));
    if (got == Error::none) must(call::env_resume(t.env));
    return got;
  });
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  bind_second(abi::no_slot);
  destroy(t);
  static_cast<void>(w);
}

// --- transfers ------------------------------------------------------------------------------------------------------
// The callee: a thread of this program that accepts, and tries what it is told to when it is called.
volatile std::uint64_t reply_transfer;
volatile std::uint64_t reply_error;

[[noreturn]] void accept_for_ever(std::uint64_t) {
  for (;;) static_cast<void>(call::pct_reply(0, 0));
}
[[gnu::naked]] void callee_entry() { asm volatile("xor %ebp, %ebp\n and $-16, %rsp\n call states_called\n ud2\n"); }

// What cannot be sent back is told by a reply without it.
extern "C" [[noreturn]] void states_called() {
  reply_error = call::pct_reply.raw(0, reply_transfer).error;
  accept_for_ever(0);
}

// One call, whose callee first replies with `raw` and then plainly; what that first reply answered.
Error reply_with(CapSlot entry, std::uint64_t raw) {
  reply_transfer = raw;
  reply_error = 0;
  expect_ok(call::pct_call(entry, 0), "the call");
  return static_cast<Error>(reply_error);
}

void receive_in(Thread& t, CapSlot slot) {
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  const abi::EnvEntries entries{.gs_base = reinterpret_cast<std::uint64_t>(t.area), .receive = slot};
  must(call::env_configure(t.env, &entries));
  start(t, accept_for_ever);
  static_cast<void>(run(t.env));
}
void receive_here(CapSlot slot) {
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .gs_base = reinterpret_cast<std::uint64_t>(&own_area()),
                                .receive = slot};
  must(call::env_configure(abi::no_slot, &entries));
}

using Send = abi::Result<std::uint64_t> (*)(CapSlot, std::uint64_t);

// `full`: a frames capability to whose frame there can be no more references.
void sent_capabilities(World& w, Thread& t, CapSlot entry, CapSlot full, Send send) {
  const auto with = [](CapSlot slot, std::uint32_t rights = abi::all_rights) {
    return Transfer{slot, static_cast<std::uint16_t>(rights)}.pack();
  };
  const CapSlot place = new_slot();
  must(call::cap_derive(w.frames, w.weak, bits(abi::FramesRight::read), 0, 0));
  receive_in(t, abi::no_slot);
  expect_error(send(entry, 1ull << 48), Error::bad_argument, "reserved bits");
  expect_error(send(entry, 5ull << 32), Error::bad_argument, "rights to nothing");
  expect_error(send(entry, with(w.frames)), Error::out_of_range, "no slot to receive it");
  receive_in(t, boot::console);
  expect_error(send(entry, with(w.frames)), Error::occupied, "the slot is taken");
  receive_in(t, place);
  expect_error(send(entry, with(CapSlot{0x7fff'ffff})), Error::bad_slot, "outside");
  expect_error(send(entry, with(w.empty)), Error::empty_slot, "nothing");
  expect_error(send(entry, with(w.gone)), Error::stale, "gone");
  expect_error(send(entry, with(w.weak)), Error::missing_right, "no grant right");
  expect_error(send(entry, with(full)), Error::over_limit, "references");
  must(rt::drop(w.weak));
}

void replies(World& w, CapSlot entry, CapSlot full) {
  const auto with = [](CapSlot slot) { return Transfer{slot, abi::all_rights}.pack(); };
  must(call::cap_derive(w.frames, w.weak, bits(abi::FramesRight::read), 0, 0));
  receive_here(abi::no_slot);
  expect_equal(reply_with(entry, 1ull << 48), Error::bad_argument, "reserved bits");
  expect_equal(reply_with(entry, with(w.frames)), Error::out_of_range, "no slot to receive it");
  receive_here(boot::console);
  expect_equal(reply_with(entry, with(w.frames)), Error::occupied, "the slot is taken");
  receive_here(w.empty);
  expect_equal(reply_with(entry, with(CapSlot{0x7fff'ffff})), Error::bad_slot, "outside");
  expect_equal(reply_with(entry, with(w.empty)), Error::empty_slot, "nothing");
  expect_equal(reply_with(entry, with(w.gone)), Error::stale, "gone");
  expect_equal(reply_with(entry, with(w.weak)), Error::missing_right, "no grant right");
  expect_equal(reply_with(entry, with(full)), Error::over_limit, "references");
  must(rt::drop(w.weak));
  receive_here(abi::no_slot);
}

// A chain of calls, each env calling the next, until one more is too long.
std::array<CapSlot, abi::max_call_depth + 2> chain;
volatile std::uint64_t refused_at;

[[gnu::naked]] void chain_entry() { asm volatile("xor %ebp, %ebp\n and $-16, %rsp\n call states_chained\n ud2\n"); }

extern "C" [[noreturn]] void states_chained(std::uint64_t number) {
  if (number + 1 < chain.size()) {
    const auto called = call::pct_call(chain[number + 1], 0);
    if (!called.has_value() && called.error() == Error::wrong_state) refused_at = number;
  }
  accept_for_ever(0);
}

void chains() {
  std::array<Thread, chain.size()> threads{};
  for (std::size_t i = 0; i < chain.size(); ++i) {
    threads[i] = make_thread();
    chain[i] = new_slot();
    must(call::pct_entry(threads[i].env, chain[i], Va{&chain_entry}, i));
    start(threads[i], accept_for_ever);
    expect_equal(run(threads[i].env).state, abi::RunState::accepting, "waits for a call");
  }
  refused_at = 0;
  expect_ok(call::pct_call(chain[0], 0), "as deep as may be");
  expect_equal(std::uint64_t{refused_at}, std::uint64_t{abi::max_call_depth} - 1, "and no deeper");
  for (std::size_t i = 0; i < chain.size(); ++i) {
    must(rt::drop(chain[i]));
    destroy(threads[i]);
  }
}

// Who accepts and is stopped is told so, that it may accept again.
void ended_while_accepting(Thread& t, CapSlot entry) {
  receive_in(t, abi::no_slot);
  must(call::env_stop(t.env));
  must(call::env_resume(t.env));
  expect_equal(run(t.env).state, abi::RunState::accepting, "accepts again");
  expect_ok(call::pct_call(entry, 0));
}

// A frames capability to a frame that has as many as can be.
struct Full {
  CapSlot cap = new_slot(), table = new_slot();
  explicit Full(World& w) {
    must(call::table_create(boot::account, table, abi::any_frame));
    must(call::frame_cap(boot::account, cap, w.memory.frame, 1, abi::all_rights));
    for (std::uint32_t refs = 1, slot = 1; refs < 0xffff; ++refs, ++slot) {
      if (slot % abi::slots_per_leaf == 0 || slot == 1)
        must(call::table_grow(table, slot / abi::slots_per_leaf, boot::account, abi::any_frame));
      must(rt::call::cap_grant(cap, table, CapSlot{slot}, abi::all_rights, 0, 0));
    }
  }
  ~Full() {
    must(rt::revoke(cap));
    must(rt::drop(cap));
    must(rt::destroy_and_drop(table));
  }
  Full(const Full&) = delete;
  Full& operator=(const Full&) = delete;
};

}  // namespace

void control_states(World& w) {
  created(w);
  elsewhere(w);
}

void transfer_states(World& w) {
  chains();
  while (new_slot().raw() % abi::slots_per_leaf != 0) {}  // or the table would grow while things are counted
  const abi::AccountInfo before = settled_account();
  Thread t = make_thread();
  const CapSlot entry = new_slot(), own = new_slot();
  must(call::pct_entry(t.env, entry, Va{&callee_entry}, 77));
  must(call::pct_entry(boot::self, own, Va{&callee_entry}, 78));
  start(t, beats_for_ever);
  expect_error(call::pct_call(entry, 0), Error::would_block, "not accepting");
  expect_error(call::pct_send(entry, 0), Error::would_block, "not accepting");
  {
    const Full full{w};
    sent_capabilities(w, t, entry, full.cap,
                      [](CapSlot e, std::uint64_t transfer) -> abi::Result<std::uint64_t> { return call::pct_call(e, transfer); });
    sent_capabilities(w, t, entry, full.cap, [](CapSlot e, std::uint64_t transfer) -> abi::Result<std::uint64_t> {
      TRY_VOID(call::pct_send(e, transfer));
      return 0;
    });
    replies(w, entry, full.cap);
  }
  ended_while_accepting(t, entry);
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  must(rt::drop(entry));
  must(rt::drop(own));
  destroy(t);
  expect_settled(before, "transfers");
}

}  // namespace arguments
