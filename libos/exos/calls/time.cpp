// SPDX-License-Identifier: MIT
// Clocks, sleeping, interval timers and POSIX timers.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/cpu_timers.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {

namespace {

using namespace clock_id;
constexpr std::uint32_t absolute = 1;  // TIMER_ABSTIME

bool is_wall(std::uint32_t clock) { return is_wall_clock(clock) || clock == realtime_alarm; }

CallResult read_clock(std::uint32_t clock) {
  if (static_cast<std::int32_t>(clock) < 0) {
    // CPU time of a task: the inverted number above three bits of kind. [linux posix-timers.h]
    const std::uint32_t id = ~(clock >> 3) & 0x1fff'ffff;
    const bool thread = (clock & 4) != 0;
    if (thread) {
      Task* task = id == 0 ? &current() : find_task(id);
      if (task == nullptr || task->process != &current_process()) return Fail{Errno::inval};
      return thread_time_ns(*task);
    }
    Process* process = id == 0 ? &current_process() : find_process(id);
    if (process == nullptr) return Fail{Errno::inval};
    return process_time_ns(*process);
  }
  if (is_wall(clock)) return wall_now_ns();
  if (is_monotonic_clock(clock) || clock == boottime_alarm) return now().raw();
  switch (clock) {
    case process_time: return process_time_ns(current_process());
    case thread_time: return thread_time_ns(current());
    default: return Fail{Errno::inval};
  }
}

// Sleeps; with a relative time the rest is told after a signal.
CallResult sleep_until(abi::Nanoseconds deadline, std::uint64_t remaining_at) {
  const Status slept = sched::block(deadline, Interruptible::yes);
  if (!slept && slept.error() == Errno::timedout) return 0;
  if (remaining_at != 0) {
    const std::uint64_t time = now().raw();
    TRY_VOID(write_user(remaining_at, to_timespec(deadline.raw() > time ? deadline.raw() - time : 0)));
  }
  return Fail{Errno::restart_no_handler};
}

// A sleep that starts again without a handler having run must not last longer: its end is kept in the task.
CallResult relative_sleep(std::uint64_t ns, std::uint64_t remaining_at) {
  Task& task = current();
  const abi::Nanoseconds end = task.sleep_end != abi::forever ? task.sleep_end : deadline_in(ns);
  task.sleep_end = abi::forever;
  const CallResult result = sleep_until(end, remaining_at);
  if (!result && result.error() == Errno::restart_no_handler) task.sleep_end = end;
  return result;
}

// --- ITIMER_REAL ------------------------------------------------------------------------------------------------------
struct IntervalValue { Timeval interval, value; };

void on_alarm(Timer& timer) {
  Process& process = *static_cast<Process*>(timer.owner);
  if (process.alarm_interval_ns != 0) arm(timer, deadline_in(process.alarm_interval_ns));
  send_signal(process, {.signo = static_cast<std::int32_t>(sig_alrm), .code = 0x80});
}

std::uint64_t time_left(const Timer& timer) {
  if (!timer.armed()) return 0;
  const std::uint64_t time = now().raw();
  return timer.deadline.raw() > time ? timer.deadline.raw() - time : 1;
}

void set_alarm(Process& process, std::uint64_t ns, std::uint64_t interval_ns) {
  cancel(process.alarm);
  process.alarm.owner = &process;
  process.alarm.fire = on_alarm;
  process.alarm_interval_ns = interval_ns;
  if (ns != 0) arm(process.alarm, deadline_in(ns));
}

IntervalValue alarm_value(const Process& process) {
  return {to_timeval(process.alarm_interval_ns), to_timeval(time_left(process.alarm))};
}

// ITIMER_VIRTUAL and ITIMER_PROF; null for the real one.
CpuTimer* cpu_timer(Process& process, std::uint32_t which) {
  return which == 1 ? &process.virtual_timer : which == 2 ? &process.profiling_timer : nullptr;
}
// The time that it runs on: the program's alone, or all.
std::uint64_t cpu_timer_time(Process& process, const CpuTimer& timer) {
  return &timer == &process.virtual_timer ? usage_of(process).cpu.user_ns : process_time_ns(process);
}
IntervalValue cpu_timer_value(Process& process, const CpuTimer& timer) {
  const std::uint64_t time = cpu_timer_time(process, timer);
  const std::uint64_t left = timer.due_ns == 0 ? 0 : timer.due_ns > time ? timer.due_ns - time : 1000;
  return {to_timeval(timer.interval_ns), to_timeval(left)};
}

// --- POSIX timers -----------------------------------------------------------------------------------------------------
struct UserEvent { std::uint64_t value; std::int32_t signal, notify, tid, unused[11]; };  // struct sigevent
static_assert(sizeof(UserEvent) == 64);
struct TimerValue { Timespec interval, value; };
constexpr std::int32_t notify_signal = 0, notify_none = 1, notify_thread_id = 4;

void on_posix_timer(Timer& timer) { expire(*static_cast<PosixTimer*>(timer.owner), now().raw()); }

bool is_cpu_clock(std::uint32_t clock) { return clock == process_time || clock == thread_time || as_i32(clock) < 0; }

// The task whose time the clock is; 0: the process's. Other processes' clocks cannot be waited for.
Result<std::uint32_t> task_of_clock(std::uint32_t clock) {
  if (clock == process_time) return 0u;
  if (clock == thread_time) return current().tid;
  const std::uint32_t id = ~(clock >> 3) & 0x1fff'ffff;
  if ((clock & 4) != 0) return id == 0 ? current().tid : id;
  if (id != 0 && id != current_process().pid) return Fail{Errno::opnotsupp};
  return 0u;
}

bool is_pending(const PendingSignals& pending, const PosixTimer& timer) {
  const auto is_its = [&](const SignalInfo& info) { return info.code == si_timer && info.pid == timer.id; };
  if ((pending.set >> (timer.signal - 1) & 1) == 0) return false;
  if (timer.signal < 32) return is_its(pending.info[timer.signal - 1]);
  for (const QueuedSignal* queued = pending.queued; queued != nullptr; queued = queued->next)
    if (is_its(queued->info)) return true;
  return false;
}

std::uint64_t left_of(const PosixTimer& timer) {
  if (!timer.on_cpu) return time_left(timer.timer);
  if (timer.due_ns == 0) return 0;
  const std::uint64_t time = cpu_time_of(timer);
  return timer.due_ns > time ? timer.due_ns - time : 1;
}

Result<PosixTimer*> timer_of(std::uint64_t id) {
  for (PosixTimer* timer = current_process().timers; timer != nullptr; timer = timer->next)
    if (timer->id == as_i32(id)) return timer;
  return Fail{Errno::inval};
}

TimerValue timer_value(const PosixTimer& timer) { return {to_timespec(timer.interval_ns), to_timespec(left_of(timer))}; }

}  // namespace

