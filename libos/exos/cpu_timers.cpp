// SPDX-License-Identifier: MIT
#include "libos/exos/cpu_timers.hpp"

#include "libos/exos/processor.hpp"
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

CpuSplit split(const CpuTime& time, CpuSplit& told) {
  if (time.ns <= told.sum()) return told;
  const std::uint64_t ends = time.program_ends + time.library_ends;
  // In this order nothing overflows: there are fewer than 2^31 ends, 10 ms each.
  const std::uint64_t library = time.library_ends == 0 ? 0 : time.ns / ends * time.library_ends + time.ns % ends * time.library_ends / ends;
  const std::uint64_t system = std::clamp(library, told.system_ns, time.ns - told.user_ns);
  return told = {time.ns - system, system};
}

namespace {

CpuTime time_of(const Task& task) {
  CpuTime time = task.cpu;
  if (task.state == TaskState::running) time.ns += now().raw() - task.started_ns;
  return time;
}
CpuTime time_of(Process& process) {
  CpuTime time = process.ended_cpu;
  for (const Task& task : process.tasks) time += time_of(task);
  return time;
}

}  // namespace

CpuSplit busy_time(Processor& processor) {
  CpuTime time = processor.busy;
  const Task* task = processor.running;
  if (task != nullptr && task->state == TaskState::running) time.ns += now().raw() - task->started_ns;
  return split(time, processor.told_busy);
}

std::uint64_t thread_time_ns(Task& task) { return time_of(task).ns; }
std::uint64_t process_time_ns(Process& process) { return time_of(process).ns; }

Usage usage_of(Task& task) {
  return {split(time_of(task), task.told_cpu), task.process->minor_faults, 0, task.waits, task.preemptions, task.process->largest_pages};
}
Usage usage_of(Process& process) {
  Usage used{split(time_of(process), process.told_cpu), process.minor_faults, 0, process.ended_waits, process.ended_preemptions,
             process.largest_pages};
  if (process.memory) used.major_faults = process.memory->major_faults;
  for (const Task& task : process.tasks) used.waits += task.waits, used.preemptions += task.preemptions;
  return used;
}
Usage usage_with_children(Process& process) {
  Usage used = usage_of(process);
  return used += process.children;
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
  const CpuSplit used = usage_of(process).cpu;
  const std::uint64_t time = used.sum();
  check(process, process.virtual_timer, used.user_ns, sig_vtalrm);
  check(process, process.profiling_timer, time, sig_prof);
  check_limit(process, time);
  for (PosixTimer* timer = process.timers; timer != nullptr; timer = timer->next)
    if (timer->on_cpu && timer->due_ns != 0 && cpu_time_of(*timer) >= timer->due_ns) expire(*timer, cpu_time_of(*timer));
}

}  // namespace exos
