// SPDX-License-Identifier: MIT
// Two processors full of envs that spin, overrun, and bomb with envs, frames and capabilities; beside them one that behaves
// and owns 18 of the 60 positions that its processor has given away. It must get 30 % of the time, and when it sleeps it must
// wake in its next slice. Time is counted by EnvInfo::run_ns; with `-icount` the run repeats.
#include "tests/kernel/insight.hpp"

using namespace guest;

namespace {

constexpr std::uint64_t ms = 1'000'000;
constexpr std::uint32_t positions = 60;  // of each processor; on the first the other four are ours
constexpr CapSlot given_info{20};

// --- the attackers: each goes on for ever, and counts what it did ------------------------------------------------------
volatile std::uint64_t& done() { return domain::own_mailbox().words[0]; }
// A step. Counting instructions, QEMU runs one processor until it pauses or a timer is due: without a pause now and then the
// two would take turns of whole slices, and each slice would end late by as much.
template <std::uint64_t PauseEvery = 16>
void count() {
  const std::uint64_t n = done() + 1;
  done() = n;
  if (n % PauseEvery == 0) asm volatile("pause");
}

void spins(std::uint64_t) {
  for (;;) count<4096>();
}

alignas(16) constinit std::array<std::byte, 4096> exception_stack{}, upcall_stack{};

void take_upcalls(void (*handler)(rt::Event&)) {
  rt::prepare_events(own_area(), exception_stack, [](rt::Event& event) { rt::halt(1000 + event.kind); }, upcall_stack, handler);
  const abi::EnvEntries entries{.exception = reinterpret_cast<std::uint64_t>(&rt::rt_exception_entry),
                                .epilogue = reinterpret_cast<std::uint64_t>(&rt::rt_upcall_entry),
                                .gs_base = domain::area};
  must(call::env_configure(abi::no_slot, &entries));
}

// Is told of the end of its slice, and goes on.
void overruns(std::uint64_t) {
  take_upcalls([](rt::Event&) {
    rt::take_next_upcall();
    for (;;) count<4096>();
  });
  spins(0);
}

void bombs_with_frames(std::uint64_t) {
  struct Run {
    FrameNumber first;
    std::uint64_t size;
  };
  constexpr std::uint64_t pages = 256;
  const std::uint64_t va = new_va(pages);
  for (;;) {
    std::array<Run, 64> runs;
    std::size_t held = 0;
    for (std::uint64_t size = abi::max_run; size > 0 && held < runs.size();) {
      const auto got = call::frame_alloc(boot::account, abi::any_frame, size, 0, 0);
      if (got) runs[held++] = {FrameNumber{*got}, size};
      else size /= 2;
      count();
    }
    for (const Run& run : std::span{runs}.first(held)) static_cast<void>(call::frame_free(boot::account, run.first, run.size));
    static_cast<void>(rt::map_new(abi::no_slot, va, pages, abi::map_read | abi::map_write | abi::map_owned, boot::account));
    static_cast<void>(rt::unmap(abi::no_slot, va, pages));
  }
}

void bombs_with_capabilities(std::uint64_t) {
  std::uint32_t leaves = 1;
  while (leaves < abi::direct_leaves && call::table_grow(abi::no_slot, leaves, boot::account, abi::any_frame)) ++leaves;
  const std::uint32_t slots = leaves * abi::slots_per_leaf;
  for (;;) {
    // A chain as long as there is room, then one wide tree; both are revoked at the root.
    for (std::uint32_t s = 64; s < slots; ++s) {
      static_cast<void>(call::cap_derive(CapSlot{s == 64 ? boot::space.raw() : s - 1}, CapSlot{s}, abi::all_rights, 0, 0));
      count();
    }
    static_cast<void>(rt::revoke(boot::space));
    for (std::uint32_t s = 64; s < slots; ++s) {
      static_cast<void>(call::cap_derive(boot::space, CapSlot{s}, abi::all_rights, 0, 0));
      count();
    }
    static_cast<void>(rt::revoke(boot::space));
  }
}

[[gnu::naked]] void child_entry() { asm volatile("1: mov $4096, %eax\n 2: dec %eax\n jnz 2b\n pause\n jmp 1b\n"); }

void bombs_with_envs(std::uint64_t) {
  constexpr std::uint32_t first = 64, most = 256;
  for (std::uint32_t leaf = 1; leaf * abi::slots_per_leaf < first + most; ++leaf)
    if (!call::table_grow(abi::no_slot, leaf, boot::account, abi::any_frame)) rt::halt(1);
  for (;;) {
    std::array<FrameNumber, most> areas;
    std::uint32_t made = 0;
    for (; made < most; ++made) {
      const auto area = call::frame_alloc(boot::account, abi::any_frame, 1, 0, 0);
      if (!area) break;
      const CapSlot slot{first + made};
      areas[made] = FrameNumber{*area};
      if (!call::env_create(boot::account, slot, boot::space, boot::table, areas[made], abi::any_frame)) {
        static_cast<void>(call::frame_free(boot::account, areas[made], 1));
        break;
      }
      static_cast<void>(call::env_start(slot, Va{reinterpret_cast<std::uint64_t>(&child_entry)}, Va{std::uint64_t{0}}, 0));
      // Two in a generation spin away the rest of a slice.
      if (made % 128 == 127) static_cast<void>(call::env_yield(slot));
      count();
    }
    for (std::uint32_t i = 0; i < made; ++i) {
      static_cast<void>(rt::destroy_and_drop(CapSlot{first + i}));
      static_cast<void>(call::frame_free(boot::account, areas[i], 1));
    }
  }
}

struct Attack {
  std::string_view name;
  void (*body)(std::uint64_t);
  std::uint64_t at_least;  // steps that it must have done, else it was no attack
};
constexpr std::array attacks{Attack{"spins", spins, 100'000}, Attack{"frames", bombs_with_frames, 1000},
                             Attack{"capabilities", bombs_with_capabilities, 1000}, Attack{"envs", bombs_with_envs, 100},
                             Attack{"overruns", overruns, 1}};

// --- the one that behaves ----------------------------------------------------------------------------------------------
void works(std::uint64_t) {
  take_upcalls([](rt::Event& event) {
    if (event.kind != static_cast<std::uint64_t>(abi::Upcall::epilogue)) return;
    rt::take_next_upcall();
    static_cast<void>(call::env_yield(abi::no_slot));
  });
  spins(0);
}

// words[0]: sleeps, [1]: the longest that it woke too late, [2]: all of these together.
void sleeps(std::uint64_t info_frame) {
  const std::uint64_t va = new_va();
  must(rt::map(abi::no_slot, va, FrameNumber{info_frame}, 1, abi::map_read, given_info));
  const rt::Clock clock{*reinterpret_cast<const abi::SystemInfo*>(va)};
  auto& words = domain::own_mailbox().words;
  for (std::uint64_t n = 0;; ++n) {
    const std::uint64_t deadline = clock.now().raw() + (3 + n % 17) * ms;
    must(call::env_sleep(deadline, abi::no_slot));
    const std::uint64_t late = clock.now().raw() - deadline;
    if (late > words[1]) words[1] = late;
    words[2] = words[2] + late;
    count();
  }
}

struct Team {
  std::array<std::array<Domain, attacks.size()>, 2> attackers;
  Domain good;
};

bool is_good_position(std::uint32_t position) { return position % 10 == 0 || position % 10 == 3 || position % 10 == 6; }

// The overrunner only sits on the first processor: it loses slices, and at last its life, which others gain by.
Team make_team() {
  for (std::uint32_t p = 0; p < positions; ++p) must(call::slice_bind(boot::slices, p, abi::no_slot));
  Team team{};
  for (std::size_t cpu = 0; cpu < 2; ++cpu)
    for (std::size_t a = 0; a < attacks.size(); ++a) {
      if (cpu == 1 && attacks[a].body == overruns) continue;
      team.attackers[cpu][a] = make_domain(600, cpu == 0 ? 12 : 11);  // as many as it gets below
      start(team.attackers[cpu][a], attacks[a].body);
    }
  team.good = make_domain(600, 18);
  must(call::cap_grant(boot::info, team.good.table, given_info, abi::all_rights, system_info().info_base, 1));
  for (std::uint32_t p = 0; p < positions; ++p)
    must(call::slice_bind(boot::slices, p, team.attackers[0][p % attacks.size()].env));
  std::size_t next = 0;
  for (std::uint32_t p = 0; p < positions; ++p) {
    const CapSlot owner = is_good_position(p) ? team.good.env : team.attackers[1][next++ % (attacks.size() - 1)].env;
    must(call::slice_bind(boot::slices, abi::slices_per_cpu + p, owner));
  }
  return team;
}

void share(Team& team) {
  start(team.good, works);
  sleep_ns(300 * ms);  // everybody is at it
  const auto &info = env_info(team.good.env);
  const std::uint64_t from = now_ns(), run_from = info.run_ns;
  sleep_ns(2400 * ms);  // four rounds
  const std::uint64_t run = info.run_ns - run_from, time = now_ns() - from;
  const std::uint64_t share = run * 100'000 / time;
  rt::log("well-behaved: {}.{:03} % of a processor in {} ms, {} slices, {} overruns", share / 1000, share % 1000, time / ms,
          std::uint64_t{info.slices}, std::uint64_t{info.overruns});
  expect(share >= 29'000 && share <= 31'000, "30 % +- 1 %");
  expect(team.good.mailbox->words[0] > 100'000, "it worked");
}

void latency(Team& team) {
  must(rt::until_done([&] { return call::env_stop(team.good.env); }));
  for (std::size_t i = 0; i < 3; ++i) team.good.mailbox->words[i] = 0;
  start(team.good, sleeps, system_info().info_base);
  sleep_ns(1500 * ms);
  const auto& words = team.good.mailbox->words;
  const std::uint64_t wakes = words[0], worst = words[1];
  rt::log("well-behaved: {} wake-ups, the worst {} us late, {} us on average", wakes, worst / 1000,
          wakes == 0 ? 0 : words[2] / wakes / 1000);
  expect(wakes > 20, "it woke");
  // Three slices of others and their grace lie before its next one, and what is left of a kernel call at their ends.
  expect(worst < 3 * (system_info().slice_ns + system_info().grace_ns) + 5 * ms, "in its next slice");
}

void attackers_were_at_it(Team& team) {
  for (std::size_t cpu = 0; cpu < 2; ++cpu)
    for (std::size_t a = 0; a < attacks.size(); ++a) {
      const Domain& d = team.attackers[cpu][a];
      if (d.mailbox == nullptr) continue;
      const auto& info = env_info(d.env);
      rt::log("attacker {} on processor {}: {} steps, {} calls, {} ms, state {}", attacks[a].name, cpu, std::uint64_t{d.mailbox->words[0]},
              std::uint64_t{info.calls}, info.run_ns / ms, std::uint32_t{info.state});
      expect(d.mailbox->words[0] >= attacks[a].at_least, attacks[a].name);
    }
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  if (!expect_equal(system_info().cpus, 2u, "processors")) finish();
  Team team = make_team();
  share(team);
  latency(team);
  attackers_were_at_it(team);
  finish();
}
