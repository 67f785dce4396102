// SPDX-License-Identifier: MIT
// Protected control transfers between envs: message, reply, capability, asynchronous sends, the end of a callee, and
// services in another space that call further services.
#include "libos/rt/transfer.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

CapSlot inner_entry;
volatile std::uint64_t sends;

rt::Answer adds(rt::Request& request) {
  for (std::uint64_t& word : request.message) word += request.badge;
  return {.status = request.badge * 2};
}
rt::Answer counts(rt::Request& request) {
  sends = sends + request.message[0];
  return {};
}
rt::Answer asks_another(rt::Request& request) {
  rt::Message inner = request.message;
  const auto reply = rt::transfer_call(inner_entry, inner);
  if (!reply.has_value()) return {.status = 1000 + static_cast<std::uint64_t>(reply.error())};
  request.message = inner;
  return {.status = reply->status + 1};
}
rt::Answer dies(rt::Request&) { rt::halt(3); }
rt::Answer returns_what_came(rt::Request& request) {
  return {.status = request.received.raw(),
          .transfer = abi::Transfer{.slot = request.received, .rights = abi::all_rights}.pack()};
}

void serves(std::uint64_t handler) {
  const Error why = rt::serve(reinterpret_cast<rt::RequestHandler>(handler));
  rt::halt(100 + static_cast<std::uint64_t>(why));
}

struct Service {
  Thread thread;
  CapSlot entry;
};
Service make_service(rt::RequestHandler handler, std::uint64_t badge, const abi::EnvEntries& entries = {}) {
  Service s{.thread = make_thread(), .entry = new_slot()};
  must(call::env_configure(s.thread.env, &entries));
  must(call::pct_entry(s.thread.env, s.entry, Va{reinterpret_cast<std::uint64_t>(&rt::rt_transfer_entry)}, badge));
  start(s.thread, serves, reinterpret_cast<std::uint64_t>(handler));
  expect_equal(run(s.thread.env).state, abi::RunState::accepting, "it accepts");
  return s;
}
void end(Service& s) {
  destroy(s.thread);
  must(rt::drop(s.entry));
}

void messages() {
  Service s = make_service(adds, 7);
  for (std::uint64_t round = 0; round < 100; ++round) {
    rt::Message m;
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = (round << 32) + i;
    const auto reply = must(rt::transfer_call(s.entry, m));
    expect_equal(reply.status, 14ull, "status");
    expect(reply.received == abi::no_slot, "nothing came along");
    for (std::size_t i = 0; i < m.size(); ++i) expect_equal(m[i], (round << 32) + i + 7, "word");
  }
  expect_ok(call::env_stop(s.thread.env), "stop while it accepts");
  rt::Message m{};
  expect_error(rt::transfer_call(s.entry, m), Error::would_block, "it does not accept");
  expect_ok(call::env_resume(s.thread.env));
  expect_equal(run(s.thread.env).state, abi::RunState::accepting, "accepts again");
  expect_ok(rt::transfer_call(s.entry, m));
  end(s);
  expect_error(rt::transfer_call(s.entry, m), Error::empty_slot);
}

void sending() {
  Service s = make_service(counts, 0);
  sends = 0;
  for (std::uint64_t i = 1; i <= 10; ++i) expect_ok(rt::transfer_send(s.entry, rt::Message{i}));
  while (run(s.thread.env).state != abi::RunState::accepting) {}
  expect_equal(std::uint64_t{sends}, 55ull, "each send arrived");
  end(s);
}

void chains() {
  Service inner = make_service(adds, 1), outer = make_service(asks_another, 0);
  inner_entry = inner.entry;
  rt::Message m{41};
  expect_equal(must(rt::transfer_call(outer.entry, m)).status, 3ull, "through two");
  expect_equal(m[0], 42ull);
  end(inner);
  inner_entry = new_slot();
  expect_equal(must(rt::transfer_call(outer.entry, m)).status, 1000 + static_cast<std::uint64_t>(Error::empty_slot));
  end(outer);
}

void ends() {
  Service s = make_service(dies, 0);
  rt::Message m{};
  expect_error(rt::transfer_call(s.entry, m), Error::stale, "it ended while it answered");
  expect_equal(must(rt::read_env(s.thread.env)).code, 3ull);
  end(s);
}

void capabilities() {
  const CapSlot there = new_slot(), back = new_slot();
  Service s = make_service(returns_what_came, 0, {.receive = there});
  rt::Message m{};
  const abi::Transfer gift{.slot = boot::console, .rights = bits(abi::ConsoleRight::grant, abi::ConsoleRight::read)};
  const abi::EnvEntries own{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                            .gs_base = reinterpret_cast<std::uint64_t>(&own_area()),
                            .receive = back};
  must(call::env_configure(abi::no_slot, &own));
  const auto reply = must(rt::transfer_call(s.entry, m, gift));
  expect_equal(reply.status, std::uint64_t{there.raw()}, "it lies where the callee said");
  expect(reply.received == back, "and came back to where we said");
  expect_equal(must(rt::read_cap(back)).rights, gift.rights, "with the rights that it had");
  expect_error(rt::transfer_call(s.entry, m, gift), Error::occupied);
  must(rt::revoke(boot::console));
  expect_error(rt::read_cap(back), Error::empty_slot, "revoked through both");
  end(s);
}

// A service that spins does not keep the slice's other owners from their time, and its caller's time is what it uses.
rt::Answer spins(rt::Request& request) {
  const std::uint64_t end = now_ns() + request.message[0];
  while (now_ns() < end) {}
  return {};
}
void long_service() {
  Service s = make_service(spins, 0);
  rt::Message m{35'000'000};  // more than three slices
  expect_ok(rt::transfer_call(s.entry, m), "over several slices");
  const auto state = must(rt::read_env(s.thread.env));
  expect(state.run_ns >= 30'000'000, "its time is its own run_ns");
  end(s);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  messages();
  sending();
  chains();
  ends();
  capabilities();
  long_service();
  finish();
}
