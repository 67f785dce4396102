// SPDX-License-Identifier: MIT
// Ten thousand envs at once: what making and ending one costs, and that their sleep costs nothing. With `-icount` the
// counter tells instructions, so the figures repeat.
#include "libos/rt/wait.hpp"
#include "tests/kernel/bytecode.hpp"
#include "tests/kernel/insight.hpp"

using namespace guest;

namespace {

constexpr std::uint32_t env_count = 10'000;
constexpr std::uint64_t second = 1'000'000'000, hour = 3600 * second;

// Sleeps until the time in rdi, for ever again; it needs no stack.
extern "C" [[gnu::naked]] void sleeper_entry() {
  asm volatile("1: mov %0, %%eax\n xor %%esi, %%esi\n syscall\n jmp 1b\n"
               : : "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::env_sleep)));
}

// The same by a program over the first of `words`, by slot `predicate`; the deadline is in rdi.
constinit CapSlot predicate{};
constinit Page watched{};
constinit std::array<std::uint64_t, 1> words{};
extern "C" [[gnu::naked]] void watcher_entry() {
  asm volatile("mov %%rdi, %%rbx\n 1: mov %0, %%eax\n mov %1, %%edi\n lea %2, %%rsi\n mov $1, %%edx\n mov %%rbx, %%r10\n xor %%r8d, %%r8d\n syscall\n jmp 1b\n"
               : : "i"(abi::call_base + static_cast<std::uint64_t>(abi::Call::env_watch)), "m"(predicate), "m"(words));
}

struct Many {
  CapSlot first;                       // and the slots behind it
  std::array<FrameNumber, env_count / abi::max_run + 1> areas;
  [[nodiscard]] CapSlot env(std::uint32_t i) const { return first + i; }
  [[nodiscard]] FrameNumber area(std::uint32_t i) const { return areas[i / abi::max_run] + i % abi::max_run; }
};
constinit Many many{};

void prepare() {
  many.first = CapSlot{abi::slots_per_leaf};
  for (std::uint32_t leaf = 1; leaf <= env_count / abi::slots_per_leaf + 1; ++leaf)
    must(call::table_grow(abi::no_slot, leaf, boot::account, abi::any_frame));
  for (FrameNumber& run : many.areas) run = must_frame(call::frame_alloc(boot::account, abi::any_frame, abi::max_run, 0, 0));
}

void create(std::uint32_t i) {
  must(call::env_create(boot::account, many.env(i), boot::space, boot::table, many.area(i), abi::any_frame));
}

void print_rate(std::string_view what, std::uint64_t count, std::uint64_t ticks, std::uint64_t ns) {
  rt::log("{}: {} envs, {} of the counter each, {} a second", what, count, ticks / count, count * second / (ns == 0 ? 1 : ns));
}

template <typename F>
void measure(std::string_view what, F each) {
  const std::uint64_t ns = now_ns(), tsc = rt::read_tsc();
  for (std::uint32_t i = 0; i < env_count; ++i) each(i);
  print_rate(what, env_count, rt::read_tsc() - tsc, now_ns() - ns);
}

std::uint64_t live_entries() {
  std::uint64_t live = 0;
  for (const abi::EnvInfo& e : env_table()) live += e.env != 0 ? 1 : 0;
  return live;
}
std::uint64_t asleep() {
  std::uint64_t count = 0;
  for (const abi::EnvInfo& e : env_table())
    count += e.env != 0 && e.state == static_cast<std::uint32_t>(abi::RunState::sleeping) ? 1 : 0;
  return count;
}

// Every one runs until it sleeps: some for ever, some until an hour from now, all deadlines different.
void send_to_sleep(void (*entry)()) {
  const std::uint64_t later = now_ns() + hour;
  for (std::uint32_t i = 0; i < env_count; ++i) {
    const std::uint64_t deadline = i % 4 == 0 ? abi::forever.raw() : later + (i * 7919ull % env_count) * 1000;
    must(call::env_start(many.env(i), Va{reinterpret_cast<std::uint64_t>(entry)}, Va{std::uint64_t{0}}, deadline));
    must(call::env_yield(many.env(i)));
  }
  // One whose slice ended before it slept is still ready.
  for (std::uint32_t i = 0; i < env_count; ++i)
    while (call::env_yield(many.env(i)).has_value()) {}
  expect_equal(asleep(), std::uint64_t{env_count}, "asleep");
}

// One second in which only we wake, a hundred times.
std::uint64_t idle_share() {
  const auto& cpu = cpu_info(0);
  const std::uint64_t from = now_ns(), idle = cpu.idle_ns, interrupts = cpu.interrupts;
  for (std::uint64_t i = 1; i <= 100; ++i) must(call::env_sleep(from + i * second / 100, abi::no_slot));
  const std::uint64_t share = (cpu.idle_ns - idle) * 100'000 / (now_ns() - from);
  rt::log("idle {}.{:03} % of a second with {} interrupts, {} envs asleep", share / 1000, share % 1000, cpu.interrupts - interrupts,
          asleep());
  return share;
}

// And when they all wake: each sleeps again at once.
void wake_all() {
  const std::uint64_t ns = now_ns(), tsc = rt::read_tsc();
  for (std::uint32_t i = 0; i < env_count; ++i) must(call::env_wake(many.env(i)));
  print_rate("wake", env_count, rt::read_tsc() - tsc, now_ns() - ns);
  for (std::uint32_t i = 0; i < env_count; ++i)
    while (call::env_yield(many.env(i)).has_value()) {}
  expect_equal(asleep(), std::uint64_t{env_count}, "asleep again");
}

// All of them wait for one word by one program. Nobody looks at them while nobody signals.
void all_by_a_predicate() {
  constexpr std::array not_zero{ins::load(bpf::double_word, 0, 1, 0), ins::exit()};
  watched = new_page();
  words = {watched.va};
  predicate = must_load(header_of(abi::ProgramKind::predicate, not_zero, 8), not_zero);
  for (std::uint32_t i = 0; i < env_count; ++i) must(call::env_stop(many.env(i)));
  send_to_sleep(&watcher_entry);
  expect_equal(frame_info(watched.frame).pins, std::uint16_t{1}, "one pin for all");
  const std::uint64_t runs = must_read(predicate).runs;
  expect(idle_share() > 99'000, "ten thousand predicates cost less than 1 %");
  expect_equal(must_read(predicate).runs, runs, "nobody looked");
  const std::uint64_t ns = now_ns(), tsc = rt::read_tsc();
  must(rt::signal(watched.word()));
  print_rate("look", env_count, rt::read_tsc() - tsc, now_ns() - ns);
  expect_equal(must_read(predicate).runs, runs + env_count, "each was looked at once");
  expect_equal(asleep(), std::uint64_t{env_count}, "and sleeps on");
  for (std::uint32_t i = 0; i < env_count; ++i) must(call::env_stop(many.env(i)));
  must(rt::destroy_and_drop(predicate));
  must(rt::unmap(abi::no_slot, watched.va, 1));
  must(call::frame_free(boot::account, watched.frame, 1));
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  expect(system_info().env_table_count > env_count, "room for them");
  prepare();
  const std::uint64_t free = system_info().free_frames;
  const auto before = settled_account();
  const std::uint64_t idle_alone = idle_share();
  measure("create", create);
  expect_equal(live_entries(), env_count + 1ull, "all are alive");
  expect_equal(free - system_info().free_frames, std::uint64_t{env_count}, "a frame each");
  measure("start", [](std::uint32_t i) {
    must(call::env_start(many.env(i), Va{reinterpret_cast<std::uint64_t>(&sleeper_entry)}, Va{std::uint64_t{0}}, abi::forever.raw()));
  });
  measure("stop", [](std::uint32_t i) { must(call::env_stop(many.env(i))); });
  send_to_sleep(&sleeper_entry);
  const std::uint64_t idle_with = idle_share();
  expect(idle_alone > 99'000, "alone we are idle");
  expect(idle_with > 99'000, "ten thousand sleepers cost less than 1 %");
  wake_all();
  all_by_a_predicate();
  measure("destroy", [](std::uint32_t i) { must(rt::destroy_and_drop(many.env(i))); });
  expect_equal(live_entries(), 1ull, "all are gone");
  expect_settled(before, "ten thousand envs");
  expect_equal(system_info().free_frames, free, "every frame is back");
  // With as many entries used before, and none in use.
  measure("create and destroy", [](std::uint32_t i) {
    create(i);
    must(rt::destroy_and_drop(many.env(i)));
  });
  finish();
}
