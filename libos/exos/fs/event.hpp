// SPDX-License-Identifier: MIT
// eventfd and timerfd: a counter, or a clock's expirations, as a file.
#pragma once

#include "libos/exos/fs/open_file.hpp"
#include "libos/exos/timer.hpp"

namespace exos {

[[nodiscard]] Result<FileRef> make_event_file(std::uint64_t count, std::uint32_t flags, bool semaphore);

struct TimerSetting { std::uint64_t first_ns = 0, interval_ns = 0; };   // left until the next expiration; 0: disarmed

class TimerFile final : public File {
 public:
  explicit TimerFile(bool wall_clock) : wall_clock_{wall_clock} {
    kind = FileKind::timer;
    timer_.owner = this;
    timer_.fire = [](Timer& timer) { static_cast<TimerFile*>(timer.owner)->expired(); };
  }
  ~TimerFile() override { if (timer_.armed()) cancel(timer_); }
  CallResult read(Buffer& buffer) override;
  CallResult write(Buffer&) override { return Fail{Errno::inval}; }
  std::uint32_t poll(Waiter* waiter) override;
  [[nodiscard]] TimerSetting left() const;
  void set(std::uint64_t first_ns, std::uint64_t interval_ns, bool absolute);

 private:
  void expired();
  Timer timer_;
  WaitQueue changed_;
  std::uint64_t expirations_ = 0, interval_ns_ = 0, due_ns_ = 0;
  bool wall_clock_;
};
[[nodiscard]] Result<FileRef> make_timer_file(bool wall_clock, std::uint32_t flags);

}  // namespace exos
