// SPDX-License-Identifier: MIT
// futex_waitv: one task waits at several words, and says at which it was woken.
#include "libos/exos/call_helpers.hpp"
#include "libos/exos/futex_internal.hpp"
#include "libos/exos/sched.hpp"
#include "libos/exos/time_values.hpp"

namespace exos {
namespace {

struct Word { std::uint64_t value, address; std::uint32_t flags, reserved; };
static_assert(sizeof(Word) == 24);
constexpr std::uint32_t most_words = 128, flag_32 = 2, flag_private = 128;

// On their buckets as long as it lives.
class Queued {
 public:
  Queued() = default;
  Queued(const Queued&) = delete;
  Queued& operator=(const Queued&) = delete;
  ~Queued() { for (futex::FutexWaiter& waiter : list_) if (waiter.link.linked()) waiter.link.unlink(); }
  [[nodiscard]] Status resize(std::size_t count) { return list_.resize(count); }
  void join(std::size_t i, const futex::Key& key) {
    list_[i].key = key;
    list_[i].task = &current();
    futex::bucket_of(key).push_back(list_[i]);
    ++joined_;
  }
  [[nodiscard]] std::optional<std::size_t> woken() const {
    for (std::size_t i = 0; i < joined_; ++i)
      if (!list_[i].link.linked()) return i;
    return std::nullopt;
  }

 private:
  Vector<futex::FutexWaiter> list_;
  std::size_t joined_ = 0;
};

Result<abi::Nanoseconds> deadline_at(std::uint64_t address, std::uint32_t clock) {
  constexpr std::uint32_t realtime = 0, monotonic = 1;
  if (address == 0) return abi::forever;
  if (clock != realtime && clock != monotonic) return Fail{Errno::inval};
  const std::uint64_t ns = TRY(to_ns(TRY(read_user<Timespec>(address))));
  return clock == realtime ? deadline_at_wall(ns) : abi::Nanoseconds{ns};
}

}  // namespace

CallResult linux_futex_waitv(const Arguments& a) {
  if (as_u32(a.c) != 0 || as_u32(a.b) == 0 || as_u32(a.b) > most_words || a.a == 0) return Fail{Errno::inval};
  Vector<Word> words;
  TRY_VOID(words.resize(as_u32(a.b)));
  TRY_VOID(copy_in(words.data(), a.a, words.size() * sizeof(Word)));
  for (const Word& word : words)
    if ((word.flags & ~(flag_32 | flag_private)) != 0 || (word.flags & flag_32) == 0 || word.reserved != 0 || word.value >> 32 != 0)
      return Fail{Errno::inval};
  const abi::Nanoseconds deadline = TRY(deadline_at(a.d, as_u32(a.e)));
  Queued queued;
  TRY_VOID(queued.resize(words.size()));
  for (std::size_t i = 0; i < words.size(); ++i) {
    const futex::Key key = TRY(futex::key_of(words[i].address, (words[i].flags & flag_private) != 0));
    if (TRY(read_user<std::uint32_t>(words[i].address)) != words[i].value) return Fail{Errno::again};
    queued.join(i, key);
  }
  const Status slept = sched::block(deadline, Interruptible::yes);
  if (const auto woken = queued.woken()) return *woken;
  if (slept) return Fail{Errno::restart_sys};   // woken by nobody: asked again
  return Fail{slept.error()};
}

}  // namespace exos
