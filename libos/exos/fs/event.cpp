// SPDX-License-Identifier: MIT
// eventfd and timerfd.
#include "libos/exos/fs/event.hpp"

namespace exos {
namespace {

constexpr std::uint64_t highest = ~std::uint64_t{0} - 1;

class EventFile final : public File {
 public:
  EventFile(std::uint64_t count, bool semaphore) : count_{count}, semaphore_{semaphore} { kind = FileKind::event; }

  CallResult read(Buffer& buffer) override {
    if (buffer.left() < sizeof count_) return Fail{Errno::inval};
    while (count_ == 0) {
      if ((flags & o_nonblock) != 0) return Fail{Errno::again};
      TRY_VOID(changed_.wait());
    }
    const std::uint64_t taken = semaphore_ ? 1 : count_;
    TRY_VOID(buffer.put(&taken, sizeof taken));
    count_ -= taken;
    changed_.wake_all(poll_writable);
    return sizeof taken;
  }
  CallResult write(Buffer& buffer) override {
    std::uint64_t more = 0;
    if (buffer.left() < sizeof more) return Fail{Errno::inval};
    TRY_VOID(buffer.take(&more, sizeof more));
    if (more > highest) return Fail{Errno::inval};
    while (more > highest - count_) {
      if ((flags & o_nonblock) != 0) return Fail{Errno::again};
      TRY_VOID(changed_.wait());
    }
    count_ += more;
    changed_.wake_all(poll_readable);
    return sizeof more;
  }
  std::uint32_t poll(Waiter* waiter) override {
    if (waiter != nullptr) changed_.join(*waiter);
    return (count_ > 0 ? poll_readable : 0) | (count_ < highest ? poll_writable : 0);
  }

 private:
  std::uint64_t count_;
  bool semaphore_;
  WaitQueue changed_;
};

Result<FileRef> named(Result<FileRef> file, std::string_view name) {
  if (file.has_value()) (*file)->path = TRY(String::from(name));
  return file;
}

}  // namespace

Result<FileRef> make_event_file(std::uint64_t count, std::uint32_t flags, bool semaphore) {
  InodeRef inode = TRY(make_anonymous_inode(0600));
  return named(make_file<EventFile>(*inode, flags | o_rdwr, count, semaphore), "anon_inode:[eventfd]");
}

Result<FileRef> make_timer_file(bool wall_clock, std::uint32_t flags) {
  InodeRef inode = TRY(make_anonymous_inode(0600));
  return named(make_file<TimerFile>(*inode, flags | o_rdwr, wall_clock), "anon_inode:[timerfd]");
}

CallResult TimerFile::read(Buffer& buffer) {
  if (buffer.left() < sizeof expirations_) return Fail{Errno::inval};
  while (expirations_ == 0) {
    if ((flags & o_nonblock) != 0) return Fail{Errno::again};
    TRY_VOID(changed_.wait());
  }
  TRY_VOID(buffer.put(&expirations_, sizeof expirations_));
  expirations_ = 0;
  return sizeof expirations_;
}

std::uint32_t TimerFile::poll(Waiter* waiter) {
  if (waiter != nullptr) changed_.join(*waiter);
  return expirations_ > 0 ? poll_readable : 0;
}

void TimerFile::expired() {
  ++expirations_;
  if (interval_ns_ != 0) {
    // Expirations that were missed meanwhile count too.
    const std::uint64_t at = now().raw();
    const std::uint64_t missed = at > due_ns_ ? (at - due_ns_) / interval_ns_ : 0;
    expirations_ += missed;
    due_ns_ += (missed + 1) * interval_ns_;
    arm(timer_, abi::Nanoseconds{due_ns_});
  }
  changed_.wake_all();
}

TimerSetting TimerFile::left() const {
  if (!timer_.armed()) return {0, interval_ns_};
  const std::uint64_t at = now().raw();
  return {due_ns_ > at ? due_ns_ - at : 1, interval_ns_};
}

void TimerFile::set(std::uint64_t first_ns, std::uint64_t interval_ns, bool absolute) {
  if (timer_.armed()) cancel(timer_);
  expirations_ = 0;
  interval_ns_ = interval_ns;
  if (first_ns == 0) return;
  due_ns_ = first_ns;
  if (!absolute) due_ns_ = now().raw() + first_ns;
  else if (wall_clock_) due_ns_ = first_ns > wall_now_ns() ? now().raw() + (first_ns - wall_now_ns()) : now().raw();
  arm(timer_, abi::Nanoseconds{due_ns_});
}

}  // namespace exos
