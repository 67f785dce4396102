// SPDX-License-Identifier: MIT
// The information pages: tables that agree with what the kernel does, counters that are exact, and how much of others a
// range of the pages shows.
#include "tests/kernel/insight.hpp"

using namespace guest;

namespace {

using abi::Call;

void layout() {
  const abi::SystemInfo& i = system_info();
  const abi::CapInfo info = must(rt::read_cap(boot::info));
  expect_equal(i.info_base, info.base, "the region begins with this page");
  expect_equal(i.info_count, info.count);
  for (const std::uint64_t offset :
       {i.frame_table_offset, i.slice_table_offset, i.env_table_offset, i.program_table_offset, i.cpu_table_offset, i.trace_offset}) {
    expect_equal(offset % page_size, 0ull, "a table on pages of its own");
    expect(offset != 0 && offset < info.count * page_size, "inside the region");
  }
  expect(i.env_table_count >= 256 && i.env_table_count >= i.frames / 16, "room for envs");
  expect(i.cpu_info_size >= sizeof(abi::CpuInfo) + abi::call_count * 8, "a counter for each call");
  for (std::uint64_t f = 0; f < info.count; ++f)
    expect(frame_info(FrameNumber{info.base + f}).use == abi::FrameUse::info, "an information frame");
}

void owners() {
  const std::uint64_t me = must(rt::read_cap(boot::self)).object;
  for (std::uint32_t p = 0; p < abi::slices_per_cpu; ++p) expect_equal(slice_owners()[p].env, static_cast<std::uint32_t>(me));
  Thread t = make_thread();
  must(call::slice_bind(boot::slices, 70, t.env));
  expect_equal(slice_owners()[70].env, static_cast<std::uint32_t>(must(rt::read_cap(t.env)).object), "bound");
  expect_equal(slice_owners()[70].generation, frame_info(FrameNumber{slice_owners()[70].env}).generation, "its generation");
  must(call::slice_bind(boot::slices, 70, abi::no_slot));
  expect_equal(slice_owners()[70].env, 0u, "nobody's");
  destroy(t);
}

void entries_of_envs() {
  const auto& mine = env_info(boot::self);
  expect_equal(static_cast<std::uint64_t>(mine.account), must(rt::read_cap(boot::account)).object, "account");
  expect_equal(static_cast<std::uint64_t>(mine.space), must(rt::read_cap(boot::space)).object, "space");
  expect(mine.state == static_cast<std::uint32_t>(abi::RunState::running), "we run");
  std::uint64_t live = 0;
  for (const abi::EnvInfo& e : env_table()) live += e.env != 0 ? 1 : 0;
  expect_equal(live, 1ull, "one env");
  Thread t = make_thread();
  const auto& its = env_info(t.env);
  expect(its.state == static_cast<std::uint32_t>(abi::RunState::created) && its.calls == 0 && its.run_ns == 0, "new");
  destroy(t);
  expect(its.env == 0, "its entry is free");
}

void calls() {
  const auto& mine = env_info(boot::self);
  const std::uint64_t start = mine.calls, on_cpu = calls_on(0, Call::nop), drops = calls_on(0, Call::cap_drop);
  for (int i = 0; i < 1000; ++i) static_cast<void>(call::nop());
  for (int i = 0; i < 7; ++i) expect_error(call::cap_drop(abi::no_slot), Error::bad_slot);
  expect_equal(mine.calls - start, 1007ull, "calls of the env");
  expect_equal(calls_on(0, Call::nop) - on_cpu, 1000ull, "calls of the processor");
  expect_equal(calls_on(0, Call::cap_drop) - drops, 7ull, "refused ones count");
}

void exceptions() {
  const auto& mine = env_info(boot::self);
  const std::uint64_t start = mine.exceptions, on_cpu = cpu_info(0).exceptions;
  for (int i = 0; i < 20; ++i) expect_fault([] { asm volatile("ud2"); }, exception::invalid_opcode);
  for (int i = 0; i < 5; ++i) expect_fault([] { store(8, 1); }, exception::page_fault, 8);
  expect_equal(mine.exceptions - start, 25ull, "exceptions of the env");
  expect_equal(cpu_info(0).exceptions - on_cpu, 25ull, "exceptions of the processor");
}

volatile std::uint64_t rounds;
void yields_back(std::uint64_t) {
  for (;;) {
    rounds = rounds + 1;
    static_cast<void>(call::env_yield(abi::no_slot));
  }
}

void switches() {
  Thread t = make_thread();
  start(t, yields_back);
  const auto &mine = env_info(boot::self), &its = env_info(t.env);
  std::uint64_t done = 0, my_switches = 0, its_switches = 0, on_cpu = 0, its_calls = 0, loads = 0;
  undisturbed([&] {
    const std::uint64_t before = rounds, mine_before = mine.switches, its_before = its.switches, calls = its.calls;
    const std::uint64_t cpu_before = cpu_info(0).switches, loads_before = cpu_info(0).space_loads;
    for (int i = 0; i < 20; ++i) must(call::env_yield(t.env));
    done = rounds - before;
    my_switches = mine.switches - mine_before, its_switches = its.switches - its_before;
    on_cpu = cpu_info(0).switches - cpu_before, its_calls = its.calls - calls;
    loads = cpu_info(0).space_loads - loads_before;
  });
  expect_equal(done, 20ull, "rounds");
  expect_equal(my_switches, 20ull, "ours");
  expect_equal(its_switches, 20ull, "its");
  expect_equal(on_cpu, 40ull, "the processor's");
  expect_equal(its_calls, 20ull, "its calls");
  expect_equal(loads, 0ull, "one space for both");
  expect_equal(std::uint64_t{its.slices}, 0ull, "it has no slice of its own");
  destroy(t);
}

// --- upcalls and slices ---------------------------------------------------------------------------------------------
volatile std::uint64_t prologues, epilogues;
alignas(16) constinit std::array<std::byte, 8192> exception_stack{}, upcall_stack{};

void loops(std::uint64_t) {
  spin_for_ever();
}
void on_upcall(rt::Event& event) {
  if (event.kind == static_cast<std::uint64_t>(abi::Upcall::prologue)) prologues = prologues + 1;
  if (event.kind != static_cast<std::uint64_t>(abi::Upcall::epilogue)) return;
  epilogues = epilogues + 1;
  rt::take_next_upcall();
  static_cast<void>(call::env_yield(abi::no_slot));
}

void slices_and_upcalls() {
  Thread t = make_thread();
  rt::prepare_events(*t.area, exception_stack, [](rt::Event& event) { rt::halt(1000 + event.kind); }, upcall_stack, on_upcall);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .prologue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .epilogue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .gs_base = reinterpret_cast<std::uint64_t>(t.area)};
  must(call::env_configure(t.env, &entries));
  start(t, loops);
  const std::uint64_t began = now_ns();
  bind_all(0, t.env, 0, 63);
  sleep_ns(150'000'000);
  must(call::env_stop(t.env));
  bind_all(0, boot::self, 0, 63);
  const auto& its = env_info(t.env);
  expect(its.slices >= 5, "it had slices");
  // A prologue that found the upcall frame busy was not delivered: then its slice began without one.
  expect(its.slices >= prologues, "one slice for each prologue");
  expect_equal(std::uint64_t{its.upcalls}, prologues + epilogues, "upcalls");
  expect_equal(std::uint64_t{its.overruns}, must(rt::read_env(t.env)).overruns, "overruns");
  expect(its.run_ns > 40'000'000 && its.run_ns <= now_ns() - began, "time");
  expect_equal(std::uint64_t{its.run_ns}, must(rt::read_env(t.env)).run_ns, "the same time");
  destroy(t);
}

