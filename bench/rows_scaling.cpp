// SPDX-License-Identifier: MIT
// How costs grow: beside envs that sleep, with the comparisons of a filter, with those who sleep on a predicate. Each row is a curve over N.
#include "bench/measure.hpp"
#include "libos/rt/objects.hpp"
#include "libos/rt/wait.hpp"
#include "tests/kernel/bytecode.hpp"

namespace bench {
namespace {

using namespace guest::ins;
using abi::ProgramKind;
using Key = base::Text<40>;

[[noreturn]] void sleeps(std::uint64_t) {
  for (;;) static_cast<void>(call::env_sleep.raw(abi::forever.raw(), boot::self));
}
[[noreturn]] void yields_back(std::uint64_t) {
  for (;;) static_cast<void>(call::env_yield.raw(boot::self));
}

// Envs that sleep must cost those who do not nothing.
void envs() {
  constexpr std::size_t most = 512;
  static std::array<Thread, most> sleepers;
  Thread other = make_thread();
  start(other, yields_back);
  const Page area = new_page();
  const CapSlot made = new_slot();
  std::size_t alive = 0;
  for (const std::size_t n : {std::size_t{1}, std::size_t{8}, std::size_t{64}, most}) {
    for (; alive < n; ++alive) {
      sleepers[alive] = make_thread();
      start(sleepers[alive], sleeps);
      must(call::env_yield(sleepers[alive].env));
    }
    measure(Key{"envs_yield@{}", n}.view(), 200, [] {}, [&] { repeat(100, [&] { static_cast<void>(call::env_yield.raw(other.env)); }); });
    measure_each(Key{"envs_create@{}", n}.view(), 10, [=] {
      must(call::env_create(boot::account, made, boot::space, boot::table, area.frame, abi::any_frame));
      must(rt::destroy_and_drop(made));
    });
  }
  for (Thread& t : sleepers) destroy(t);
  destroy(other);
}

// A filter of n comparisons of bytes, all true, over 63 contexts more than one.
void filters() {
  constexpr std::uint32_t contexts = 64, size = 64;
  static std::array<std::uint8_t, contexts * size> packets;
  static std::array<abi::ProgramResult, contexts> results;
  for (const std::uint32_t n : {1u, 4u, 16u, 64u}) {
    std::array<bpf::Instruction, 2 * 64 + 4> code{};
    std::size_t at = 0;
    const std::size_t length = 2 * n + 4;
    for (std::uint32_t i = 0; i < n; ++i) {
      code[at++] = load(bpf::byte, 3, 1, static_cast<int>(i % size));
      code[at] = when(bpf::jne, 3, 0, static_cast<int>(length - 2 - at - 1));
      ++at;
    }
    code[at++] = mov(0, 1), code[at++] = ins::exit(), code[at++] = mov(0, 0), code[at++] = ins::exit();
    const std::span<const bpf::Instruction> whole{code.data(), length};
    const CapSlot filter = must_load(header_of(ProgramKind::filter, whole, size), whole);
    measure(Key{"filters@{}", n}.view(), contexts, [] {}, [&] { must(call::program_run(filter, packets.data(), size, contexts, results.data())); });
    expect_equal(results[contexts - 1].value, std::uint64_t{1}, "it takes all");
    must(rt::destroy_and_drop(filter));
  }
}

constexpr std::array never{load(bpf::double_word, 3, 1, 0), mov(0, 0), when(bpf::jne, 3, 42, 1), mov(0, 1), ins::exit()};
constinit Page watched{};
CapSlot predicate{};
void watches(std::uint64_t) {
  for (;;) static_cast<void>(rt::watch(predicate, std::array<rt::Word*, 1>{&watched.word()}));
}

// A word is signalled for which n wait, none of whom it wakes.
void watchers() {
  constexpr std::size_t most = 256;
  static std::array<Thread, most> sleepers;
  watched = new_page();
  predicate = must_load(header_of(ProgramKind::predicate, never, 8), never);
  std::size_t asleep = 0;
  for (const std::size_t n : {std::size_t{1}, std::size_t{16}, most}) {
    for (; asleep < n; ++asleep) {
      sleepers[asleep] = make_thread();
      start(sleepers[asleep], watches);
      must(call::env_yield(sleepers[asleep].env));
    }
    measure(Key{"watchers@{}", n}.view(), 1, [] {}, [&] { must(rt::until_done([] { return call::page_signal(&watched.word()); })); });
  }
  for (Thread& t : sleepers) destroy(t);
  must(rt::destroy_and_drop(predicate));
}

}  // namespace

void scaling() {
  envs();
  filters();
  watchers();
}

}  // namespace bench