void expire(PosixTimer& self, std::uint64_t time_ns) {
  std::uint64_t missed = 0;
  if (self.interval_ns != 0) {
    missed = (time_ns - self.due_ns) / self.interval_ns;   // ends that passed unseen
    self.due_ns += (missed + 1) * self.interval_ns;
    if (!self.on_cpu) arm(self.timer, abi::Nanoseconds{self.due_ns});
  } else if (self.on_cpu) {
    self.due_ns = 0;
  }
  if (self.signal == 0) return;
  Task* task = self.tid == 0 ? nullptr : find_task(self.tid);
  if (self.tid != 0 && task == nullptr) return;
  // One signal of a timer is pending at most: what comes meanwhile is counted.
  if (is_pending(task != nullptr ? task->signals.pending : self.process->pending, self)) {
    self.overrun += missed + 1;
    return;
  }
  self.overrun = missed;
  const SignalInfo info{.signo = static_cast<std::int32_t>(self.signal), .code = si_timer, .pid = self.id, .value = self.value};
  if (task != nullptr) send_signal(*task, info);
  else send_signal(*self.process, info);
}

void collect_overrun(SignalInfo& info) {
  constexpr std::uint64_t most = std::numeric_limits<std::int32_t>::max();
  for (PosixTimer* timer = current_process().timers; timer != nullptr; timer = timer->next) {
    if (timer->id != info.pid) continue;
    timer->last_overrun = std::min(std::exchange(timer->overrun, 0), most);
    info.uid = static_cast<std::uint32_t>(timer->last_overrun);
  }
}

