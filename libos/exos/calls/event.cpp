// SPDX-License-Identifier: MIT
// eventfd and timerfd.
#include "libos/exos/fs/event.hpp"
#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

constexpr std::uint64_t ns_per_second = 1'000'000'000;

struct TimerSpec { Timespec interval, first; };

Result<std::uint64_t> nanoseconds(const Timespec& time) {
  if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= static_cast<std::int64_t>(ns_per_second)) return Fail{Errno::inval};
  constexpr std::int64_t most = 9'000'000'000;
  return static_cast<std::uint64_t>(time.seconds < most ? time.seconds : most) * ns_per_second + static_cast<std::uint64_t>(time.nanoseconds);
}
Timespec timespec(std::uint64_t ns) {
  return {static_cast<std::int64_t>(ns / ns_per_second), static_cast<std::int64_t>(ns % ns_per_second)};
}

Result<TimerFile*> timer_of(const FileRef& file) {
  if (file->kind != FileKind::timer) return Fail{Errno::inval};
  return static_cast<TimerFile*>(file.get());
}

CallResult event_file(std::uint64_t count, std::uint32_t flags) {
  constexpr std::uint32_t semaphore = 1;
  if ((flags & ~(semaphore | o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  return install(TRY(make_event_file(count, flags & o_nonblock, (flags & semaphore) != 0)), flags);
}

}  // namespace

CallResult linux_eventfd(const Arguments& arguments) { return event_file(low(arguments.a), 0); }
CallResult linux_eventfd2(const Arguments& arguments) { return event_file(low(arguments.a), low(arguments.b)); }

CallResult linux_timerfd_create(const Arguments& arguments) {
  constexpr std::uint32_t realtime = 0, monotonic = 1, boottime = 7, realtime_alarm = 8, boottime_alarm = 9;
  const std::uint32_t clock = low(arguments.a), flags = low(arguments.b);
  if ((flags & ~(o_nonblock | o_cloexec)) != 0) return Fail{Errno::inval};
  if (clock != realtime && clock != monotonic && clock != boottime && clock != realtime_alarm && clock != boottime_alarm)
    return Fail{Errno::inval};
  return install(TRY(make_timer_file(clock == realtime || clock == realtime_alarm, flags & o_nonblock)), flags);
}

CallResult linux_timerfd_settime(const Arguments& arguments) {
  constexpr std::uint32_t absolute = 1, cancel_on_set = 2;
  if ((low(arguments.b) & ~(absolute | cancel_on_set)) != 0) return Fail{Errno::inval};
  const auto spec = TRY(read_user<TimerSpec>(arguments.c));
  const std::uint64_t first = TRY(nanoseconds(spec.first)), interval = TRY(nanoseconds(spec.interval));
  FileRef file = TRY(file_of(arguments.a));
  TimerFile& timer = *TRY(timer_of(file));
  const TimerSetting old = timer.left();
  timer.set(first, interval, (low(arguments.b) & absolute) != 0);
  if (arguments.d != 0) TRY_VOID(write_user(arguments.d, TimerSpec{timespec(old.interval_ns), timespec(old.first_ns)}));
  return 0;
}

CallResult linux_timerfd_gettime(const Arguments& arguments) {
  FileRef file = TRY(file_of(arguments.a));
  const TimerSetting left = TRY(timer_of(file))->left();
  TRY_VOID(write_user(arguments.b, TimerSpec{timespec(left.interval_ns), timespec(left.first_ns)}));
  return 0;
}

}  // namespace exos
