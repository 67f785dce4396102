// SPDX-License-Identifier: MIT
// Events that cannot be delivered: an exception while the last one is not yet read, an entry that faults itself, a
// stack in nowhere, a user area that lies. The env is stuck and its monitor told; nobody else notices. And epilogues
// that never end.
#include "tests/hostile/attack.hpp"

using namespace attack;

namespace {

void faults(std::uint64_t va) {
  load(va);
  rt::halt(0);
}
void sets_bad_stack_and_faults(std::uint64_t) {
  asm volatile("mov $0x4141414141414141, %%rax; mov %%rax, %%rsp; push %%rax" : : : "rax", "memory");
  rt::halt(0);
}
void loops(std::uint64_t) {
  spin_for_ever();
}
[[gnu::naked]] void faulting_entry() { asm volatile("ud2"); }
[[gnu::naked]] void clearing_entry() {
  asm volatile("movq $0, %gs:0; ud2");
}  // busy = 0, then the next exception, for ever
[[gnu::naked]] void spinning_entry() { asm volatile("1: jmp 1b"); }
[[gnu::naked]] void pushing_entry() { asm volatile("push %rax; ud2"); }

[[nodiscard]] std::uint64_t address(void (*entry)()) { return reinterpret_cast<std::uint64_t>(entry); }

void configure(Thread& t, abi::EnvEntries entries) {
  entries.gs_base = reinterpret_cast<std::uint64_t>(t.area);
  entries.monitor = boot::self;
  must(call::env_configure(t.env, &entries));
  t.area->exception.busy = t.area->upcall.busy = 0;
}

// Stopped, or stuck as it is.
void stop(Thread& t) {
  const abi::Status stopped = rt::until_done([&] { return call::env_stop(t.env); });
  expect(stopped.has_value() || stopped.error() == Error::wrong_state, "stop");
}

// Lets it run into its end; the wake of the monitor is what brings us back.
abi::EnvState run_until_told(Thread& t) {
  must(call::slice_bind(boot::slices, 7, t.env));  // our slice, whose rest it gets, may be over at once
  const std::uint64_t deadline = now_ns() + 2'000'000'000;
  while (now_ns() < deadline) {
    static_cast<void>(call::env_sleep(deadline, t.env));
    const auto state = rt::read_env(t.env);
    if (!state || (state->state != abi::RunState::stuck && state->state != abi::RunState::halted)) continue;
    must(call::slice_bind(boot::slices, 7, boot::self));
    return *state;
  }
  fail(here(), "the monitor was not told");
  return must(rt::read_env(t.env));
}

void no_handler() {
  Thread t = make_thread();
  configure(t, {});
  start(t, faults, 0x1234'5000);
  const auto s = run_until_told(t);
  expect(s.state == abi::RunState::stuck && s.code == exception::page_fault && s.address == 0x1234'5000 && s.error == 4,
         "stuck with the cause");
  // It can be repaired from outside and go on.
  must(rt::map_new(abi::no_slot, 0x1234'5000, 1, abi::map_read | abi::map_owned, boot::account));
  must(call::env_resume(t.env));
  expect_equal(run_until_told(t).state, abi::RunState::halted, "resumed after the repair");
  must(rt::unmap(abi::no_slot, 0x1234'5000, 1));
  destroy(t);
}

void busy_frame() {
  Thread t = make_thread();
  configure(t, {.exception = address(faulting_entry)});
  start(t, faults, 0x1234'5000);
  // The first is delivered, its handler faults while `busy` is 1.
  const auto s = run_until_told(t);
  expect(s.state == abi::RunState::stuck && s.code == exception::invalid_opcode, "stuck at the second exception");
  expect_equal(s.registers.rip, address(faulting_entry), "in the handler");
  expect_equal(t.area->exception.kind, exception::page_fault, "the frame of the first is kept");
  expect_equal(t.area->exception.address, 0x1234'5000ull, "its address");
  // busy may be any nonsense.
  for (const std::uint64_t nonsense : {1ull, 2ull, ~0ull, 1ull << 63}) {
    configure(t, {.exception = address(spinning_entry)});
    t.area->exception.busy = nonsense;
    start(t, faults, 0x1234'5000);
    expect_equal(run_until_told(t).state, abi::RunState::stuck, "busy from the start");
  }
  destroy(t);
}

// A handler that faults for ever costs its own time only: we sleep beside it and come back.
void endless_exceptions() {
  Thread t = make_thread();
  configure(t, {.exception = address(clearing_entry)});
  start(t, faults, 0x1234'5000);
  for (std::uint32_t position = 0; position < 63; ++position) must(call::slice_bind(boot::slices, position, t.env));
  const std::uint64_t deadline = now_ns() + 50'000'000;
  while (now_ns() < deadline) expect_ok(call::env_sleep(deadline, abi::no_slot), "sleep beside it");
  stop(t);
  expect_equal(must(rt::read_env(t.env)).state, abi::RunState::stopped, "stopped in the middle");
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, boot::self));
  destroy(t);
}

void bad_stack() {
  Thread t = make_thread();
  // The kernel writes to the user area, not to the stack: delivery works, and the handler's own push faults.
  configure(t, {.exception = address(pushing_entry)});
  start(t, sets_bad_stack_and_faults);
  const auto s = run_until_told(t);
  expect(s.state == abi::RunState::stuck && (s.code == 12 || s.code == 13), "stuck by the push in the handler");
  expect_equal(s.registers.rip, address(pushing_entry), "there");
  expect_equal(s.registers.rsp, 0x4141'4141'4141'4141ull, "with the stack it had");
  destroy(t);
}

// Entries that point to nothing, to data, and to the edge.
void bad_entries() {
  Thread t = make_thread();
  for (const std::uint64_t entry : {std::uint64_t{0x6000'0000'0000}, reinterpret_cast<std::uint64_t>(t.area),
                                    abi::user_end - 1, std::uint64_t{1}}) {
    configure(t, {.exception = entry});
    start(t, faults, 0x1234'5000);
    const auto s = run_until_told(t);
    expect(s.state == abi::RunState::stuck, "stuck");
    expect_equal(s.registers.rip, entry, "at the entry");
  }
  for (const std::uint64_t entry : {std::uint64_t{0x6000'0000'0000}, reinterpret_cast<std::uint64_t>(t.area)}) {
    configure(t, {.foreign = entry});
    start(t, [](std::uint64_t) { rt::raw_syscall(39); });
    const auto s = run_until_told(t);
    expect(s.state == abi::RunState::stuck && s.code == exception::page_fault && s.registers.rip == entry,
           "foreign call into nothing");
    configure(t, {.prologue = entry, .epilogue = entry});
    start(t, loops);
    for (std::uint32_t position = 0; position < 63; ++position) must(call::slice_bind(boot::slices, position, t.env));
    expect_equal(run_until_told(t).state, abi::RunState::stuck, "upcall into nothing");
    for (std::uint32_t position = 0; position < 63; ++position)
      must(call::slice_bind(boot::slices, position, boot::self));
  }
  destroy(t);
}

// The user area belongs to user code: whatever stands there, the kernel only writes to it.
void lying_area() {
  Thread t = make_thread();
  Random random{99};
  for (int round = 0; round < 20; ++round) {
    configure(t, {.exception = address(spinning_entry),
                  .foreign = address(spinning_entry),
                  .prologue = address(spinning_entry),
                  .epilogue = address(spinning_entry)});
    auto* words = reinterpret_cast<std::uint64_t*>(t.area);
    for (std::size_t i = 0; i < page_size / 8; ++i) words[i] = random.next();
    if (round % 2 == 0) t.area->exception.busy = t.area->upcall.busy = 0;
    start(t, faults, 0x1234'5000);
    static_cast<void>(call::env_yield(t.env));
    static_cast<void>(call::env_yield(t.env));
    stop(t);
  }
  destroy(t);
}

// The area is unmapped, or mapped read-only, in the env's own space: the kernel reaches it by its frame.
void unmapped_area() {
  Thread t = make_thread();
  const auto va = reinterpret_cast<std::uint64_t>(t.area);
  configure(t, {.exception = address(spinning_entry)});
  must(rt::unmap(abi::no_slot, va, 1));
  start(t, faults, 0x1234'5000);
  static_cast<void>(call::env_yield(t.env));
  stop(t);
  must(rt::map(abi::no_slot, va, t.area_frame, 1, abi::map_read, boot::account));
  expect_equal(t.area->exception.kind, exception::page_fault, "delivered by the frame");
  expect(must(rt::read_env(t.env)).registers.rip - address(spinning_entry) <= 4, "in the entry's loop");
  destroy(t);
}

// An epilogue that does not end: taken by force, counted, and others keep their time.
void overrunning_epilogue() {
  Thread t = make_thread();
  configure(t, {.epilogue = address(spinning_entry)});
  start(t, loops);
  for (std::uint32_t position = 0; position < 63; ++position) must(call::slice_bind(boot::slices, position, t.env));
  const std::uint64_t begin_ns = now_ns();
  // More than once: wakes as a monitor may be left from before.
  while (now_ns() < begin_ns + 30'000'000) expect_ok(call::env_sleep(begin_ns + 30'000'000, abi::no_slot));
  // One round of its slices at most may lie between the deadline and us.
  expect(now_ns() - begin_ns < 64 * (system_info().slice_ns + 2 * system_info().grace_ns) + 100'000'000,
         "we got our position");
  stop(t);
  for (std::uint32_t position = 0; position < 63; ++position)
    must(call::slice_bind(boot::slices, position, boot::self));
  const auto state = rt::read_env(t.env);
  expect(state && state->overruns >= 1,
         base::Text<80>{"{} overruns in {} ns", state->overruns, now_ns() - begin_ns}.view());
  destroy(t);
}

// The exception's frame is the env's own state: other envs' areas stay as they are.
void areas_apart() {
  Thread t = make_thread(), other = make_thread();
  configure(t, {.exception = address(spinning_entry)});
  std::memset(other.area, 0x77, page_size);
  start(t, faults, 0x1234'5000);
  static_cast<void>(call::env_yield(t.env));
  stop(t);
  for (std::size_t i = 0; i < page_size / 8; ++i)
    if (reinterpret_cast<std::uint64_t*>(other.area)[i] != 0x7777'7777'7777'7777)
      return fail(here(), "another env's area was written");
  destroy(t);
  destroy(other);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  no_handler();
  busy_frame();
  endless_exceptions();
  bad_stack();
  bad_entries();
  lying_area();
  unmapped_area();
  overrunning_epilogue();
  areas_apart();
  finish();
}
