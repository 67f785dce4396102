// SPDX-License-Identifier: MIT
// The stride scheduler of libos/parts as the owner of the slices: what choosing costs, and how exact the shares are of three that spin
// with 3, 2 and 1 tickets (figure 3 of 1995). Lines `figure KEY NUMERATOR DENOMINATOR`, and `plot` lines for the curve.
#include "bench/measure.hpp"
#include "libos/parts/schedulers/stride.hpp"

namespace bench {
namespace {

constexpr std::array<std::uint32_t, 3> tickets{3, 2, 1};
constexpr std::uint64_t all_tickets = 6;
constexpr int slices = 60;
constexpr std::size_t clients = tickets.size();
using Stride = parts::StrideScheduler<8>;

std::array<std::uint64_t, clients> iterations;

void counts(std::uint64_t index) {
  for (;;) {
    asm volatile(".rept 1000\n nop\n .endr");
    ++iterations[index];
  }
}
[[noreturn]] void gives_back(std::uint64_t) {
  for (;;) static_cast<void>(call::env_yield.raw(boot::self));
}

struct Clients {
  Stride scheduler{rt::Clock{system_info()}};
  std::array<Thread, clients> threads;
  std::array<std::size_t, clients> index{};

  explicit Clients(void (*entry)(std::uint64_t)) {
    for (std::size_t i = 0; i < clients; ++i) {
      threads[i] = make_thread();
      start(threads[i], entry, i);
      index[i] = must(scheduler.add(rt::Env{threads[i].env}, tickets[i]));
    }
  }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;
  ~Clients() {
    for (Thread& t : threads) destroy(t);
  }
  [[nodiscard]] std::uint64_t ran(std::size_t i) const { return scheduler.share(index[i]).ran_ns; }
  // How far the one that is farthest off is from what its tickets are worth, in nanoseconds times the sum of tickets.
  [[nodiscard]] std::uint64_t error() const {
    std::uint64_t time = 0, worst = 0;
    for (std::size_t i = 0; i < clients; ++i) time += ran(i);
    for (std::size_t i = 0; i < clients; ++i) {
      const std::uint64_t got = ran(i) * all_tickets, due = time * tickets[i];
      worst = std::max(worst, got > due ? got - due : due - got);
    }
    return worst;
  }
};

void cost() {
  Clients all{gives_back};
  measure_each("stride_next", 60, [&] { must(all.scheduler.run_next()); });
}

void shares() {
  Clients all{counts};
  const std::uint64_t begin_ns = now_ns();
  std::uint64_t worst = 0;
  for (int slice = 1; slice <= slices; ++slice) {
    must(all.scheduler.run_next());
    worst = std::max(worst, all.error());
    if (slice % static_cast<int>(all_tickets) != 0) continue;
    for (std::size_t i = 0; i < clients; ++i) rt::log("plot stride tickets-{} {} {}", tickets[i], (now_ns() - begin_ns) / 1'000'000, iterations[i]);
  }
  std::uint64_t done = 0;
  for (const std::uint64_t one : iterations) done += one;
  for (std::size_t i = 0; i < clients; ++i) rt::log("figure stride_{} {} {}", tickets[i], iterations[i] * 1000, done);
  rt::log("figure stride_error {} {}", worst, all_tickets * system_info().slice_ns);
}

}  // namespace

void schedulers() {
  cost();
  shares();
}

}  // namespace bench