CallResult linux_clock_gettime(const Arguments& a) { return nothing(write_user(a.b, to_timespec(TRY(read_clock(as_u32(a.a)))))); }
CallResult linux_clock_getres(const Arguments& a) {
  static_cast<void>(TRY(read_clock(as_u32(a.a))));
  return a.b == 0 ? CallResult{0} : nothing(write_user(a.b, clock_resolution(as_u32(a.a))));
}
// The time of day belongs to the machine: what is asked rightly is refused.
CallResult linux_clock_settime(const Arguments& a) {
  if (as_u32(a.a) != realtime) return Fail{Errno::inval};
  static_cast<void>(TRY(to_ns(TRY(read_user<Timespec>(a.b)))));
  if (current_process().euid == 0) tell_missing("clock_settime of clock", realtime, Errno::perm);
  return Fail{Errno::perm};
}

CallResult linux_gettimeofday(const Arguments& a) {
  if (a.a != 0) TRY_VOID(write_user(a.a, to_timeval(wall_now_ns())));
  if (a.b != 0) TRY_VOID(write_user(a.b, std::uint64_t{0}));
  return 0;
}
CallResult linux_time(const Arguments& a) {
  const std::uint64_t seconds = wall_now_ns() / ns_per_second;
  if (a.a != 0) TRY_VOID(write_user(a.a, seconds));
  return seconds;
}

CallResult linux_nanosleep(const Arguments& a) { return relative_sleep(TRY(to_ns(TRY(read_user<Timespec>(a.a)))), a.b); }
CallResult linux_clock_nanosleep(const Arguments& a) {
  const std::uint32_t clock = as_u32(a.a);
  if (clock == thread_time) return Fail{Errno::opnotsupp};
  static_cast<void>(TRY(read_clock(clock)));
  const std::uint64_t ns = TRY(to_ns(TRY(read_user<Timespec>(a.c))));
  if ((as_u32(a.b) & absolute) == 0) return relative_sleep(ns, a.d);
  return sleep_until(is_wall(clock) ? deadline_at_wall(ns) : abi::Nanoseconds{ns}, 0);
}

CallResult linux_alarm(const Arguments& a) {
  Process& process = current_process();
  const std::uint64_t left = (time_left(process.alarm) + ns_per_second - 1) / ns_per_second;
  set_alarm(process, as_u32(a.a) * ns_per_second, 0);
  return left;
}
CallResult linux_setitimer(const Arguments& a) {
  if (as_u32(a.a) > 2) return Fail{Errno::inval};
  Process& process = current_process();
  CpuTimer* const cpu = cpu_timer(process, as_u32(a.a));
  const IntervalValue old = cpu != nullptr ? cpu_timer_value(process, *cpu) : alarm_value(process);
  std::uint64_t value = 0, interval = 0;
  if (a.b != 0) {
    const auto fresh = TRY(read_user<IntervalValue>(a.b));
    value = TRY(to_ns(fresh.value));
    interval = TRY(to_ns(fresh.interval));
  }
  if (a.c != 0) TRY_VOID(write_user(a.c, old));
  if (cpu != nullptr) *cpu = {value == 0 ? 0 : cpu_timer_time(process, *cpu) + value, interval};
  else set_alarm(process, value, interval);
  return 0;
}
CallResult linux_getitimer(const Arguments& a) {
  if (as_u32(a.a) > 2) return Fail{Errno::inval};
  Process& process = current_process();
  const CpuTimer* cpu = cpu_timer(process, as_u32(a.a));
  return nothing(write_user(a.b, cpu == nullptr ? alarm_value(process) : cpu_timer_value(process, *cpu)));
}

