// SPDX-License-Identifier: MIT
// Earliest deadline first, in user space: tasks that get `budget_ns` of every `period_ns`, before its end. The env that
// owns the slices decides at the start of each and whenever a task is done; a task says so by sleeping until it is
// woken (finish_job()). One that overruns its budget waits for its next period, so that it cannot harm the others. [Liu
// and Layland 1973]
#pragma once

#include "libos/rt/kinds.hpp"

namespace parts {

// In a task: this period's work is done. Returns at the next period's start.
inline rt::Status finish_job() { return rt::sleep(abi::forever); }

template <std::size_t Max>
class DeadlineScheduler {
 public:
  using Env = rt::EnvWith<abi::EnvRight::donate, abi::EnvRight::wake, abi::EnvRight::inspect>;
  struct Plan {
    std::uint64_t period_ns = 0, budget_ns = 0;
  };
  struct Task {
    Env env;
    Plan plan;                     // period 0: the place is free
    std::uint64_t release_ns = 0;  // of the current period; its end is the deadline
    std::uint64_t used_ns = 0;     // in this period
    bool pending = false;          // the current job is not done
    std::uint64_t jobs = 0, met = 0, missed = 0, overran = 0;
    std::uint64_t worst_ns = 0;  // longest time from release to completion
  };

  // `quantum_ns`: the length of a slice, the longest that a decision waits.
  constexpr DeadlineScheduler(const rt::Clock& clock, std::uint64_t quantum_ns)
      : clock_{clock}, quantum_ns_{quantum_ns} {}

  // over_limit: with this task a deadline could be missed, and it is not taken. The test is Liu and Layland's sum, with
  // one quantum of blocking for the task with the shortest period.
  rt::Result<std::size_t> add(Env env, Plan plan) {
    if (plan.budget_ns == 0 || plan.budget_ns > plan.period_ns) return base::Unexpected{abi::Error::bad_argument};
    if (!feasible_with(plan)) return base::Unexpected{abi::Error::over_limit};
    return add_unchecked(env, plan);
  }
  // Without that test: for who would rather miss.
  rt::Result<std::size_t> add_unchecked(Env env, Plan plan) {
    for (std::size_t i = 0; i < Max; ++i) {
      if (tasks_[i].plan.period_ns != 0) continue;
      tasks_[i] = {.env = env, .plan = plan, .release_ns = clock_.now().raw()};
      release(tasks_[i]);
      return i;
    }
    return base::Unexpected{abi::Error::over_limit};
  }
  void remove(std::size_t index) { tasks_[index] = {}; }
  [[nodiscard]] const Task& task(std::size_t index) const { return tasks_[index]; }

  // One decision: time for the most urgent task, or sleep until the next release. Returns the index of who ran, or
  // nothing.
  rt::Result<std::optional<std::size_t>> run_next() {
    const std::uint64_t now = clock_.now().raw();
    begin_periods(now);
    Task* urgent = nullptr;
    for (Task& task : tasks_)
      if (may_run(task) && (urgent == nullptr || deadline(task) < deadline(*urgent))) urgent = &task;
    if (urgent == nullptr) {
      TRY_VOID(rt::sleep(abi::Nanoseconds{next_release()}));
      return std::nullopt;
    }
    const rt::Status given = urgent->env.yield_to();
    if (!given.has_value() && given.error() != abi::Error::wrong_state) return base::Unexpected{given.error()};
    const std::uint64_t after = clock_.now().raw();
    urgent->used_ns += after - now;
    const abi::RunState state = TRY(urgent->env.state()).state;
    if (state != abi::RunState::ready) complete(*urgent, after);
    return static_cast<std::size_t>(urgent - tasks_.data());
  }

 private:
  static std::uint64_t deadline(const Task& task) { return task.release_ns + task.plan.period_ns; }
  static bool may_run(const Task& task) { return task.pending && task.used_ns < task.plan.budget_ns; }

  bool feasible_with(const Plan& added) const {
    constexpr std::uint64_t whole = 1'000'000;
    const auto part = [&](const Plan& plan) { return plan.budget_ns * whole / plan.period_ns + 1; };
    std::uint64_t sum = part(added), shortest = added.period_ns;
    for (const Task& task : tasks_) {
      if (task.plan.period_ns == 0) continue;
      sum += part(task.plan);
      shortest = std::min(shortest, task.plan.period_ns);
    }
    return sum + quantum_ns_ * whole / shortest <= whole;
  }

  void release(Task& task) {
    task.used_ns = 0;
    task.pending = true;
    ++task.jobs;
    // Only one that sleeps: a wake that comes too early would end its next sleep. One that is gone shows when it should
    // run.
    const auto state = task.env.state();
    if (state.has_value() && state->state == abi::RunState::sleeping) static_cast<void>(task.env.wake());
  }
  void complete(Task& task, std::uint64_t now) {
    task.pending = false;
    task.worst_ns = std::max(task.worst_ns, now - task.release_ns);
    ++(now <= deadline(task) ? task.met : task.missed);
  }
  // A job that is not done when its period ends has missed; the next period's work comes on top of it.
  void begin_periods(std::uint64_t now) {
    for (Task& task : tasks_) {
      while (task.plan.period_ns != 0 && deadline(task) <= now) {
        task.release_ns += task.plan.period_ns;
        if (task.pending) {
          ++task.missed;
          if (task.used_ns >= task.plan.budget_ns) ++task.overran;
          task.used_ns = 0;
          ++task.jobs;
        } else {
          release(task);
        }
      }
    }
  }
  std::uint64_t next_release() const {
    std::uint64_t first = abi::forever.raw();
    for (const Task& task : tasks_)
      if (task.plan.period_ns != 0) first = std::min(first, deadline(task));
    return first;
  }

  rt::Clock clock_;
  std::uint64_t quantum_ns_;
  std::array<Task, Max> tasks_{};
};

}  // namespace parts
