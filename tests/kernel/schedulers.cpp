// SPDX-License-Identifier: MIT
// Schedulers in user space: stride shares tickets exactly, earliest deadline first meets every deadline of a feasible
// set. Runs with counted instructions, so that a slice is so many of them and no host is too slow.
#include "libos/parts/schedulers/deadline.hpp"
#include "libos/parts/schedulers/stride.hpp"
#include "tests/kernel/domain.hpp"

using namespace guest;

namespace {

void spins(std::uint64_t) {
  for (;;) asm volatile(".rept 200\n nop\n .endr");  // long runs are cheap to emulate
}

// --- stride -------------------------------------------------------------------------------------------------------
constexpr std::size_t clients = 3;

void expect_shares(parts::StrideScheduler<8>& scheduler, const std::array<std::size_t, clients>& index,
                   const std::array<std::uint64_t, clients>& before, const std::array<std::uint32_t, clients>& tickets,
                   std::string_view what) {
  std::uint64_t time = 0, all = 0;
  for (std::size_t i = 0; i < clients; ++i) time += scheduler.share(index[i]).ran_ns - before[i], all += tickets[i];
  for (std::size_t i = 0; i < clients; ++i) {
    const std::uint64_t ran = scheduler.share(index[i]).ran_ns - before[i];
    const std::uint64_t permille = ran * 1000 / time, want = 1000ull * tickets[i] / all;
    rt::log("{}: client {} has {} tickets, ran {} ns, {} per mille", what, i, tickets[i], ran, permille);
    if (permille + 10 < want || permille > want + 10)
      fail(here(), base::Text<80>{"{} per mille, want {} within 10", permille, want}.view());
  }
}

void stride() {
  const rt::Clock clock{system_info()};
  parts::StrideScheduler<8> scheduler{clock};
  std::array<std::uint32_t, clients> tickets{3, 2, 1};
  std::array<Thread, clients> threads;
  std::array<std::size_t, clients> index{};
  for (std::size_t i = 0; i < clients; ++i) {
    threads[i] = make_thread();
    start(threads[i], spins);
    index[i] = must(scheduler.add(rt::Env{threads[i].env}, tickets[i]));
  }
  std::array<std::uint64_t, clients> before{};
  const std::uint64_t begin_ns = now_ns();
  const auto run_slices = [&](int count) {
    for (int slice = 1; slice <= count; ++slice) {
      must(scheduler.run_next());
      if (slice % 6 != 0) continue;
      const std::uint64_t ms = (now_ns() - begin_ns) / 1'000'000;
      std::uint64_t time = 0;
      for (std::size_t i = 0; i < clients; ++i) time += scheduler.share(index[i]).ran_ns;
      for (std::size_t i = 0; i < clients; ++i)
        rt::log("plot stride client-{} {} {}", i, ms, scheduler.share(index[i]).ran_ns * 1000 / time);
    }
  };
  run_slices(60);
  expect_shares(scheduler, index, before, tickets, "3:2:1");
  for (std::size_t i = 0; i < clients; ++i) before[i] = scheduler.share(index[i]).ran_ns;
  tickets = {1, 1, 4};
  for (std::size_t i = 0; i < clients; ++i) must(scheduler.set_tickets(index[i], tickets[i]));
  run_slices(6);  // what was owed at the old price is paid
  for (std::size_t i = 0; i < clients; ++i) before[i] = scheduler.share(index[i]).ran_ns;
  run_slices(60);
  expect_shares(scheduler, index, before, tickets, "1:1:4");

  // What the kernel counted for each agrees with the library's own books to within what switching takes.
  for (std::size_t i = 0; i < clients; ++i) {
    const std::uint64_t kernel = must(rt::read_env(threads[i].env)).run_ns, own = scheduler.share(index[i]).ran_ns;
    if (kernel > own || own - kernel > own / 1000)
      fail(here(), base::Text<80>{"the kernel counted {} ns, the scheduler {}", kernel, own}.view());
  }
  // One that stops gets nothing and is owed nothing; without clients that can run there is nobody to give time to.
  for (Thread& t : threads) must(call::env_stop(t.env));
  expect_error(scheduler.run_next(), Error::would_block, "all stopped");
  must(call::env_resume(threads[0].env));
  const std::uint64_t then = scheduler.share(index[0]).ran_ns;
  expect_equal(must(scheduler.run_next()), index[0], "the only one that can");
  expect(scheduler.share(index[0]).ran_ns > then, "and it ran");
  for (const std::uint32_t bad : {0u, scheduler.max_tickets + 1})
    expect_error(scheduler.add(rt::Env{threads[0].env}, bad), Error::bad_argument);
  for (Thread& t : threads) destroy(t);
}

// --- deadlines ----------------------------------------------------------------------------------------------------
constexpr std::uint64_t ms = 1'000'000;
std::uint64_t work_of[4];  // instructions of a job

void works(std::uint64_t index) {
  for (;;) {
    std::uint64_t turns = work_of[index] / 200;  // an instruction is a nanosecond; each turn is 200
    asm volatile("1: .rept 198\n nop\n .endr\n dec %0\n jnz 1b" : "+r"(turns));
    static_cast<void>(parts::finish_job());
  }
}

struct Wanted {
  parts::DeadlineScheduler<4>::Plan plan;
  std::uint64_t work;
};

// Runs the set so long, and returns deadlines missed.
template <std::size_t N>
std::uint64_t run_set(std::string_view name, const std::array<Wanted, N>& set, std::uint64_t time, bool admit) {
  const rt::Clock clock{system_info()};
  parts::DeadlineScheduler<4> scheduler{clock, system_info().slice_ns};
  std::array<Thread, N> threads;
  for (std::size_t i = 0; i < N; ++i) {
    work_of[i] = set[i].work;
    threads[i] = make_thread();
    start(threads[i], works, i);
    const rt::Env env{threads[i].env};
    must(admit ? scheduler.add(env, set[i].plan) : scheduler.add_unchecked(env, set[i].plan));
  }
  const std::uint64_t begin_ns = now_ns();
  while (now_ns() < begin_ns + time) {
    const auto ran = must(scheduler.run_next());
    const std::uint64_t at = (now_ns() - begin_ns) / 100'000;
    if (ran) rt::log("plot {} ran {} {}", name, at, *ran + 1);
  }
  std::uint64_t missed = 0;
  for (std::size_t i = 0; i < N; ++i) {
    const auto& task = scheduler.task(i);
    rt::log("{}: task {} of {}/{} ms: {} jobs, {} met, {} missed, {} overran, worst {} us", name, i,
            set[i].plan.budget_ns / ms, set[i].plan.period_ns / ms, task.jobs, task.met, task.missed, task.overran,
            task.worst_ns / 1000);
    missed += task.missed;
    expect(task.jobs >= time / set[i].plan.period_ns, "a job each period");
    expect(task.jobs - task.met - task.missed <= 1, "each job but the last was met or missed");
  }
  for (Thread& t : threads) destroy(t);
  return missed;
}

void deadlines() {
  const std::array feasible{Wanted{{80 * ms, 21 * ms}, 20 * ms}, Wanted{{160 * ms, 42 * ms}, 40 * ms},
                            Wanted{{240 * ms, 62 * ms}, 60 * ms}};
  expect_equal(run_set("feasible", feasible, 960 * ms, true), 0ull, "deadlines missed of a feasible set");

  // One task claims less than it takes: it alone misses.
  parts::DeadlineScheduler<4> scheduler{rt::Clock{system_info()}, system_info().slice_ns};
  const rt::Env nobody{};
  expect_error(scheduler.add(nobody, {.period_ns = 10 * ms, .budget_ns = 11 * ms}), Error::bad_argument);
  expect_error(scheduler.add(nobody, {.period_ns = 100 * ms, .budget_ns = 95 * ms}), Error::over_limit,
               "no room for a slice of blocking");
  const std::array overloaded{Wanted{{80 * ms, 60 * ms}, 50 * ms}, Wanted{{100 * ms, 60 * ms}, 50 * ms}};
  expect(run_set("overloaded", overloaded, 800 * ms, false) > 0, "an overloaded set misses, and it is told");
}

// A task that takes more than its budget harms only itself.
void overruns() {
  const std::array greedy{Wanted{{80 * ms, 30 * ms}, 20 * ms}, Wanted{{160 * ms, 30 * ms}, 400 * ms}};
  const std::uint64_t missed = run_set("greedy", greedy, 640 * ms, true);
  expect(missed > 0 && missed <= 640 / 160, "the greedy one misses, the other does not");
}

}  // namespace

std::uint64_t program(const boot::Facts& facts) {
  begin(facts);
  stride();
  deadlines();
  overruns();
  finish();
}
