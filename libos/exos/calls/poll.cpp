// SPDX-License-Identifier: MIT
// Waiting for several files: poll, select and their precise forms. One waiter per file, on the caller's heap.
#include "libos/exos/calls/file_calls.hpp"

namespace exos {
namespace {

constexpr std::uint32_t always = poll_err | poll_hup | poll_nval;

struct Item {
  FileRef file;              // empty: a bad or negative descriptor
  std::uint32_t events = 0, result = 0;
  Waiter waiter;
};

// The items must not move while waiters are on queues, so they are made once, all together.
class Items {
 public:
  Items() = default;
  Items(const Items&) = delete;
  Items& operator=(const Items&) = delete;
  ~Items() { leave(); }

  [[nodiscard]] Status resize(std::size_t count) { return list_.resize(count); }
  [[nodiscard]] Item& operator[](std::size_t i) { return list_[i]; }
  [[nodiscard]] std::size_t size() const { return list_.size(); }

  // How many have something; restart_no_handler when a signal ended the wait.
  [[nodiscard]] CallResult wait(abi::Nanoseconds deadline) {
    for (;;) {
      const std::uint64_t ready = scan();
      if (ready > 0 || now() >= deadline) return ready;
      const Status waited = wait_joined(deadline);
      leave();
      if (waited.has_value()) continue;
      if (waited.error() == Errno::timedout) return scan();
      return Fail{waited.error() == Errno::restart_sys ? Errno::restart_no_handler : waited.error()};
    }
  }

 private:
  std::uint64_t scan() {
    std::uint64_t ready = 0;
    for (Item& item : list_) {
      if (!item.file) {
        if (item.result != 0) ++ready;
        continue;
      }
      Waiter* waiter = ready == 0 && !item.waiter.link.linked() ? &item.waiter : nullptr;
      if (waiter != nullptr) *waiter = Waiter{.task = &current(), .events = item.events | always};
      item.result = item.file->poll(waiter) & (item.events | always);
      if (item.result != 0) ++ready;
    }
    if (ready > 0) leave();
    return ready;
  }
  void leave() {
    for (Item& item : list_)
      if (item.waiter.link.linked()) WaitQueue::leave(item.waiter);
  }
  Vector<Item> list_;
};

CallResult poll_until(std::uint64_t address, std::uint64_t count, abi::Nanoseconds deadline) {
  constexpr std::uint32_t rlimit_nofile = 7;
  if (count > current_process().limits[rlimit_nofile][0] && count > 1024) return Fail{Errno::inval};
  Vector<PollFd> fds;
  TRY_VOID(fds.resize(static_cast<std::size_t>(count)));
  TRY_VOID(copy_in(fds.data(), address, count * sizeof(PollFd)));
  Items items;
  TRY_VOID(items.resize(fds.size()));
  for (std::size_t i = 0; i < fds.size(); ++i) {
    if (fds[i].fd < 0) continue;
    Result<FileRef> file = file_of(static_cast<std::uint32_t>(fds[i].fd));
    items[i].events = static_cast<std::uint16_t>(fds[i].events);
    if (file.has_value()) items[i].file = std::move(*file);
    else items[i].result = poll_nval;
  }
  const std::uint64_t ready = TRY(items.wait(deadline));
  for (std::size_t i = 0; i < fds.size(); ++i) {
    fds[i].revents = static_cast<std::int16_t>(items[i].result);
    TRY_VOID(copy_out(address + i * sizeof(PollFd) + offsetof(PollFd, revents), &fds[i].revents, sizeof fds[i].revents));
  }
  return ready;
}

// --- select -----------------------------------------------------------------------------------------------------

constexpr std::uint32_t select_in = poll_readable | poll_rdband | poll_hup | poll_err,
                        select_out = poll_writable | poll_wrband | poll_err, select_extra = poll_pri;

class DescriptorSet {
 public:
  [[nodiscard]] Status read(std::uint64_t address, std::size_t count) {
    address_ = address;
    TRY_VOID(words_.resize((count + 63) / 64));
    for (std::uint64_t& word : words_) word = 0;
    if (address != 0) TRY_VOID(copy_in(words_.data(), address, words_.size() * 8));
    return {};
  }
  [[nodiscard]] bool has(std::size_t fd) const { return (words_[fd / 64] >> (fd % 64) & 1) != 0; }
  void clear() { for (std::uint64_t& word : words_) word = 0; }
  void add(std::size_t fd) { words_[fd / 64] |= std::uint64_t{1} << (fd % 64); }
  [[nodiscard]] Status write() const {
    if (address_ == 0) return {};
    return copy_out(address_, words_.data(), words_.size() * 8);
  }