// --- the second processor --------------------------------------------------------------------------------------------
void sleeps(std::uint64_t) {
  for (;;) static_cast<void>(call::env_sleep(abi::forever.raw(), abi::no_slot));
}

bool is_in(CapSlot env, abi::RunState state) { return env_info(env).state == static_cast<std::uint32_t>(state); }

void other_processor() {
  Thread t = make_thread();
  const auto &cpu = cpu_info(1), &here_cpu = cpu_info(0);
  const std::uint64_t idle_before = cpu.idle_ns;
  expect(wait_until([&] { return cpu.idle_since_ns != 0; }), "it is idle");
  // Woken so often, poked so often: it sleeps each time before the next wake.
  start(t, sleeps);
  bind_all(1, t.env);
  expect(wait_until([&] { return is_in(t.env, abi::RunState::sleeping); }), "asleep");
  expect(wait_until([&] { return cpu.idle_since_ns != 0; }), "and its processor idle");
  const std::uint64_t pokes = cpu.pokes, switches = cpu.switches, slices = env_info(t.env).slices;
  for (std::uint64_t i = 1; i <= 10; ++i) {
    must(call::env_wake(t.env));
    if (!expect(wait_until([&] {
          return env_info(t.env).slices == slices + i && is_in(t.env, abi::RunState::sleeping) && cpu.idle_since_ns != 0;
        }),
                "woken"))
      break;
  }
  expect_equal(cpu.pokes - pokes, 10ull, "a poke for each wake");
  expect_equal(cpu.switches - switches, 10ull, "a switch for each wake");
  expect(cpu.interrupts >= 10, "pokes are interrupts");
  expect(cpu.idle_ns > idle_before, "idle in between");

  // It sits in our space, idle or not: what we unmap it must forget.
  const Page page = new_page();
  static_cast<void>(page.word());
  const std::uint64_t flushes = here_cpu.flushes;
  must(rt::unmap(abi::no_slot, page.va, 1));
  expect(here_cpu.flushes - flushes <= 1, "at most one request");
  bind_all(1, abi::no_slot);
  destroy(t);
  expect_equal(std::uint64_t{cpu_info(0).pokes}, std::uint64_t{here_cpu.pokes});
}

