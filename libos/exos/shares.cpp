// SPDX-License-Identifier: MIT
#include "libos/exos/shares.hpp"

namespace exos::shares {

constinit std::uint32_t uneven = 0;

namespace {

constexpr std::int32_t policy_idle = 5, least_nice = -20, most_nice = 19;
constexpr std::uint32_t idle_weight = 3;
constexpr std::uint64_t credit_ns = 10'000'000;   // who slept is ahead of the others by a slice at most
constinit std::uint64_t floor_ns = 0;             // of virtual time: the latest choice

// A step of nice is a fifth less time, or a fourth more. [man nice(2), sched(7)]
constexpr auto weights = [] {
  std::array<std::uint32_t, most_nice - least_nice + 1> all{};
  constexpr std::uint64_t one = 1 << 16;
  std::uint64_t up = ordinary_weight * one, down = ordinary_weight * one;
  for (std::int32_t nice = 0; nice <= most_nice; ++nice, down = down * 4 / 5)
    all[static_cast<std::size_t>(nice - least_nice)] = static_cast<std::uint32_t>((down + one / 2) / one);
  for (std::int32_t nice = 0; nice >= least_nice; --nice, up = up * 5 / 4)
    all[static_cast<std::size_t>(nice - least_nice)] = static_cast<std::uint32_t>((up + one / 2) / one);
  return all;
}();

// From here on time counts: what each had before is no debt.
void begin() {
  for (Process& process : processes())
    for (Task& task : process.tasks) {
      task.settled_ns = task.cpu.ns;
      task.virtual_ns = floor_ns;
    }
}

void change(Task& task, std::uint32_t weight) {
  if (task.weight == ordinary_weight && weight != ordinary_weight && uneven++ == 0) begin();
  if (task.weight != ordinary_weight && weight == ordinary_weight) --uneven;
  task.weight = weight;
}

}  // namespace

void set_weight(Task& task) {
  change(task, task.policy == policy_idle ? idle_weight : weights[static_cast<std::size_t>(task.process->nice - least_nice)]);
}

void set_nice(Process& process, std::int32_t nice) {
  process.nice = nice;
  for (Task& task : process.tasks) set_weight(task);
}

void forget(Task& task) { change(task, ordinary_weight); }

void settle(Task& task) {
  const std::uint64_t used = task.cpu.ns - std::exchange(task.settled_ns, task.cpu.ns);
  task.virtual_ns = std::max(task.virtual_ns + used * ordinary_weight / task.weight, floor_ns - std::min(floor_ns, credit_ns));
}

void chosen(const Task& task) { floor_ns = std::max(floor_ns, task.virtual_ns); }

}  // namespace exos::shares