CallResult linux_timer_create(const Arguments& a) {
  static_cast<void>(TRY(read_clock(as_u32(a.a))));
  const std::uint32_t cpu_tid = is_cpu_clock(as_u32(a.a)) ? TRY(task_of_clock(as_u32(a.a))) : 0;
  Process& process = current_process();
  UserEvent event{.value = process.next_timer_id, .signal = static_cast<std::int32_t>(sig_alrm), .notify = notify_signal};
  if (a.b != 0) event = TRY(read_user<UserEvent>(a.b));
  const bool signals = event.notify == notify_signal || event.notify == notify_thread_id;
  if (!signals && event.notify != notify_none) return Fail{Errno::inval};
  if (signals && (event.signal < 1 || event.signal > 64)) return Fail{Errno::inval};
  if (event.notify == notify_thread_id) {
    const Task* task = find_task(static_cast<std::uint32_t>(event.tid));
    if (task == nullptr || task->process != &process) return Fail{Errno::inval};
  }
  PosixTimer* timer = make<PosixTimer>();
  if (timer == nullptr) return Fail{Errno::again};
  timer->id = static_cast<std::int32_t>(process.next_timer_id++);
  if (const Status told = write_user(a.c, timer->id); !told) {
    destroy(timer);
    return Fail{told.error()};
  }
  timer->process = &process;
  timer->tid = event.notify == notify_thread_id ? static_cast<std::uint32_t>(event.tid) : 0;
  timer->signal = signals ? static_cast<std::uint32_t>(event.signal) : 0;
  timer->value = event.value;
  timer->clock = as_u32(a.a);
  timer->on_cpu = is_cpu_clock(timer->clock);
  timer->cpu_tid = cpu_tid;
  timer->timer.owner = timer;
  timer->timer.fire = on_posix_timer;
  timer->next = std::exchange(process.timers, timer);
  return 0;
}

CallResult linux_timer_settime(const Arguments& a) {
  static_cast<void>(TRY(timer_of(a.a)));
  const auto fresh = TRY(read_user<TimerValue>(a.c));
  const std::uint64_t value = TRY(to_ns(fresh.value)), interval = TRY(to_ns(fresh.interval));
  const TimerValue old = timer_value(*TRY(timer_of(a.a)));
  if (a.d != 0) TRY_VOID(write_user(a.d, old));
  PosixTimer* timer = TRY(timer_of(a.a));   // copies may have waited
  cancel(timer->timer);
  timer->interval_ns = interval;
  timer->overrun = timer->last_overrun = 0;
  if (timer->on_cpu) {
    const bool relative = (as_u32(a.b) & absolute) == 0;
    timer->due_ns = value == 0 ? 0 : relative ? cpu_time_of(*timer) + value : value;
    return 0;
  }
  if (value == 0) return 0;
  abi::Nanoseconds deadline = deadline_in(value);
  if ((as_u32(a.b) & absolute) != 0) deadline = is_wall(timer->clock) ? deadline_at_wall(value) : abi::Nanoseconds{value};
  timer->due_ns = deadline.raw();
  arm(timer->timer, deadline);
  return 0;
}
CallResult linux_timer_gettime(const Arguments& a) { return nothing(write_user(a.b, timer_value(*TRY(timer_of(a.a))))); }
CallResult linux_timer_getoverrun(const Arguments& a) { return TRY(timer_of(a.a))->last_overrun; }
CallResult linux_timer_delete(const Arguments& a) {
  PosixTimer* timer = TRY(timer_of(a.a));
  PosixTimer** at = &current_process().timers;
  while (*at != timer) at = &(*at)->next;
  *at = timer->next;
  cancel(timer->timer);
  destroy(timer);
  return 0;
}

void delete_timers(Process& process) {
  while (PosixTimer* timer = process.timers) {
    process.timers = timer->next;
    cancel(timer->timer);
    destroy(timer);
  }
}

}  // namespace exos