 private:
  std::uint64_t address_ = 0;
  Vector<std::uint64_t> words_;
};

CallResult select_until(const Arguments& arguments, abi::Nanoseconds deadline) {
  const auto wanted = static_cast<std::int32_t>(arguments.a);
  if (wanted < 0) return Fail{Errno::inval};
  // Bits behind the table's end belong to no descriptor; Linux does not look at them either.
  const std::size_t table = current().files->slots.size() + 64;
  const std::size_t count = static_cast<std::size_t>(wanted) < table ? static_cast<std::size_t>(wanted) : table;
  DescriptorSet in, out, extra;
  TRY_VOID(in.read(arguments.b, count));
  TRY_VOID(out.read(arguments.c, count));
  TRY_VOID(extra.read(arguments.d, count));
  Vector<std::uint32_t> numbers;
  for (std::size_t fd = 0; fd < count; ++fd)
    if (in.has(fd) || out.has(fd) || extra.has(fd)) TRY_VOID(numbers.push_back(static_cast<std::uint32_t>(fd)));
  Items items;
  TRY_VOID(items.resize(numbers.size()));
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    items[i].file = TRY(file_of(numbers[i]));
    items[i].events = (in.has(numbers[i]) ? select_in : 0) | (out.has(numbers[i]) ? select_out : 0) |
                      (extra.has(numbers[i]) ? select_extra : 0);
  }
  std::uint64_t ready = 0;
  DescriptorSet* const sets[]{&in, &out, &extra};
  constexpr std::uint32_t masks[]{select_in, select_out, select_extra};
  static_cast<void>(TRY(items.wait(deadline)));
  for (std::size_t s = 0; s < 3; ++s) {
    DescriptorSet& set = *sets[s];
    Vector<std::uint32_t> hits;
    for (std::size_t i = 0; i < numbers.size(); ++i)
      if (set.has(numbers[i]) && (items[i].result & masks[s]) != 0) TRY_VOID(hits.push_back(numbers[i]));
    set.clear();
    for (const std::uint32_t fd : hits) set.add(fd);
    ready += hits.size();
    TRY_VOID(set.write());
  }
  return ready;
}

abi::Nanoseconds deadline_after(std::uint64_t ns) {
  const std::uint64_t start = now().raw();
  return ns > ~std::uint64_t{0} - 1 - start ? abi::forever : abi::Nanoseconds{start + ns};
}


// What is left until the deadline, for the calls that write it back; failures there are ignored, as Linux does.
void write_left(std::uint64_t address, abi::Nanoseconds deadline, std::uint64_t unit_ns) {
  if (address == 0 || deadline == abi::forever) return;
  const abi::Nanoseconds at = now();
  const std::uint64_t left = deadline > at ? deadline - at : 0;
  const std::array<std::uint64_t, 2> value{left / ns_per_second, left % ns_per_second / unit_ns};
  static_cast<void>(write_user(address, value));
}

}  // namespace

Result<abi::Nanoseconds> deadline_from(std::uint64_t address) {
  if (address == 0) return abi::forever;
  const auto time = TRY(read_user<Timespec>(address));
  if (time.seconds < 0 || time.nanoseconds < 0 || time.nanoseconds >= static_cast<std::int64_t>(ns_per_second)) return Fail{Errno::inval};
  if (time.seconds > 4'000'000'000) return abi::forever;
  return deadline_after(static_cast<std::uint64_t>(time.seconds) * ns_per_second + static_cast<std::uint64_t>(time.nanoseconds));
}

Status TemporaryMask::set(std::uint64_t mask_address, std::uint64_t size) {
  constexpr std::uint64_t unmaskable = 1ull << (sig_kill - 1) | 1ull << (sig_stop - 1);
  if (mask_address == 0) return {};
  if (size != sizeof(std::uint64_t)) return Fail{Errno::inval};
  SignalState& state = current().signals;
  const auto mask = TRY(read_user<std::uint64_t>(mask_address));
  state.saved_mask = std::exchange(state.mask, mask & ~unmaskable);
  state.restore_mask = true;
  active_ = true;
  return {};
}

CallResult TemporaryMask::finish(CallResult result) {
  if (!active_) return result;
  const bool interrupted = !result.has_value() && (result.error() == Errno::intr || result.error() == Errno::restart_no_handler);
  SignalState& state = current().signals;
  if (!interrupted && state.restore_mask) {
    state.mask = state.saved_mask;
    state.restore_mask = false;
  }
  return result;
}

CallResult linux_poll(const Arguments& arguments) {
  const auto timeout_ms = static_cast<std::int32_t>(arguments.c);
  // One that starts again without a handler having run has the rest of its time, as with relative_sleep.
  const abi::Nanoseconds kept = std::exchange(current().sleep_end, abi::forever);
  abi::Nanoseconds deadline = kept;
  if (timeout_ms < 0) deadline = abi::forever;
  else if (kept == abi::forever) deadline = deadline_after(static_cast<std::uint64_t>(timeout_ms) * 1'000'000);
  const CallResult result = poll_until(arguments.a, low(arguments.b), deadline);
  if (!result && result.error() == Errno::restart_no_handler) current().sleep_end = deadline;
  return result;
}

CallResult linux_ppoll(const Arguments& arguments) {
  const abi::Nanoseconds deadline = TRY(deadline_from(arguments.c));
  TemporaryMask mask;
  TRY_VOID(mask.set(arguments.d, arguments.e));
  const CallResult result = mask.finish(poll_until(arguments.a, low(arguments.b), deadline));
  write_left(arguments.c, deadline, 1);
  return result;
}

CallResult linux_select(const Arguments& arguments) {
  abi::Nanoseconds deadline = abi::forever;
  if (arguments.e != 0) {
    const auto time = TRY((read_user<std::array<std::int64_t, 2>>(arguments.e)));
    if (time[0] < 0 || time[1] < 0) return Fail{Errno::inval};
    const std::uint64_t seconds = static_cast<std::uint64_t>(time[0]) + static_cast<std::uint64_t>(time[1]) / 1'000'000;
    if (seconds < 4'000'000'000) deadline = deadline_after(seconds * ns_per_second + static_cast<std::uint64_t>(time[1]) % 1'000'000 * 1000);
  }
  const CallResult result = select_until(arguments, deadline);
  write_left(arguments.e, deadline, 1000);
  return result;
}

CallResult linux_pselect6(const Arguments& arguments) {
  const abi::Nanoseconds deadline = TRY(deadline_from(arguments.e));
  TemporaryMask mask;
  if (arguments.f != 0) {
    const auto pair = TRY((read_user<std::array<std::uint64_t, 2>>(arguments.f)));
    TRY_VOID(mask.set(pair[0], pair[1]));
  }
  const CallResult result = mask.finish(select_until(arguments, deadline));
  write_left(arguments.e, deadline, 1);
  return result;
}

}  // namespace exos