void flushes() {
  Thread t = make_thread();
  rounds = 0;
  start(t, [](std::uint64_t) { for (;;) rounds = rounds + 1; });
  bind_all(1, t.env);
  expect(wait_until([] { return rounds > 100; }), "it runs in our space");
  const Page page = new_page();
  page.word() = 1;
  const std::uint64_t before = cpu_info(0).flushes;
  for (int i = 0; i < 10; ++i) {
    must(rt::unmap(abi::no_slot, page.va, 1));
    must(rt::map(abi::no_slot, page.va, page.frame, 1, abi::map_read | abi::map_write, boot::account));
  }
  expect_equal(cpu_info(0).flushes - before, 10ull, "one for each unmapping, none for a mapping");
  bind_all(1, abi::no_slot);
  must(rt::until_done([&] { return call::env_stop(t.env); }));
  destroy(t);
}

// --- what one sees of others ----------------------------------------------------------------------------------------
constexpr CapSlot given_info{20};

void sees_only_the_first_page(std::uint64_t first) {
  const std::uint64_t va = new_va(2);
  expect_ok(rt::map(abi::no_slot, va, FrameNumber{first}, 1, abi::map_read, given_info), "the first page");
  const auto& info = *reinterpret_cast<const abi::SystemInfo*>(va);
  expect_equal(info.magic, abi::info_magic, "system information");
  for (const std::uint64_t offset : {info.frame_table_offset, info.slice_table_offset, info.env_table_offset,
                                     info.program_table_offset, info.cpu_table_offset, info.trace_offset}) {
    const FrameNumber frame{first + offset / page_size};
    expect_error(rt::map(abi::no_slot, va + page_size, frame, 1, abi::map_read, given_info), Error::out_of_range,
                 "a table of others");
    expect_error(rt::map(abi::no_slot, va + page_size, frame, 1, abi::map_read, boot::account), Error::out_of_range,
                 "nor by the account");
    expect_fault([&] { static_cast<void>(load(va + page_size)); }, exception::page_fault, va + page_size, "nothing there");
  }
  expect_error(call::cap_derive(given_info, CapSlot{21}, abi::all_rights, first + 1, 1), Error::out_of_range, "no more by deriving");
  expect_error(rt::map(abi::no_slot, va + page_size, FrameNumber{first}, 1, abi::map_read | abi::map_write, given_info),
               Error::missing_right, "nor writable");
}

void one_page_for_a_container() {
  const std::uint64_t first = system_info().info_base;
  Domain d = make_domain();
  must(call::cap_grant(boot::info, d.table, given_info, abi::all_rights, first, 1));
  run_body(d, sees_only_the_first_page, first);
  destroy(d);
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  layout();
  owners();
  entries_of_envs();
  calls();
  exceptions();
  switches();
  slices_and_upcalls();
  if (system_info().cpus > 1) {
    other_processor();
    flushes();
  }
  one_page_for_a_container();
  finish();
}
