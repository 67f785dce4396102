// SPDX-License-Identifier: MIT
#include "libos/exos/cpu_timers.hpp"

#include "libos/exos/sched.hpp"

namespace exos {
namespace {

constexpr std::uint32_t sig_vtalrm = 26, sig_prof = 27, sig_xcpu = 24, rlimit_cpu = 0;
constexpr std::uint64_t second = 1'000'000'000;

void check(Process& process, CpuTimer& timer, std::uint64_t time, std::uint32_t signal) {
  if (timer.due_ns == 0 || time < timer.due_ns) return;
  timer.due_ns = timer.interval_ns == 0 ? 0 : timer.due_ns + ((time - timer.due_ns) / timer.interval_ns + 1) * timer.interval_ns;
  send_signal(process, {.signo = static_cast<std::int32_t>(signal), .code = 0x80});
}

void check_limit(Process& process, std::uint64_t time) {
  const std::uint64_t soft = process.limits[rlimit_cpu][0], hard = process.limits[rlimit_cpu][1];
  if (soft == ~std::uint64_t{0}) return;
  const std::uint64_t seconds = time / second;
  if (hard != ~std::uint64_t{0} && seconds >= hard) return send_signal(process, {.signo = static_cast<std::int32_t>(sig_kill), .code = 0x80});
  if (seconds < soft || time < process.next_xcpu_ns) return;
  process.next_xcpu_ns = time + second;   // once a second until the hard limit
  send_signal(process, {.signo = static_cast<std::int32_t>(sig_xcpu), .code = 0x80});
}

}  // namespace

std::uint64_t thread_time_ns(Task& task) {
  return task.cpu_ns + (&task == current_or_null() ? now().raw() - task.started_ns : 0);
}

std::uint64_t process_time_ns(Process& process) {
  std::uint64_t ns = process.user_ns;
  for (Task& task : process.tasks) ns += thread_time_ns(task);
  return ns;
}

std::uint64_t cpu_time_of(const PosixTimer& timer) {
  if (timer.cpu_tid == 0) return process_time_ns(*timer.process);
  Task* task = find_task(timer.cpu_tid);
  return task != nullptr ? thread_time_ns(*task) : 0;
}

void check_cpu_timers(Task& task) {
  Process& process = *task.process;
  const bool limited = process.limits[rlimit_cpu][0] != ~std::uint64_t{0};
  if (process.virtual_timer.due_ns == 0 && process.profiling_timer.due_ns == 0 && process.timers == nullptr && !limited) return;
  const std::uint64_t time = process_time_ns(process);
  check(process, process.virtual_timer, time, sig_vtalrm);
  check(process, process.profiling_timer, time, sig_prof);
  check_limit(process, time);
  for (PosixTimer* timer = process.timers; timer != nullptr; timer = timer->next)
    if (timer->on_cpu && timer->due_ns != 0 && cpu_time_of(*timer) >= timer->due_ns) expire(*timer, cpu_time_of(*timer));
}

}  // namespace exos
